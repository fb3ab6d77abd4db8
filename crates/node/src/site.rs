//! The address of a request as a number: it decides which cookies count, and is computed once and passed on.

use mastra_auth_cloud_core::url::{RequestAddress, Scheme, Site};
use napi_derive::napi;

use crate::guard::{Result, guard};

/// The site of a request: 0 if its address is unknown or unreadable, else 1 to 6.
#[napi]
pub fn site_of(
    public_host: Option<String>,
    forwarded_host: Option<String>,
    host: Option<String>,
    forwarded_proto: Option<String>,
    url: Option<String>,
) -> Result<u32> {
    guard(|| {
        let site = Site::of_request(&RequestAddress {
            public_host: public_host.as_deref(),
            forwarded_host: forwarded_host.as_deref(),
            host: host.as_deref(),
            forwarded_proto: forwarded_proto.as_deref(),
            url: url.as_deref(),
        });
        (1..=6)
            .find(|number| site.is_some() && of_number(*number) == site)
            .unwrap_or(0)
    })
}

pub(crate) const fn of_number(number: u32) -> Option<Site> {
    let (scheme, has_port) = match number {
        1 => (Scheme::Https, false),
        2 => (Scheme::Https, true),
        3 => (Scheme::LoopbackHttp, false),
        4 => (Scheme::LoopbackHttp, true),
        5 => (Scheme::Http, false),
        6 => (Scheme::Http, true),
        _ => return None,
    };
    Some(Site { scheme, has_port })
}
