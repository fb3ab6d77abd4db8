//! The fast path of a cache hit: from a request's headers to an identity.
//!
//! Returns an identity where [`Authenticate`](super::Authenticate) would answer with it at once and leave no background work.
//! Allocates nothing, and does not hash a token that was seen a moment ago. A [`Miss`] decides nothing: run `Authenticate`
//! then, which counts the request and does not hash the token again. Only the credential with the highest precedence is
//! tried.

use std::sync::Arc;

use super::Refresher;
pub use super::credentials::Miss;
use super::credentials::bearer;
use crate::engine::Engine;
use crate::secret::{Form, MAX_TOKEN_BYTES};
use crate::session::Identity;
use crate::time::Now;
use crate::url::Site;

/// A request's credentials as they came, not parsed.
#[derive(Clone, Copy, Default)]
pub struct RawCredentials<'h> {
    /// A token that the host has read already: it counts before the headers.
    pub token: Option<&'h str>,
    /// The `Authorization` header.
    pub authorization: Option<&'h str>,
    /// The `Cookie` header.
    pub cookie: Option<&'h [u8]>,
    /// The request's address.
    pub address: Address,
}

/// What is known of a request's address. Exhaustive: it was looked up or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Address {
    /// Not looked up so far.
    #[default]
    Unresolved,
    /// Looked up; none where it was not found.
    Resolved(Option<Site>),
}

/// The cached identity of a request.
///
/// # Errors
///
/// [`Miss`] where the fast path cannot answer.
pub fn known<'h>(
    engine: &Engine,
    credentials: &RawCredentials<'h>,
    now: Now,
) -> Result<Arc<Identity>, Miss<'h>> {
    look(engine, credentials, |_| true, now)
}

/// The cached identity of a request, unless its session may be due for this refresher.
///
/// # Errors
///
/// [`Miss`] where the fast path cannot answer.
pub fn known_for<'h>(
    engine: &Engine,
    credentials: &RawCredentials<'h>,
    refresher: Refresher,
    now: Now,
) -> Result<Arc<Identity>, Miss<'h>> {
    look(
        engine,
        credentials,
        |identity| !refresher.is_due(identity, now.wall),
        now,
    )
}

fn look<'h>(
    engine: &Engine,
    credentials: &RawCredentials<'h>,
    wanted: impl FnOnce(&Identity) -> bool,
    now: Now,
) -> Result<Arc<Identity>, Miss<'h>> {
    let (token, is_cookie) = credentials
        .first(engine)
        .filter(|(token, _)| token.len() <= MAX_TOKEN_BYTES)
        .ok_or(Miss { first: None })?;
    let is_sealed = is_cookie && engine.config().table().sealed.is_some();
    let form = if is_sealed {
        Form::Sealed
    } else {
        Form::Bearer
    };
    engine
        .fast_lookup((token, form), wanted, now)
        .map_err(|digest| Miss {
            first: Some((token, digest)),
        })
}

impl<'h> RawCredentials<'h> {
    /// The credential with the highest precedence, and whether a cookie brings it; none also where the headers cannot be read.
    fn first(&self, engine: &Engine) -> Option<(&'h [u8], bool)> {
        // Read even where it has no precedence: an unreadable header is refused whatever else the request brings.
        let cookie = match self.cookie {
            Some(header) => {
                let cookie = &engine.config().cookie;
                let counted = match self.address {
                    Address::Unresolved => cookie.counted(None),
                    Address::Resolved(site) => engine.counted(site),
                };
                cookie.names().first(header, counted).ok()?
            }
            None => None,
        };
        let token = self.token.map(|text| bearer(text).unwrap_or(text));
        let bearer = self.authorization.and_then(bearer);
        let texts = token
            .into_iter()
            .chain(bearer)
            .map(|it| (it.as_bytes(), false));
        let cookie = cookie.into_iter().map(|it| (it, true));
        texts.chain(cookie).find(|(text, _)| !text.is_empty())
    }
}

redacted!(RawCredentials<'_>);

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::Credentials;
    use super::*;
    use crate::config::{Config, DEFAULT_BASE_URL};
    use crate::cookie::{CookieOptions, CookieSpec, MAX_HEADER_BYTES};
    use crate::entropy::Entropy;
    use crate::ids::ProjectId;
    use crate::time::Timestamp;
    use crate::url::BaseUrl;

    fn engine() -> Arc<Engine> {
        let config = Config::new(
            BaseUrl::parse(DEFAULT_BASE_URL).unwrap(),
            ProjectId::parse("demo").unwrap(),
            CookieSpec::new(CookieOptions::default()).unwrap(),
        );
        Engine::new(config, Entropy::new([7; 32]))
    }

    #[test]
    fn threat_096_what_is_too_long_for_a_token_is_not_hashed() {
        let engine = engine();
        let now = Now {
            wall: Timestamp::from_unix_seconds(1_769_594_400),
            monotonic: Duration::ZERO,
        };
        for (size, is_hashed) in [(MAX_TOKEN_BYTES, true), (MAX_TOKEN_BYTES + 1, false)] {
            let token = "a".repeat(size);
            let brought = RawCredentials {
                token: Some(&token),
                ..RawCredentials::default()
            };
            let miss = known(&engine, &brought, now).unwrap_err();
            assert_eq!(miss.first.is_some(), is_hashed, "{size}");
            let credentials = Credentials::token(&token);
            let first = credentials.iter().next().unwrap();
            assert_eq!(first.digest(&engine).is_some(), is_hashed, "{size}");
        }
    }

    #[test]
    fn threat_096_a_header_that_is_too_long_holds_no_token() {
        for (spaces, is_read) in [(MAX_HEADER_BYTES - 8, true), (MAX_HEADER_BYTES - 7, false)] {
            let header = format!("Bearer t{}", " ".repeat(spaces));
            assert_eq!(bearer(&header) == Some("t"), is_read, "{spaces}");
        }
    }
}
