//! The fast path of a cache hit: from a request's headers to an identity.
//!
//! Returns an identity where [`Authenticate`](super::Authenticate) would answer with it at once and leave no background work.
//! Allocates nothing, and does not hash a token that was seen a moment ago. A [`Miss`] decides nothing: run `Authenticate`
//! then, which counts the request and does not hash the token again. Only the credential with the highest precedence is
//! tried.

use std::sync::Arc;

pub use super::credentials::Miss;
use super::credentials::bearer;
use crate::engine::Engine;
use crate::secret::Form;
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

/// The cached identity of a request, unless its token may be due for renewal: for a driver that can set a newer cookie.
///
/// # Errors
///
/// [`Miss`] where the fast path cannot answer.
pub fn known_unless_due<'h>(
    engine: &Engine,
    credentials: &RawCredentials<'h>,
    now: Now,
) -> Result<Arc<Identity>, Miss<'h>> {
    look(
        engine,
        credentials,
        |identity| !identity.is_renewal_due(now.wall),
        now,
    )
}

/// As [`known_unless_due`] where `refreshes`, else as [`known`]: one way for a driver that finds out at run time whether it can
/// set a newer cookie.
///
/// # Errors
///
/// [`Miss`] where the fast path cannot answer.
pub fn known_for<'h>(
    engine: &Engine,
    credentials: &RawCredentials<'h>,
    refreshes: bool,
    now: Now,
) -> Result<Arc<Identity>, Miss<'h>> {
    look(
        engine,
        credentials,
        |identity| !(refreshes && identity.is_renewal_due(now.wall)),
        now,
    )
}

fn look<'h>(
    engine: &Engine,
    credentials: &RawCredentials<'h>,
    wanted: impl FnOnce(&Identity) -> bool,
    now: Now,
) -> Result<Arc<Identity>, Miss<'h>> {
    let (token, is_cookie) = credentials.first(engine).ok_or(Miss { first: None })?;
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
