//! Revokes a session here at once, and at the Cloud if that can be reached; the outcome says which.
//!
//! The token is denied when the sign-out is made, before any call. So the very next request is refused, whatever the Cloud
//! does, and even if the task is never driven. The Cloud's id of the session comes from the cache, else from the token itself, else
//! from one validation.
//!
//! The revocation is published at once where the token was verified here, else as soon as the Cloud accepts the token. Until
//! then a stranger may have invented it, and it may name another user's session.
//!
//! Where the Cloud knows no such session, there is nothing left to end; without an answer, nothing is confirmed. The call is
//! made even while the breaker is open. The Cloud does not end a session for an expired token, so that token is renewed
//! first. All tokens that renewals gave one session are revoked together, whichever of them is signed out: also a newer sealed
//! session that another instance was given.

use alloc::collections::BTreeSet;
use std::sync::Arc;

use super::task::{Host, Jitter, Task};
use crate::cloud::envelope::bad_member;
use crate::cloud::ops::Operation;
use crate::cloud::ops::destroy_session::DestroySession;
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::engine::Engine;
use crate::engine::rotated_tokens::NewerToken;
use crate::error::{CloudApiError, Code};
use crate::ids::SessionId;
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::lookup::{Lookup, Refusal, Refused};
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// How a sign-out ended at the Cloud. On this instance the session is revoked in every case. Exhaustive on purpose: a caller
/// never reports one for another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a sign-out that the Cloud did not confirm must not be reported as done"]
pub enum SignOut {
    /// The Cloud ended the session.
    Ended,
    /// The Cloud knows no such session any more: it answered 401, 404 or 410, and in dialect `platform` 401.
    AlreadyGone,
    /// The Cloud did not confirm; the session may live on there until it expires. The error says why. A service answers 503
    /// `sign_out_not_confirmed`.
    NotConfirmed(CloudApiError),
}

impl SignOut {
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (failed @ Self::NotConfirmed(_), _) | (_, failed @ Self::NotConfirmed(_)) => failed,
            (Self::AlreadyGone, other) | (other, Self::AlreadyGone) => other,
            (Self::Ended, Self::Ended) => Self::Ended,
        }
    }
}

/// Whether failed calls are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effort {
    /// Up to three retries.
    Full,
    /// No retries: another task is waiting.
    Once,
}

/// One sign-out.
#[derive(Debug)]
#[must_use = "the Cloud is not called until the task is driven"]
pub struct Logout {
    known: Option<Arc<Identity>>,
    /// Whether the Cloud answered a moment ago that it knows no such session.
    is_gone: bool,
    /// Tokens that the host is still to prove, and when they end.
    unproven: Vec<(SessionToken, Option<Timestamp>)>,
    session: Session,
    /// Where the newer one came with a failed answer, the last good one before it and the one that the caller brings: the Cloud may
    /// have taken the newer one back.
    older: Vec<Session>,
    jitter: Jitter,
}

impl Logout {
    /// A sign-out of this token's session. It is denied here from now on.
    pub fn new(
        engine: Arc<Engine>,
        token: SessionToken,
        effort: Effort,
        now: Now,
        jitter: Jitter,
    ) -> Self {
        let key = engine.key(&token);
        let is_own_known = engine.peek(&key).is_some();
        // Use the newest token of the session: the one at hand may be expired.
        let newer = engine.rotated(&key, now);
        // Unless another user has brought it since.
        let newer = newer.filter(|newer| {
            let known = engine.known_before(&token, now);
            known.is_none_or(|it| !engine.are_of_two_users(it.digest(), newer.key()))
        });
        let at_hand = key;
        let key = newer.as_ref().map_or(key, |newer| *newer.key());
        let known = engine.peek(&key);
        let known_end = known.as_ref().and_then(|identity| identity.expires_at());
        let is_gone = match engine.lookup(&key, now) {
            // Only by the Cloud's refusal. A bad signature ends no session there, nor does the refusal of an expired token.
            Lookup::Refused(Refusal { error, of }) => of == Refused::Session && is_gone(&error),
            _ => false,
        };
        let is_unsure =
            token.is_sealed() && newer.as_ref().is_some_and(|newer| !newer.is_verified());
        let older = |token: &SessionToken| Session {
            engine: Arc::clone(&engine),
            token: token.clone(),
            effort,
            is_published: engine.verified(token).is_some(),
            at_hand,
        };
        let before = newer.as_ref().and_then(NewerToken::before);
        let older: Vec<_> = before
            .map(NewerToken::token)
            .into_iter()
            .chain([&token])
            .filter(|_| is_unsure)
            .map(older)
            .collect();
        engine.sign_out(&token, known_end, now);
        let session = Session {
            engine,
            token: newer.map_or_else(|| token.clone(), |newer| newer.token().clone()),
            effort,
            is_published: known.is_some(),
            at_hand,
        };
        let unproven = (!is_own_known).then_some((token, known_end));
        Self {
            known,
            is_gone,
            unproven: unproven.into_iter().collect(),
            session,
            older,
            jitter,
        }
    }

    /// Whether the token was verified here.
    pub const fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// The session's identity, where the token was verified here.
    pub const fn identity(&self) -> Option<&Arc<Identity>> {
        self.known.as_ref()
    }

    /// Ends the session at the Cloud.
    pub fn into_task(self) -> Task<'static, SignOut> {
        let Self {
            known,
            is_gone,
            unproven,
            session,
            older,
            jitter,
        } = self;
        Task::new(jitter, move |host| async move {
            for (token, end) in unproven {
                host.prove_sign_out(&session.engine, &token, end).await;
            }
            // Others may have been given a newer one. Who has read it has the old one's text, and the Cloud gave both.
            let engine = &session.engine;
            let shared = host.newer_than(engine, &session.token).await;
            let is_own = |it: &&SessionToken| match (&known, engine.verified(it)) {
                (Some(own), Some(newer)) => own.user().id() == newer.user().id(),
                _ => true,
            };
            let shared: Vec<_> = shared.iter().take_while(is_own).collect();
            let brought = (!shared.is_empty()).then_some(&session.token);
            for token in shared.iter().copied().chain(brought) {
                if let Some(id) = engine.session_of(token, None) {
                    engine.sign_out_proven(token, &id, None, host.now());
                }
            }
            let newest = shared.last().map(|newest| Session {
                engine: Arc::clone(engine),
                token: (*newest).clone(),
                at_hand: session.at_hand,
                effort: session.effort,
                is_published: true,
            });
            let mut outcome = match newest {
                Some(newest) => newest.end(None, &host).await,
                None => SignOut::AlreadyGone,
            };
            if !is_gone && !matches!(outcome, SignOut::Ended) {
                outcome = outcome.worse(session.end(known.as_deref(), &host).await);
            }
            for session in older {
                outcome = outcome.worse(session.end(None, &host).await);
            }
            outcome
        })
    }
}

/// The session to end at the Cloud.
#[derive(Debug)]
struct Session {
    engine: Arc<Engine>,
    token: SessionToken,
    /// The token that the caller brings, which may be an older one of the session.
    at_hand: TokenDigest,
    effort: Effort,
    /// Whether the revocation was queued for other instances.
    is_published: bool,
}

impl Session {
    async fn end(mut self, known: Option<&Identity>, host: &Host) -> SignOut {
        let said = Unverified::peek(&self.token);
        let is_past = said.expires_at.is_some_and(|end| end <= host.now().wall);
        let id = known.and_then(|known| known.session_id().cloned());
        let id = id.or_else(|| self.engine.session_of(&self.token, said.session_id));
        let id = match id {
            Some(id) if !is_past => id,
            id => match (self.validate(known, host).await, id) {
                // Ending the session takes only its id and the token.
                (Ok(id), _) | (Err(_), Some(id)) => id,
                (Err(error), None) => return ended(Err(error)),
            },
        };
        let operation = DestroySession::new(id.clone(), self.token.clone());
        let result = self.call(operation, host).await.map(|page| {
            if let Some(page) = page {
                self.engine.logout_pages().keep(self.at_hand, page);
            }
        });
        if result.is_ok() && !self.is_published {
            self.engine
                .sign_out_proven(&self.token, &id, None, host.now());
        }
        ended(result)
    }

    /// The session's id at the Cloud. An expired token is replaced by a newer one.
    async fn validate(
        &mut self,
        known: Option<&Identity>,
        host: &Host,
    ) -> Result<SessionId, CloudApiError> {
        let operation = ValidateSession::new(self.token.clone());
        let Validated { session, newer } = self.call(operation, host).await?;
        if known.is_some_and(|known| known.user().id() != session.user_id()) {
            // Another user's session is not this one's to end.
            return Err(bad_member(BadMember("session.user_id")));
        }
        let end = Some(session.expires_at());
        for token in newer.iter().chain([&self.token]) {
            self.engine
                .sign_out_proven(token, session.id(), end, host.now());
        }
        self.is_published = true;
        self.token = newer.unwrap_or_else(|| self.token.clone());
        Ok(session.id().clone())
    }

    async fn call<O: Operation + Send>(
        &self,
        operation: O,
        host: &Host,
    ) -> Result<O::Output, CloudApiError> {
        let config = self.engine.config();
        match self.effort {
            Effort::Full => host.call(config, operation).await,
            Effort::Once => host.call_once(config, operation).await,
        }
    }
}

/// How many sessions of one request are ended at the Cloud: as many as are tried to authenticate it.
const MAX_AT_ONCE: usize = 5;

/// The sign-outs of all sessions that one request brings.
#[derive(Debug)]
#[must_use = "the Cloud is not called until the tasks are driven"]
pub struct Logouts {
    each: Vec<Logout>,
    is_cut: bool,
}

impl Logouts {
    /// Sign-outs of these sessions. All are denied here from now on; at most five are ended at the Cloud.
    pub fn new(
        engine: &Arc<Engine>,
        tokens: impl Iterator<Item = SessionToken>,
        effort: Effort,
        now: Now,
        jitter: Jitter,
    ) -> Self {
        let mut seen = BTreeSet::new();
        let mut each: Vec<Logout> = tokens
            .filter(|token| seen.insert(engine.key(token)))
            .map(|token| Logout::new(Arc::clone(engine), token, effort, now, jitter))
            .collect();
        // Verified ones first: a stranger may have invented the rest.
        each.sort_by_key(|one| !one.is_known());
        let cut = each.split_off(each.len().min(MAX_AT_ONCE));
        let is_cut = !cut.is_empty();
        // Where the host checks signatures, the others are proven too, so that other instances learn of them as well.
        let unproven = cut.into_iter().flat_map(|one| one.unproven);
        if let Some(last) = each.last_mut() {
            last.unproven.extend(unproven);
        }
        Self { each, is_cut }
    }

    /// Sign-outs of the sessions that a browser brings to a sign-in: left alive, it could not end them any more.
    pub fn replaced(
        engine: &Arc<Engine>,
        cookie_header: &str,
        new: &SessionToken,
        now: Now,
        jitter: Jitter,
    ) -> Self {
        let known = |token: &SessionToken| engine.last_verified(token, now);
        let newcomer = known(new);
        let session_of = |token: &SessionToken| {
            let known = known(token).and_then(|it| it.session_id().cloned());
            known.or_else(|| Unverified::peek(token).session_id)
        };
        // The Cloud may have given one session both, in turn: to end the old one would end the new one. Not so where they are two
        // users'.
        let is_another = |old: &SessionToken| match (known(old), &newcomer) {
            _ if !new.is_sealed() => session_of(old).is_none_or(|it| session_of(new) != Some(it)),
            (Some(old), Some(new)) => old.user().id() != new.user().id(),
            _ => false,
        };
        let old = engine
            .ending_cookies(cookie_header, None)
            .into_iter()
            // A cookie under a fallback name may be another deployment's, unless its token was verified here.
            .filter(|(old, fallback)| fallback.is_none() || known(old).is_some())
            .map(|(old, _)| old)
            .filter(|old| !old.same_as(new) && is_another(old));
        Self::new(engine, old, Effort::Once, now, jitter)
    }

    /// The sign-outs to drive, all at once.
    pub fn take(&mut self) -> Vec<Logout> {
        core::mem::take(&mut self.each)
    }

    /// The outcome of all sign-outs: the worst of each.
    pub fn outcome(self, outcomes: impl IntoIterator<Item = SignOut>) -> SignOut {
        match outcomes.into_iter().reduce(SignOut::worse) {
            Some(SignOut::NotConfirmed(error)) => SignOut::NotConfirmed(error),
            _ if self.is_cut => SignOut::NotConfirmed(CloudApiError::new(Code::TooManyCookies)),
            Some(outcome) => outcome,
            None => SignOut::AlreadyGone,
        }
    }
}

fn ended(result: Result<(), CloudApiError>) -> SignOut {
    match result {
        Ok(()) => SignOut::Ended,
        Err(error) if is_gone(&error) => SignOut::AlreadyGone,
        Err(error) => SignOut::NotConfirmed(error),
    }
}

/// Only a 401, 404 or 410 of the Cloud means that there is no such session; any other refusal leaves it alive.
fn is_gone(error: &CloudApiError) -> bool {
    error.is_refusal() && matches!(error.status(), 401 | 404 | 410)
}
