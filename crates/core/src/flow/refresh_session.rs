//! Refreshes a session: replaces its token near or past its expiry by a newer one, where the Cloud issues one.
//!
//! The Cloud is asked whether the session is alive. A newer token in its answer is verified like any other, for the same
//! user; a token that a browser brings is never taken for one. From then on the old token stands for the newer one for a
//! while, so requests under way stay signed in. A newer token that could not be verified is kept, and verified by the next
//! refresh.
//!
//! Does not decide when: `authenticate/with_refresh` does, or a Node host that calls `refreshSession`.
//!
//! Drivers run one of these per key, however many requests wait. A recent refusal of the token itself does not prevent a
//! refresh: the token may have been expired. A refusal to refresh is cached: such a session has ended, and not every request
//! asks again. A revocation during the refresh wins, by each id that the session has: then no token is handed out.

mod newer_token;
mod sealed;

use core::time::Duration;
use std::sync::Arc;

use super::results::{Renewal, Renewed};
use super::task::{Host, Jitter, Shared, Task};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::{CloudSession, CloudUser};
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::cloud::ops::verify_token::VerifyToken;
use crate::engine::Engine;
use crate::engine::breaker::CallKind;
use crate::engine::rotated_tokens::HandedOut;
use crate::error::{CloudApiError, Code};
use crate::ids::UserId;
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::lookup::{Lookup, Refused};
use crate::session::{Identity, TokenDigest};
use crate::time::Timestamp;
use crate::unverified::Unverified;

/// Refreshes the session of this token for a caller that sets a newer one as the browser's cookie: once with all other callers.
pub fn refresh_for_browser(
    engine: &Arc<Engine>,
    token: SessionToken,
    jitter: Jitter,
) -> Task<'static, Renewal> {
    let engine = Arc::clone(engine);
    Task::new(jitter, |host| async move {
        let refresh = refresh_session(&engine, token.clone(), jitter);
        let renewal = host.refresh(refresh).await;
        if let Renewal::Renewed(renewed) = &renewal {
            let newer = renewed.identity.user().session_token();
            let answered = host.answered_for(&engine, &token, newer, HandedOut::Yes);
            if !answered.await {
                return signed_out();
            }
        }
        renewal
    })
}

/// Refreshes the session of this token. Where that gives a newer one, the caller says whether it goes out to the browser.
pub fn refresh_session(
    engine: &Arc<Engine>,
    token: SessionToken,
    jitter: Jitter,
) -> Shared<Renewal> {
    let key = engine.key(&token);
    let engine = Arc::clone(engine);
    let task = Task::new(jitter, |host| async move {
        let mut refresh = Refresh {
            engine,
            key,
            token,
            host,
            asked_at: Duration::ZERO,
            whose: None,
        };
        let renewal = if refresh.token.is_sealed() {
            refresh.run_sealed().await
        } else {
            refresh.run().await
        };
        refresh.unless_over(renewal)
    });
    Shared::new(key, task)
}

struct Refresh {
    engine: Arc<Engine>,
    /// The key of the token that this was begun for, whatever newer one is found on the way.
    key: TokenDigest,
    token: SessionToken,
    host: Host,
    /// When the Cloud was asked for a newer token, on the monotonic clock.
    asked_at: Duration,
    /// Whose the session is, where the Cloud said so as it handed out a newer token.
    whose: Option<UserId>,
}

/// The source of the newer token.
enum Newer {
    /// The Cloud issued it just now; with the life that it states.
    HandedOut(SessionToken, Option<Duration>),
    /// The Cloud issued it to an earlier refresh, which could not verify it.
    Held,
    /// An earlier refresh, which verified it.
    Known,
}

impl Refresh {
    async fn run(&mut self) -> Renewal {
        let now = self.host.now();
        if let Some(newer) = self.engine.rotated(&self.key, now)
            && let Some(session) = newer.session().cloned()
        {
            self.token = newer.token().clone();
            self.whose = Some(session.user_id().clone());
            let known = match self.engine.lookup(newer.key(), now) {
                Lookup::Fresh(identity) | Lookup::Due(identity) => {
                    return self.renewed(identity, session);
                }
                Lookup::Stale(_) => Some(Newer::Known),
                Lookup::Unknown if newer.is_verified() => Some(Newer::Known),
                Lookup::Unknown => Some(Newer::Held),
                // It is expired too, and so the one to refresh; or its session is over.
                Lookup::Expired | Lookup::Refused(_) | Lookup::SignedOut => None,
            };
            if let Some(known) = known {
                match self.verify(&known).await {
                    None => return self.without_call(known, session),
                    // The newer one may be expired too, by the Cloud's clock or this one: then it is the one to refresh.
                    Some(Err(error)) if error.is_refusal() => return self.validate().await,
                    Some(Ok(_)) if self.is_past_its_end(&session) => return self.validate().await,
                    Some(result) => return self.verified(result, session, known).await,
                }
            }
        }
        match self.engine.lookup(&self.own_key(), now) {
            Lookup::SignedOut => return signed_out(),
            Lookup::Refused(refusal) if refusal.of == Refused::Session => {
                return Renewal::Ended(refusal.error);
            }
            _ => {}
        }
        self.validate().await
    }

    /// Asks whether the session is alive, and for a newer token.
    async fn validate(&mut self) -> Renewal {
        let (own_key, now) = (self.own_key(), self.host.now());
        self.asked_at = now.monotonic;
        let Some(permit) = self.engine.may_ask(CallKind::Validate, own_key, now) else {
            return Renewal::Unavailable(CloudApiError::new(Code::CircuitOpen));
        };
        let operation = ValidateSession::new(self.token.clone());
        let result = self.host.call(self.engine.config(), operation).await;
        let now = self.host.now();
        permit.report(&result, now);
        let Validated { session, newer } = match result {
            Ok(validated) => validated,
            Err(error) => return self.failed(error),
        };
        // A newer token that could not be verified may be another user's, and the Cloud may mix two sessions up.
        let is_another = |whose| whose != session.user_id();
        if self.whose.as_ref().is_some_and(is_another)
            || self.engine.is_of_another(&own_key, session.user_id())
        {
            return another_one();
        }
        let session = self.engine.accepted_session(session, &own_key, now);
        if session.expires_at() <= now.wall {
            return self.cache_rejection(CloudApiError::new(Code::SessionExpired));
        }
        // The session or its user was revoked, here or elsewhere; the token itself may be unknown here.
        if self.engine.is_ended(&session, now) {
            return self.end(newer.as_ref(), &session);
        }
        let Some(newer) = newer else {
            let renewal = self.unchanged(session.clone());
            let is_longer =
                matches!(&renewal, Renewal::Unchanged { cookie, .. } if cookie.is_some());
            if own_key == self.key || !is_longer {
                return renewal;
            }
            // The newest token is good for longer, and a browser has an older one.
            return match self.verify(&Newer::Known).await {
                None => self.without_call(Newer::Known, session),
                Some(result) => self.verified(result, session, Newer::Known).await,
            };
        };
        let life = Unverified::peek(&newer).life();
        let newer = Newer::HandedOut(newer, life);
        match self.verify(&newer).await {
            None => self.without_call(newer, session),
            Some(result) => self.verified(result, session, newer).await,
        }
    }

    /// Asks for the user of a newer token. None where the breaker is open.
    async fn verify(&self, newer: &Newer) -> Option<Result<CloudUser, CloudApiError>> {
        let token = match newer {
            Newer::HandedOut(newer, _) => newer,
            Newer::Held | Newer::Known => &self.token,
        };
        // By the old token where that is known: each newer one of a session would seem to be another account's failure.
        let of = match newer {
            Newer::Held => self.key,
            Newer::HandedOut(..) | Newer::Known => self.own_key(),
        };
        let permit = self.engine.may_ask(CallKind::Verify, of, self.host.now())?;
        let operation = VerifyToken::new(token.clone());
        let result = self.host.call(self.engine.config(), operation).await;
        permit.report(&result, self.host.now());
        Some(result)
    }

    /// Whether the token at hand is past its end by its own claims, where those count, or its session by what the Cloud said last.
    fn is_past_its_end(&self, session: &CloudSession) -> bool {
        let (end, now) = (Unverified::peek(&self.token).expires_at, self.host.now());
        let last = end.map(|end| end.plus(self.engine.cache.leeway()));
        session.expires_at() <= now.wall
            || self.engine.keys().is_some() && last.is_some_and(|last| last <= now.wall)
    }

    /// The key of the token to ask with.
    fn own_key(&self) -> TokenDigest {
        self.engine.key(&self.token)
    }

    fn renewed(&self, identity: Arc<Identity>, session: CloudSession) -> Renewal {
        // A newer token that could not be verified may be one that another user has brought since.
        if identity.user().id() != session.user_id() {
            return another_one();
        }
        match Renewed::new(&self.engine, identity, session, self.host.now()) {
            Ok(renewed) => Renewal::Renewed(Arc::new(renewed)),
            Err(error) => Renewal::Unavailable(error),
        }
    }

    fn unchanged(&self, session: CloudSession) -> Renewal {
        let (own_key, now) = (self.own_key(), self.host.now());
        let own = self.engine.lookup(&own_key, now);
        let is_good = counts(&own);
        if let Lookup::Refused(refusal) = own {
            // The token is refused and there is no other: asking again cannot sign the user in.
            return self.cache_rejection(refusal.error);
        }
        let end = end(&session, Unverified::peek(&self.token).expires_at);
        let known = self.engine.peek(&own_key);
        if end <= now.wall {
            // The clock is ahead, or may be: only the Cloud can tell whether the token is still good.
            let by_cloud = self.engine.keys().is_none();
            if is_good || by_cloud && known.is_none_or(|known| known.is_rebased()) {
                return Renewal::Unchanged {
                    session,
                    cookie: None,
                };
            }
            return self.cache_rejection(CloudApiError::new(Code::SessionExpired));
        }
        let was = known.and_then(|known| known.expires_at());
        if was.is_none_or(|was| end <= was) {
            return Renewal::Unchanged {
                session,
                cookie: None,
            };
        }
        self.engine.prolong(&own_key, end, &session, now);
        let until = session.expires_at();
        match self
            .engine
            .session_cookie(&self.token, until, None, now.wall)
        {
            Ok(cookie) => Renewal::Unchanged {
                session,
                cookie: Some(cookie),
            },
            Err(error) => Renewal::Unavailable(error),
        }
    }

    fn failed(&self, error: CloudApiError) -> Renewal {
        if error.is_refusal() {
            self.cache_rejection(error)
        } else {
            Renewal::Unavailable(error)
        }
    }

    /// Caches that the session has ended. A refusal without status 401 ends no session whose token is still good, unless its user is
    /// no member of the organization.
    fn cache_rejection(&self, error: CloudApiError) -> Renewal {
        let (own_key, now) = (self.own_key(), self.host.now());
        let own = self.engine.lookup(&own_key, now);
        if matches!(own, Lookup::SignedOut) {
            return signed_out();
        }
        let is_good = if matches!(own, Lookup::Unknown) {
            let end = Unverified::peek(&self.token).expires_at;
            end.is_some_and(|end| now.wall < end)
        } else {
            counts(&own)
        };
        if is_good && error.status() != 401 && !error.is(&Code::OrganizationForbidden) {
            return Renewal::Unavailable(error);
        }
        self.engine.cache_rejection(own_key, &error, now);
        Renewal::Ended(error)
    }

    /// The result, unless the session was revoked while the Cloud was asked.
    fn unless_over(&self, renewal: Renewal) -> Renewal {
        let now = self.host.now();
        let (newer, session) = match &renewal {
            Renewal::Ended(_) => return renewal,
            Renewal::Unavailable(_) => (None, None),
            Renewal::Unchanged { session, .. } => (None, Some(session)),
            Renewal::Renewed(renewed) => {
                let newer = renewed.identity.user().session_token();
                (Some(newer), Some(&renewed.session))
            }
        };
        if let Some(session) = session.filter(|session| self.engine.is_ended(session, now)) {
            return self.end(newer, session);
        }
        let newer = newer.map(|newer| self.engine.key(newer));
        let mut keys = [self.key, self.own_key()].into_iter().chain(newer);
        let is_out = |key| matches!(self.engine.lookup(&key, now), Lookup::SignedOut);
        if keys.any(is_out) {
            return signed_out();
        }
        renewal
    }

    /// Revokes the tokens of a session whose id at the Cloud is revoked, here and on other instances. The tokens may state
    /// another id, and a later time of issue than the revocation.
    fn end(&self, newer: Option<&SessionToken>, session: &CloudSession) -> Renewal {
        for token in newer.into_iter().chain([&self.token]) {
            let (end, now) = (Some(session.expires_at()), self.host.now());
            self.engine.sign_out_proven(token, session.id(), end, now);
        }
        signed_out()
    }
}

/// Whether a token counts by what is cached, within its leeway too.
const fn counts(own: &Lookup) -> bool {
    matches!(own, Lookup::Fresh(_) | Lookup::Due(_) | Lookup::Stale(_))
}

/// The expiry of an identity: its session's, or its token's where that is stated and sooner.
fn end(session: &CloudSession, token: Option<Timestamp>) -> Timestamp {
    token.map_or(session.expires_at(), |end| end.min(session.expires_at()))
}

fn signed_out() -> Renewal {
    Renewal::Ended(CloudApiError::new(Code::SignedOut))
}

/// Two users in one answer: the session's owner is unclear.
fn another_one() -> Renewal {
    Renewal::Unavailable(bad_member(BadMember("session.user_id")))
}
