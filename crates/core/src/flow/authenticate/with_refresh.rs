//! Authentication with refresh, for a driver that can set a newer cookie on the response and asks for that with
//! [`refreshing`](super::Authenticate::refreshing). Decides whether this request refreshes the session.
//!
//! [`Identity`](crate::session::Identity) knows when a session is due, and `refresh_session` asks the Cloud. Node comes here
//! with hosts that set the cookie; others ask for a refresh after a refusal.
//!
//! Near its expiry, one of the requests with a session cookie refreshes the session, while the others get the cached
//! identity. Past its expiry, all of them wait for the one refresh. A bearer is never refreshed, since its client keeps it.
//!
//! A cookie's token that the Cloud refused is refreshed once, unless it states an expiry far ahead: it may have been expired.
//! A refresh that fails signs no user out whose token is still good.

use std::sync::Arc;

use super::super::refresh_session::refresh_session;
use super::super::results::Renewal;
use super::super::verify_token::{Known, look};
use super::credentials::Credential;
use super::{Authentication, Judged, Refresher, Search, Tried};
use crate::cloud::model::CloudSession;
use crate::cookie::SetCookie;
use crate::counters::Source;
use crate::engine::rotated_tokens::NewerToken;
use crate::engine::signature_check::SignatureError;
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::identity::renew_from;
use crate::session::lookup::{Lookup, Refused};
use crate::session::{Identity, TokenDigest};
use crate::unverified::Unverified;

/// What a token states of its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// It may still be good.
    Near,
    /// It is expired.
    Past,
}

impl Search {
    /// Whether this request is to refresh the session of an identity: near the end of its token one of any number of requests,
    /// and past it, within the leeway, all of them. The Cloud knows no leeway: it grants nothing to a token past its end.
    pub(super) fn is_to_refresh(&self, identity: &Identity, refresher: Refresher) -> bool {
        let (key, now) = (identity.key(), self.host.now());
        if !refresher.is_due(identity, now.wall) {
            return false;
        }
        self.engine.has_newer(&key, now)
            || if identity.is_past_end(now.wall) {
                !self.engine.has_renewal_failed(&key, now)
            } else {
                self.engine.may_renew(&key, now)
            }
    }

    /// Refreshes the session of a token that is still good.
    pub(super) async fn refresh_good(&mut self, identity: Arc<Identity>, source: Source) -> Judged {
        let token = identity.user().session_token().clone();
        match self.refresh(token, identity.key()).await {
            Renewal::Renewed(renewed) if self.settings.refresher == Refresher::Here => Ok((
                Authentication::Authenticated(Arc::clone(&renewed.identity)),
                Source::Cloud,
            )),
            Renewal::Renewed(_) => Err((CloudApiError::new(Code::SessionExpired), Source::Cloud)),
            Renewal::Ended(error) => Err((error, Source::Cloud)),
            Renewal::Unchanged { .. } | Renewal::Unavailable(_) => {
                let now = self.host.now();
                let over = |code| Err((CloudApiError::new(code), source));
                // It may have been refused or revoked while the refresh ran.
                if let Known::Answer(Authentication::Rejected(error)) =
                    look(&self.engine, &identity.key(), now)
                {
                    return Err((error, Source::Cache));
                }
                if self.engine.cache.is_over(&identity, now) {
                    return over(Code::SessionExpired);
                }
                if !self.engine.cache.stands(&identity, now) {
                    return over(Code::SignedOut);
                }
                if identity.is_past_end(now.wall) {
                    self.engine.renewal_failed(&identity.key(), now);
                }
                Ok((Authentication::Authenticated(identity), source))
            }
        }
    }

    /// Whether the session of an unverified token is to be refreshed before the token is verified: it states that it is near
    /// or past its expiry. Where the Cloud's clock is ahead of this one, verifying it may fail already.
    pub(super) fn is_due(&self, tried: &Tried) -> Option<Expiry> {
        let (engine, now) = (&self.engine, self.host.now());
        let said = Unverified::peek(&tried.token);
        if said.expires_at.is_some_and(|end| end <= now.wall) {
            return Some(Expiry::Past);
        }
        let before = engine.config().policy.renew_before;
        let from = said
            .expires_at
            .zip(said.issued_at)
            .map(|(end, issued)| renew_from(issued, end, before));
        let is_near =
            || from.is_some_and(|from| from <= now.wall) && engine.may_renew(&tried.digest, now);
        (engine.has_newer(&tried.digest, now) || is_near()).then_some(Expiry::Near)
    }

    /// Refreshes the session of a cookie that was refused, where its token may be merely expired. None where it is not.
    pub(super) async fn refresh_refused(&mut self, cookie: &Credential<'_>) -> Option<Judged> {
        let token = cookie.token()?;
        let digest = cookie.digest(&self.engine)?;
        if !self.may_be_past_its_end(&token, digest).await {
            return None;
        }
        let tried = Tried {
            token,
            digest,
            refresher: Refresher::Here,
            stale: None,
        };
        if let Some(judged) = self.refresh_unverified(&tried, Expiry::Past).await {
            return Some(judged);
        }
        if self.engine.keys().is_some() && !tried.token.is_sealed() {
            return Some(Box::pin(self.by_signature(&tried)).await);
        }
        let verify = self.verify(&tried);
        Some(self.ask_cloud(&tried, verify).await)
    }

    /// Refreshes the session of a token that is not known to be good. None where the token is still to be verified: its
    /// session ends later than was known, or it may be good though the refresh failed.
    pub(super) async fn refresh_unverified(
        &mut self,
        tried: &Tried,
        due: Expiry,
    ) -> Option<Judged> {
        match self.refresh(tried.token.clone(), tried.digest).await {
            Renewal::Renewed(renewed) => Some(Ok((
                Authentication::Authenticated(Arc::clone(&renewed.identity)),
                Source::Cloud,
            ))),
            Renewal::Ended(error) => Some(Err((error, Source::Cloud))),
            Renewal::Unavailable(error) if due == Expiry::Past => {
                // A newer session that cannot be asked about leaves what is known of this one.
                let now = self.host.now();
                let is_sealed = tried.token.is_sealed();
                let newer = self.engine.rotated(&tried.digest, now);
                let before = newer.as_ref().and_then(NewerToken::before);
                let keys = [Some(&tried.digest), before.map(NewerToken::key)];
                let known = |key| match self.engine.lookup(key, now) {
                    Lookup::Stale(it) | Lookup::Fresh(it) | Lookup::Due(it) if is_sealed => {
                        Some(it)
                    }
                    _ => None,
                };
                Some(Ok(match keys.into_iter().flatten().find_map(known) {
                    Some(known) => (Authentication::Authenticated(known), Source::Cache),
                    None => (Authentication::Unavailable(error), Source::Cloud),
                }))
            }
            Renewal::Unavailable(_) | Renewal::Unchanged { .. } => None,
        }
    }

    /// Refreshes a session, and keeps the cookie to set where this driver can set one.
    async fn refresh(&mut self, token: SessionToken, digest: TokenDigest) -> Renewal {
        self.begun = Some(digest);
        let refresh = refresh_session(&self.engine, token.clone(), self.host.jitter());
        let renewal = self.host.refresh(refresh).await;
        if self.settings.refresher != Refresher::Here {
            return renewal;
        }
        self.cookie = match &renewal {
            Renewal::Renewed(renewed) => {
                let newer = renewed.identity.user().session_token();
                let cookie = self.cookie_here(newer, &renewed.session, &renewed.cookie);
                cookie.map(|cookie| (renewed.identity.key(), cookie))
            }
            Renewal::Unchanged {
                session,
                cookie: Some(cookie),
            } => {
                let cookie = self.cookie_here(&token, session, cookie);
                cookie.map(|cookie| (digest, cookie))
            }
            _ => self.cookie.take(),
        };
        renewal
    }

    /// The cookie for this request's address: requests to others share the refresh. None where it does not fit there.
    fn cookie_here(
        &self,
        token: &SessionToken,
        session: &CloudSession,
        shared: &SetCookie,
    ) -> Option<SetCookie> {
        let (until, now) = (session.expires_at(), self.host.now().wall);
        match self.settings.site {
            None => Some(shared.clone()),
            site => self.engine.session_cookie(token, until, site, now).ok(),
        }
    }

    /// Whether a token may have been refused for being expired. Where signatures are verified, its signature must be good, so
    /// that an invented token costs no call.
    async fn may_be_past_its_end(&self, token: &SessionToken, digest: TokenDigest) -> bool {
        let now = self.host.now();
        match self.engine.lookup(&digest, now) {
            _ if self.begun == Some(digest) => false,
            Lookup::Expired => true,
            Lookup::Refused(refusal) => {
                refusal.of == Refused::Token && self.says_nothing_else(token)
            }
            Lookup::Unknown => matches!(
                self.host.check_signature(&self.engine, digest, token).await,
                Err(SignatureError::Refused(error)) if error.is(&Code::SessionExpired)
            ),
            _ => false,
        }
    }

    /// Whether a token that the Cloud refused may be expired by its own claims: it states no expiry, or a near one, or this
    /// clock is behind its issuer's. Any other token is asked about once, however often it is brought.
    fn says_nothing_else(&self, token: &SessionToken) -> bool {
        let (said, now) = (Unverified::peek(token), self.host.now());
        let near = now.wall.plus(self.engine.config().policy.renew_before);
        said.expires_at.is_none_or(|end| end <= near)
            || said.issued_at.is_some_and(|issued| issued > now.wall)
    }
}
