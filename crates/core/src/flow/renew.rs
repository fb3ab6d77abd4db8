//! Renew: replaces a session's token near or past its expiry by a newer one, where the Cloud issues one.
//!
//! The Cloud is asked whether the session is alive. A newer token in its answer is verified like any other, for the same
//! user; a token that a browser brings is never taken for one. From then on the old token stands for the newer one for a
//! while, so requests under way stay signed in. A newer token that could not be verified is kept, and verified by the next
//! renewal.
//!
//! Drivers run one of these per [`key`](Renew::key), however many requests wait. A recent refusal of the token itself does
//! not prevent a renewal: the token may have been expired. A refusal to renew is cached: such a session has ended, and not
//! every request asks again. A revocation during the renewal wins, by each id that the session has: then no token is handed
//! out.

use core::time::Duration;
use std::sync::Arc;

use super::call::{Call, out_of_turn};
pub use super::renewal::{Renewal, Renewed};
use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::{CloudSession, CloudUser};
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::cloud::ops::verify_token::VerifyToken;
use crate::engine::breaker::CallKind;
use crate::engine::signature_check::SignatureError;
use crate::engine::{Engine, Permit};
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::Identity;
use crate::session::TokenDigest;
use crate::session::lookup::Lookup;
use crate::session::refusal::Refused;
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// Tokens expire at whole seconds.
const SLACK: Duration = Duration::from_secs(1);

/// One renewal.
#[derive(Debug)]
pub struct Renew {
    engine: Arc<Engine>,
    /// The key of the token that this was begun for, whatever newer one is found on the way.
    key: TokenDigest,
    token: SessionToken,
    jitter: Jitter,
    permit: Option<Permit>,
    /// When the Cloud was asked for a newer token, on the monotonic clock.
    asked_at: Duration,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Begin,
    Validate(Call<ValidateSession>),
    Verify(Call<VerifyToken>, CloudSession, Newer),
    Over,
}

/// The source of the newer token.
#[derive(Debug)]
enum Newer {
    /// The Cloud issued it just now; with the life that it states.
    HandedOut(SessionToken, Option<Duration>),
    /// The Cloud issued it to an earlier renewal, which could not verify it.
    Held,
    /// An earlier renewal, with the stale identity to use while the Cloud cannot be asked.
    Known(Option<Arc<Identity>>),
}

impl Renew {
    /// A renewal of this token.
    pub fn new(engine: Arc<Engine>, token: SessionToken, jitter: Jitter) -> Self {
        let key = engine.key(token.expose());
        Self {
            engine,
            key,
            token,
            jitter,
            permit: None,
            asked_at: Duration::ZERO,
            phase: Phase::Begin,
        }
    }

    /// The single-flight key: renewals with the same key are one.
    pub const fn key(&self) -> TokenDigest {
        self.key
    }

    fn begin(&mut self, now: Now) -> Step<Renewal> {
        if let Some(newer) = self.engine.rotated(&self.key, now) {
            self.token = newer.token().clone();
            let known = match self.engine.lookup(newer.key(), now) {
                Lookup::Fresh(identity) | Lookup::Due(identity) => {
                    return Step::Done(self.renewed(identity, newer.session().clone(), now));
                }
                Lookup::Stale(identity) => Some(Newer::Known(Some(identity))),
                Lookup::Unknown if newer.is_verified() => Some(Newer::Known(None)),
                Lookup::Unknown => Some(Newer::Held),
                // It is expired too, and so the one to renew; or its session is over.
                Lookup::Expired | Lookup::Refused(_) | Lookup::SignedOut => None,
            };
            if let Some(known) = known {
                let call = self.call(VerifyToken::new(self.token.clone()));
                return self.ask(Phase::Verify(call, newer.session().clone(), known), now);
            }
        }
        match self.engine.lookup(&self.own_key(), now) {
            Lookup::SignedOut => return Step::Done(signed_out()),
            Lookup::Refused(refusal) if refusal.of == Refused::Session => {
                return Step::Done(Renewal::Ended(refusal.error));
            }
            _ => {}
        }
        self.validate(now)
    }

    fn validate(&mut self, now: Now) -> Step<Renewal> {
        self.asked_at = now.monotonic;
        let call = self.call(ValidateSession::new(self.token.clone()));
        self.ask(Phase::Validate(call), now)
    }

    /// The key of the token to ask with.
    fn own_key(&self) -> TokenDigest {
        self.engine.key(self.token.expose())
    }

    fn call<O: crate::cloud::ops::Operation>(&self, operation: O) -> Call<O> {
        Call::new(Arc::clone(self.engine.config()), operation, self.jitter)
    }

    fn ask(&mut self, phase: Phase, now: Now) -> Step<Renewal> {
        let asked = match phase {
            Phase::Verify(..) => CallKind::Verify,
            _ => CallKind::Validate,
        };
        // Also where a newer token is verified: each one of a session would seem to be another account's failure.
        let of = match phase {
            Phase::Verify(_, _, Newer::Held) => self.key,
            _ => self.own_key(),
        };
        self.permit = self.engine.may_ask(asked, of, now);
        if self.permit.is_none() {
            let open = CloudApiError::new(Code::CircuitOpen);
            return Step::Done(match phase {
                Phase::Verify(_, session, Newer::Known(Some(stale))) => {
                    self.renewed(stale, session, now)
                }
                Phase::Verify(_, session, Newer::HandedOut(newer, _)) => {
                    self.held(newer, session, open, now)
                }
                _ => Renewal::Unavailable(open),
            });
        }
        self.phase = phase;
        self.go_on(Event::Start, now)
    }

    fn go_on(&mut self, event: Event, now: Now) -> Step<Renewal> {
        match core::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Validate(mut call) => match call.step(event, now) {
                Step::Done(result) => self.validated(result, now),
                Step::Send(request) => self.wait_for(Phase::Validate(call), Step::Send(request)),
                Step::Wait(time) => self.wait_for(Phase::Validate(call), Step::Wait(time)),
            },
            Phase::Verify(mut call, session, newer) => match call.step(event, now) {
                Step::Done(Err(error))
                    if error.is_refusal() && !matches!(newer, Newer::HandedOut(..)) =>
                {
                    // The newer one may be expired too by the Cloud's clock: then it is the one to renew.
                    self.report(&Err::<(), _>(error), now);
                    self.validate(now)
                }
                Step::Done(result) => Step::Done(self.verified(result, session, newer, now)),
                Step::Send(request) => {
                    self.wait_for(Phase::Verify(call, session, newer), Step::Send(request))
                }
                Step::Wait(time) => {
                    self.wait_for(Phase::Verify(call, session, newer), Step::Wait(time))
                }
            },
            Phase::Begin | Phase::Over => Step::Done(Renewal::Unavailable(out_of_turn())),
        }
    }

    fn wait_for(&mut self, phase: Phase, step: Step<Renewal>) -> Step<Renewal> {
        self.phase = phase;
        step
    }

    fn validated(&mut self, result: Result<Validated, CloudApiError>, now: Now) -> Step<Renewal> {
        self.report(&result, now);
        let own_key = self.own_key();
        let result = result.map(|validated| Validated {
            session: self
                .engine
                .accepted_session(validated.session, &own_key, now),
            ..validated
        });
        match result {
            Ok(validated) if validated.session.expires_at() <= now.wall => {
                Step::Done(self.cache_rejection(CloudApiError::new(Code::SessionExpired), now))
            }
            // The session or its user was revoked, here or elsewhere; the token itself may be unknown here.
            Ok(Validated { session, newer }) if self.engine.is_ended(&session, now) => {
                Step::Done(self.end(newer.as_ref(), &session, now))
            }
            Ok(Validated { session, newer }) => match newer {
                Some(newer) => {
                    let life = Unverified::peek(&newer).life();
                    let call = self.call(VerifyToken::new(newer.clone()));
                    let newly = Newer::HandedOut(newer, life);
                    self.ask(Phase::Verify(call, session, newly), now)
                }
                None => Step::Done(self.unchanged(session, now)),
            },
            Err(error) => Step::Done(self.failed(error, now)),
        }
    }

    fn verified(
        &mut self,
        result: Result<CloudUser, CloudApiError>,
        session: CloudSession,
        newer: Newer,
        now: Now,
    ) -> Renewal {
        self.report(&result, now);
        // The calls took longer than the token lasts. That says nothing of the session: ask anew.
        let since = now.monotonic.saturating_sub(self.asked_at);
        let is_late = matches!(newer, Newer::HandedOut(_, Some(life)) if life > SLACK && life <= since.saturating_add(SLACK));
        let result = match result.map(|user| self.by_rules(user, is_late, now)) {
            Ok(Ok(user)) => Ok(user),
            Ok(Err(renewal)) => return renewal,
            Err(error) => Err(error),
        };
        let user = match (result, newer) {
            (Ok(user), Newer::HandedOut(..)) => user,
            (Ok(user), newer) if user.id() == session.user_id() => {
                let identity = self.identity(user, None, &session, now);
                let remembered = match newer {
                    // From now on the old token stands for it no longer than for any other.
                    Newer::Held => {
                        let session = session.clone();
                        self.engine.rotate(self.key, None, identity, session, now)
                    }
                    _ => self.engine.insert(identity, now),
                };
                return match remembered {
                    Some(identity) => self.renewed(identity, session, now),
                    None => signed_out(),
                };
            }
            (Ok(_), _) => return another_one(),
            // A stale identity stays signed in while the Cloud is down.
            (Err(_), Newer::Known(Some(stale))) => {
                return self.renewed(stale, session, now);
            }
            (Err(error), _) if error.is_refusal() && is_late => return late(),
            (Err(error), Newer::HandedOut(newer, _)) if error.is_outage() => {
                return self.held(newer, session, error, now);
            }
            (Err(error), _) => return self.failed(error, now),
        };
        let own_key = self.own_key();
        let known = self.engine.peek(&own_key);
        let is_same = |id| user.id() == id;
        if !is_same(session.user_id()) || known.as_ref().is_some_and(|it| !is_same(it.user().id()))
        {
            return another_one();
        }
        let old_end = match &known {
            Some(known) => known.expires_at(),
            None => Unverified::peek(&self.token).expires_at,
        };
        let identity = self.identity(user, known.as_deref(), &session, now);
        if self.engine.is_over(&identity, now) {
            if is_late {
                return late();
            }
            // It expires as it begins, or this clock counts and is wrong: every request would renew it.
            return self.cache_rejection(CloudApiError::new(Code::SessionExpired), now);
        }
        match self
            .engine
            .rotate(own_key, old_end, identity, session.clone(), now)
        {
            Some(identity) => self.renewed(identity, session, now),
            None => signed_out(),
        }
    }

    /// The newer token could not be verified. Later the old one may be too old to get another, so the newer one is kept,
    /// unless it may be another user's.
    fn held(
        &self,
        newer: SessionToken,
        session: CloudSession,
        error: CloudApiError,
        now: Now,
    ) -> Renewal {
        let own_key = self.own_key();
        let known = self.engine.peek(&own_key);
        if known.is_none_or(|known| known.user().id() == session.user_id()) {
            self.engine.hold(own_key, newer, session, now);
        }
        Renewal::Unavailable(error)
    }

    /// The user of the newer token, by the rules that check the next request. A token that they refuse is not handed out.
    /// Where its key is not at hand, the Cloud's answer counts.
    fn by_rules(&self, user: CloudUser, is_late: bool, now: Now) -> Result<CloudUser, Renewal> {
        if self.engine.keys().is_none() {
            return Ok(user);
        }
        let token = user.session_token();
        let key = self.engine.key(token.expose());
        match self.engine.check_signature(key, token, now) {
            Ok(identity) if identity.user().id() == user.id() => Ok(identity.user().clone()),
            Ok(_) => Err(another_one()),
            Err(SignatureError::UnknownKey | SignatureError::NoKeys) => Ok(user),
            Err(SignatureError::Refused(error)) if is_late && error.is(&Code::SessionExpired) => {
                Err(late())
            }
            Err(SignatureError::Refused(error)) => {
                let own = self.engine.lookup(&self.own_key(), now);
                Err(match own {
                    Lookup::Fresh(_) | Lookup::Due(_) | Lookup::Stale(_) => {
                        Renewal::Unavailable(error)
                    }
                    _ => self.cache_rejection(error, now),
                })
            }
        }
    }

    fn identity(
        &self,
        user: CloudUser,
        known: Option<&Identity>,
        session: &CloudSession,
        now: Now,
    ) -> Identity {
        let said = Unverified::peek(user.session_token());
        let session_id = known
            .and_then(Identity::session_id)
            .cloned()
            .or_else(|| said.session_id.clone())
            .unwrap_or_else(|| session.id().clone());
        let key = self.engine.key(user.session_token().expose());
        let end = end(session, said.expires_at);
        let identity = Identity::new(key, user, Some(session_id), Some(end))
            .begun(Some(session.created_at()))
            .session_ending(session.expires_at());
        self.engine.accepted(identity, &said, now)
    }

    fn renewed(&self, identity: Arc<Identity>, session: CloudSession, now: Now) -> Renewal {
        match Renewed::new(&self.engine, identity, session, now) {
            Ok(renewed) => Renewal::Renewed(Arc::new(renewed)),
            Err(error) => Renewal::Unavailable(error),
        }
    }

    fn unchanged(&self, session: CloudSession, now: Now) -> Renewal {
        let own_key = self.own_key();
        if let Lookup::Refused(refusal) = self.engine.lookup(&own_key, now) {
            // The token is refused and there is no other: asking again cannot sign the user in.
            return self.cache_rejection(refusal.error, now);
        }
        let end = end(&session, Unverified::peek(&self.token).expires_at);
        let known = self.engine.peek(&own_key);
        if end <= now.wall {
            // The clock is ahead, or may be: only the Cloud can tell whether the token is still good.
            let by_cloud = self.engine.keys().is_none();
            if by_cloud && known.is_none_or(|known| known.is_rebased()) {
                return Renewal::Unchanged {
                    session,
                    cookie: None,
                };
            }
            return self.cache_rejection(CloudApiError::new(Code::SessionExpired), now);
        }
        if known
            .as_ref()
            .is_some_and(|known| known.user().id() != session.user_id())
        {
            return another_one();
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

    fn failed(&self, error: CloudApiError, now: Now) -> Renewal {
        if error.is_refusal() {
            self.cache_rejection(error, now)
        } else {
            Renewal::Unavailable(error)
        }
    }

    /// Caches that the session has ended. A refusal without status 401 ends no session whose token is still good.
    fn cache_rejection(&self, error: CloudApiError, now: Now) -> Renewal {
        let own_key = self.own_key();
        let own = self.engine.lookup(&own_key, now);
        if matches!(own, Lookup::SignedOut) {
            return signed_out();
        }
        let is_good = match own {
            Lookup::Fresh(_) | Lookup::Due(_) | Lookup::Stale(_) => true,
            Lookup::Unknown => {
                let end = Unverified::peek(&self.token).expires_at;
                end.is_some_and(|end| now.wall < end)
            }
            _ => false,
        };
        if is_good && error.status() != 401 {
            return Renewal::Unavailable(error);
        }
        self.engine.cache_rejection(own_key, &error, now);
        Renewal::Ended(error)
    }

    /// The result, unless the session was revoked while the Cloud was asked.
    fn unless_over(&self, renewal: Renewal, now: Now) -> Renewal {
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
            return self.end(newer, session, now);
        }
        let newer = newer.map(|newer| self.engine.key(newer.expose()));
        let mut keys = [self.key, self.own_key()].into_iter().chain(newer);
        let is_out = |key| matches!(self.engine.lookup(&key, now), Lookup::SignedOut);
        if keys.any(is_out) {
            return signed_out();
        }
        renewal
    }

    /// Revokes the tokens of a session whose id at the Cloud is revoked, here and on other instances. The tokens may state
    /// another id, and a later time of issue than the revocation.
    fn end(&self, newer: Option<&SessionToken>, session: &CloudSession, now: Now) -> Renewal {
        for token in newer.into_iter().chain([&self.token]) {
            let end = Some(session.expires_at());
            self.engine.sign_out_proven(token, session.id(), end, now);
        }
        signed_out()
    }

    fn report<T>(&mut self, result: &Result<T, CloudApiError>, now: Now) {
        if let Some(permit) = self.permit.take() {
            permit.report(result, now);
        }
    }
}

impl Flow for Renew {
    type Output = Renewal;

    fn step(&mut self, event: Event, now: Now) -> Step<Renewal> {
        let step = match self.phase {
            Phase::Begin if matches!(event, Event::Start) => self.begin(now),
            _ => self.go_on(event, now),
        };
        match step {
            Step::Done(renewal) => Step::Done(self.unless_over(renewal, now)),
            step => step,
        }
    }
}

/// The expiry of an identity: its session's, or its token's where that is stated and sooner.
fn end(session: &CloudSession, token: Option<Timestamp>) -> Timestamp {
    token.map_or(session.expires_at(), |end| end.min(session.expires_at()))
}

fn signed_out() -> Renewal {
    Renewal::Ended(CloudApiError::new(Code::SignedOut))
}

fn late() -> Renewal {
    Renewal::Unavailable(CloudApiError::new(Code::Timeout))
}

/// Two users in one answer: the session's owner is unclear.
fn another_one() -> Renewal {
    Renewal::Unavailable(bad_member(BadMember("session.user_id")))
}
