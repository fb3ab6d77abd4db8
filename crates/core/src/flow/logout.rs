//! Logout: a session ends here at once and at the Cloud if it can be reached, and the caller is told which.
//!
//! The token is denied when the flow is made, before anything is sent, so the very next request is refused whatever the
//! Cloud does and even where the flow is never driven. The Cloud's own id of the session comes from what is remembered, else
//! from the token itself, else from one validation. A Cloud that says it knows no such session has nothing left to end; one
//! that does not answer has confirmed nothing, and one that is known to be away is not asked.

use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::error::{CloudApiError, Code};
use crate::identity::authority::{Authority, Permit};
use crate::identity::cache::Lookup;
use crate::ids::SessionId;
use crate::model::CloudSession;
use crate::op::destroy_session::DestroySession;
use crate::op::validate_session::ValidateSession;
use crate::secret::SessionToken;
use crate::time::Now;
use crate::unverified::Unverified;

/// How a sign-out ended at the Cloud. Here it is over in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a sign-out that the Cloud did not confirm must not be told as done"]
pub enum SignOut {
    /// The Cloud ended the session.
    Ended,
    /// The Cloud knows no such session any more.
    AlreadyGone,
    /// The Cloud did not confirm; the session may live on there until it expires.
    NotConfirmed(CloudApiError),
}

/// Whether a call that did not come through is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Up to three times more.
    Full,
    /// No: somebody else is waiting.
    Once,
}

/// One sign-out on its way.
#[derive(Debug)]
pub struct Logout {
    authority: Arc<Authority>,
    token: SessionToken,
    effort: Effort,
    jitter: Jitter,
    is_known: bool,
    permit: Option<Permit>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Begin(Option<SessionId>),
    Validate(Call<ValidateSession>),
    Destroy(Call<DestroySession>),
    /// The Cloud said a moment ago that it knows no such session.
    Gone,
}

impl Logout {
    /// For this session, which is denied here from now on.
    pub fn new(
        authority: Arc<Authority>,
        token: SessionToken,
        effort: Effort,
        now: Now,
        jitter: Jitter,
    ) -> Self {
        let key = authority.key(token.expose());
        let seen = authority.seen(&key);
        let known_end = seen.as_ref().and_then(|identity| identity.expires_at());
        let is_known = seen.is_some();
        let phase = match authority.lookup(&key, now) {
            Lookup::Refused(_) => Phase::Gone,
            _ => Phase::Begin(seen.and_then(|identity| identity.session_id().cloned())),
        };
        authority.sign_out(&token, known_end, now);
        Self {
            authority,
            token,
            effort,
            jitter,
            is_known,
            permit: None,
            phase,
        }
    }

    /// Whether the token was seen to be good here.
    pub const fn is_known(&self) -> bool {
        self.is_known
    }

    fn begin(&mut self, known: Option<SessionId>, now: Now) -> Step<SignOut> {
        self.permit = self.authority.may_ask(now);
        if self.permit.is_none() {
            return Step::Done(SignOut::NotConfirmed(CloudApiError::new(Code::CircuitOpen)));
        }
        if let Some(id) = known.or_else(|| Unverified::peek(&self.token).session_id) {
            return self.destroy(DestroySession::new(id, self.token.clone()), now);
        }
        self.phase = Phase::Validate(self.call(ValidateSession::new(self.token.clone())));
        self.step(Event::Start, now)
    }

    fn destroy(&mut self, operation: DestroySession, now: Now) -> Step<SignOut> {
        self.phase = Phase::Destroy(self.call(operation));
        self.step(Event::Woken, now)
    }

    fn call<O: crate::op::Operation>(&self, operation: O) -> Call<O> {
        let call = Call::new(Arc::clone(self.authority.config()), operation, self.jitter);
        match self.effort {
            Effort::Full => call,
            Effort::Once => call.without_retries(),
        }
    }

    fn validated(
        &mut self,
        result: Result<CloudSession, CloudApiError>,
        now: Now,
    ) -> Step<SignOut> {
        match result {
            Ok(session) => {
                self.authority
                    .sign_out(&self.token, Some(session.expires_at()), now);
                self.destroy(
                    DestroySession::new(session.id().clone(), self.token.clone()),
                    now,
                )
            }
            Err(error) => self.over(Err(error), now),
        }
    }

    fn over(&mut self, result: Result<(), CloudApiError>, now: Now) -> Step<SignOut> {
        if let Some(permit) = self.permit.take() {
            permit.report(&result, now);
        }
        Step::Done(ended(result))
    }
}

impl Flow for Logout {
    type Output = SignOut;

    fn step(&mut self, event: Event, now: Now) -> Step<SignOut> {
        match &mut self.phase {
            Phase::Gone => Step::Done(SignOut::AlreadyGone),
            Phase::Begin(known) if matches!(event, Event::Start) => {
                let known = known.take();
                self.begin(known, now)
            }
            Phase::Begin(_) => Step::Done(SignOut::NotConfirmed(out_of_turn())),
            Phase::Validate(call) => match call.step(event, now) {
                Step::Send(request) => Step::Send(request),
                Step::Wait(time) => Step::Wait(time),
                Step::Done(result) => self.validated(result, now),
            },
            Phase::Destroy(call) => match call.step(event, now) {
                Step::Send(request) => Step::Send(request),
                Step::Wait(time) => Step::Wait(time),
                Step::Done(result) => self.over(result, now),
            },
        }
    }
}

/// Only a 401, 404 or 410 says that there is no such session; any other "no" leaves it standing.
fn ended(result: Result<(), CloudApiError>) -> SignOut {
    match result {
        Ok(()) => SignOut::Ended,
        Err(error) if error.is_refusal() && matches!(error.status(), 401 | 404 | 410) => {
            SignOut::AlreadyGone
        }
        Err(error) => SignOut::NotConfirmed(error),
    }
}
