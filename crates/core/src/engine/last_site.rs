//! The address that a deployment was last reached at, for cookies that are set without a request at hand. Also the name that
//! the last session cookie came under, for the header that clears it.
//!
//! Decides nothing but names and attributes of cookies.

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::cookie::Kind;
use crate::url::{Scheme, Site};

/// 0 while no address was noted.
#[derive(Debug, Default)]
pub(crate) struct LastSite(AtomicU8);

impl LastSite {
    pub(crate) fn put(&self, site: Site, came: Option<Kind>) {
        let scheme = match site.scheme {
            Scheme::Https => 1,
            Scheme::LoopbackHttp => 2,
            Scheme::Http => 3,
        };
        let kind = came.map_or(0, |kind| {
            16 | u8::from(kind.is_prefixed) << 5 | u8::from(kind.is_suffixed) << 6
        });
        self.0
            .store(scheme | u8::from(site.has_port) << 2 | kind, Relaxed);
    }

    pub(crate) fn site(&self) -> Option<Site> {
        let last_site = self.0.load(Relaxed);
        let scheme = match last_site & 3 {
            1 => Scheme::Https,
            2 => Scheme::LoopbackHttp,
            3 => Scheme::Http,
            _ => return None,
        };
        Some(Site {
            scheme,
            has_port: last_site & 4 != 0,
        })
    }

    /// The name that the last session cookie came under.
    pub(crate) fn came(&self) -> Option<Kind> {
        let last_site = self.0.load(Relaxed);
        (last_site & 16 != 0).then_some(Kind {
            is_prefixed: last_site & 32 != 0,
            is_suffixed: last_site & 64 != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found() {
        let last = LastSite::default();
        assert_eq!((last.site(), last.came()), (None, None));
        for scheme in [Scheme::Https, Scheme::LoopbackHttp, Scheme::Http] {
            for bits in 0..16 {
                let bit = |n: u32| bits & (1 << n) != 0;
                let site = Site {
                    scheme,
                    has_port: bit(0),
                };
                let kind = Kind {
                    is_prefixed: bit(1),
                    is_suffixed: bit(2),
                };
                let came = bit(3).then_some(kind);
                last.put(site, came);
                assert_eq!((last.site(), last.came()), (Some(site), came));
            }
        }
    }
}
