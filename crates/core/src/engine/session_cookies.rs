//! Session cookies: which names of a request count, and the name and attributes of the one that is set.

use crate::cookie::{CookieError, Counted, SetCookie, Values};
use crate::encoding::constant_time_eq;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::login::cookie::Opened;
use crate::login::pkce::derive_verifier;
use crate::login::state::StateId;
use crate::secret::SessionToken;
use crate::time::Timestamp;
use crate::url::Site;

impl Engine {
    /// Which cookie names count for a request to this address; where it is unknown, by the address last noted.
    pub(crate) fn counted(&self, site: Option<Site>) -> Counted {
        self.config
            .cookie
            .counted_now(site.or_else(|| self.last_site.site()))
    }

    /// The session cookies to try for a request to this address, in order: the deployment's own name first.
    ///
    /// # Errors
    ///
    /// [`CookieError`] where the header is too long or a name occurs too often.
    pub fn session_cookies<'h>(
        &self,
        header: &'h str,
        site: Option<Site>,
    ) -> Result<Values<'h>, CookieError> {
        let names = self.config.cookie.names();
        names.values(header.as_bytes(), self.counted(site))
    }

    /// Whether the address must be known to decide which cookies of this header count.
    pub fn needs_site(&self, header: &[u8]) -> bool {
        let cookie = &self.config.cookie;
        cookie.counted(None) == Counted::Undecided && cookie.names().has_unprefixed(header)
    }

    /// Whether a login cookie without `__Host-` counts, for a sign-in that comes back to plain http on this machine. It does
    /// where that is the address last noted, or, outside of production, where this process began the sign-in.
    pub(crate) fn is_plain_login(&self, bound: &Opened, state: &StateId) -> bool {
        let (config, redirect_uri) = (&self.config, &bound.redirect_uri);
        if config.cookie.counted(Some(redirect_uri.site())) != Counted::Both {
            return false;
        }
        let is_ours = || {
            derive_verifier(&self.login_secret, config, redirect_uri, state).is_ok_and(|own| {
                constant_time_eq(own.expose().as_bytes(), bound.verifier.expose().as_bytes())
            })
        };
        self.counted(None) == Counted::Both || (!config.cookie.is_production() && is_ours())
    }

    /// Notes the address of a sign-in. Cookies that are next set without a request are for a browser there.
    pub fn note(&self, site: Site) {
        self.last_site.put(site, None);
    }

    /// The session token that a request to this address brings in a cookie, unverified: the first that has a token's form.
    /// Notes the request's address and the cookie's name.
    pub fn session_token<'h>(&self, header: &'h str, site: Option<Site>) -> Option<&'h str> {
        let mut values = self.session_cookies(header, site).ok()?;
        let token = values.find(|value| self.config.session_token(value).is_ok())?;
        let counted = self.counted(site);
        let names = self.config.cookie.names();
        let came = names
            .all(header.as_bytes())
            .find(|(kind, value)| names.counts(*kind, counted) && *value == token.as_bytes())
            .map(|(kind, _)| kind);
        if let Some(site) = site.or_else(|| self.last_site.site()) {
            self.last_site.put(site, came);
        }
        Some(token)
    }

    /// The cookie that keeps a session's token in a browser until `until`, for this address or the one last noted.
    ///
    /// # Errors
    ///
    /// `cookie_too_large`.
    pub fn session_cookie(
        &self,
        token: &SessionToken,
        until: Timestamp,
        site: Option<Site>,
        now: Timestamp,
    ) -> Result<SetCookie, CloudApiError> {
        let left = until.since(now).min(self.config.policy.session_max_age);
        let site = site.or_else(|| self.last_site.site());
        self.config.cookie.at(site).set(token.expose(), left)
    }

    /// Whether a token of so many bytes fits into the cookie for this address or the one last noted.
    ///
    /// # Errors
    ///
    /// `cookie_too_large`, with both sizes.
    pub fn fits_cookie(&self, bytes: usize, site: Option<Site>) -> Result<(), CloudApiError> {
        let site = site.or_else(|| self.last_site.site());
        self.config.cookie.at(site).fits(bytes)
    }

    /// The header that clears the session cookie: the one that a request brought last, else the one for the address last
    /// noted.
    pub fn clear_session_cookie(&self) -> SetCookie {
        let (cookie, site) = (&self.config.cookie, self.last_site.site());
        match self.last_site.came() {
            Some(kind) => cookie.clear(kind, site),
            None => cookie.at(site).clear(),
        }
    }

    /// The session tokens that a sign-out ends, and for each fallback name the header that clears it.
    /// A cookie under a fallback name may be another deployment's. It counts where its token was verified here, or where
    /// there is no other.
    pub fn ending_cookies(
        &self,
        header: &str,
        site: Option<Site>,
    ) -> Vec<(SessionToken, Option<SetCookie>)> {
        let (cookie, counted) = (&self.config.cookie, self.counted(site));
        let found = || {
            let counts = move |(kind, _): &(_, _)| cookie.names().counts(*kind, counted);
            cookie.names().all(header.as_bytes()).filter(counts)
        };
        let has_own = found().any(|(kind, _)| !cookie.is_fallback(kind));
        found()
            .filter_map(|(kind, value)| {
                let text = core::str::from_utf8(value).ok()?;
                let token = self.config.session_token(text).ok()?;
                let is_fallback = cookie.is_fallback(kind);
                let counts = !is_fallback || !has_own || self.verified(&token).is_some();
                counts.then(|| (token, is_fallback.then(|| cookie.clear(kind, site))))
            })
            .collect()
    }
}
