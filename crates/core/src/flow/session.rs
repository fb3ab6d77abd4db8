//! Session: whether a token's session is alive, from the cache or from the Cloud.
//!
//! A token that is signed out here or expired has no session, nor has one whose session was refused a moment ago; no call is
//! made. Otherwise the Cloud is asked, unless the breaker is open. A refusal is cached, so a host that checks a dead cookie
//! on every request costs the Cloud nothing. A newer token in the answer is ignored: [`super::renew`] takes it. Where the
//! session's id at the Cloud is revoked here, which the token may not state, its tokens are revoked too.

use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::model::CloudSession;
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::engine::breaker::CallKind;
use crate::engine::{Engine, Permit};
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::session::lookup::Lookup;
use crate::session::refusal::{Refusal, Refused};
use crate::time::Now;

/// One session check.
#[derive(Debug)]
pub struct LiveSession {
    engine: Arc<Engine>,
    key: TokenDigest,
    token: SessionToken,
    permit: Option<Permit>,
    call: Call<ValidateSession>,
}

impl LiveSession {
    /// A check of this token's session.
    pub fn new(engine: Arc<Engine>, token: SessionToken, jitter: Jitter) -> Self {
        let key = engine.key(token.expose());
        let operation = ValidateSession::new(token.clone());
        let call = Call::new(Arc::clone(engine.config()), operation, jitter);
        Self {
            engine,
            key,
            token,
            permit: None,
            call,
        }
    }

    /// The single-flight key: checks with the same key are one.
    pub const fn key(&self) -> TokenDigest {
        self.key
    }

    fn is_over(&self, now: Now) -> bool {
        match self.engine.lookup(&self.key, now) {
            Lookup::SignedOut | Lookup::Expired => true,
            Lookup::Refused(refusal) => refusal.of == Refused::Session,
            _ => false,
        }
    }

    fn answer(
        &mut self,
        result: Result<Validated, CloudApiError>,
        now: Now,
    ) -> Result<Option<CloudSession>, CloudApiError> {
        if let Some(permit) = self.permit.take() {
            permit.report(&result, now);
        }
        match result {
            // Its id at the Cloud or its user was revoked, here or elsewhere.
            Ok(Validated { session, newer }) if self.engine.is_ended(&session, now) => {
                for token in newer.iter().chain([&self.token]) {
                    let end = Some(session.expires_at());
                    self.engine.sign_out_proven(token, session.id(), end, now);
                }
                Ok(None)
            }
            // A sign-out during the call wins over its answer.
            Ok(Validated { session, .. }) => {
                Ok(Some(self.engine.accepted_session(session, &self.key, now))
                    .filter(|session| session.expires_at() > now.wall && !self.is_over(now)))
            }
            Err(error) if error.is_refusal() => {
                self.engine.refused(self.key, Refusal::session(error), now);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Flow for LiveSession {
    /// The session; none where it has ended or the token is refused.
    type Output = Result<Option<CloudSession>, CloudApiError>;

    fn step(&mut self, event: Event, now: Now) -> Step<Self::Output> {
        if matches!(event, Event::Start) {
            if self.is_over(now) {
                return Step::Done(Ok(None));
            }
            self.permit = self.engine.may_ask(CallKind::Validate, self.key, now);
            if self.permit.is_none() {
                return Step::Done(Err(CloudApiError::new(Code::CircuitOpen)));
            }
        } else if self.permit.is_none() {
            return Step::Done(Err(out_of_turn()));
        }
        match self.call.step(event, now) {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(result) => Step::Done(self.answer(result, now)),
        }
    }
}
