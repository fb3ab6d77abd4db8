//! Logout: a session ends here at once and at the Cloud if it can be reached, and the caller is told which.
//!
//! The token is denied when the flow is made, before anything is sent, so the very next request is refused whatever the
//! Cloud does and even where the flow is never driven. The Cloud's own id of the session comes from what is remembered, else
//! from the token itself, else from one validation. Other instances are told at once where the token was seen to be good here,
//! else as soon as the Cloud takes it for good: until then it may be anybody's invention, and name anybody's session. A Cloud
//! that says it knows no such session has nothing left to end; one that does not answer has confirmed nothing. It is told also while it
//! is left alone otherwise. A token that is past its end may not end its session: it is renewed for that. What a renewal made one session ends together, whichever of its tokens is signed out.

use alloc::collections::BTreeSet;
use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::error::{CloudApiError, Code, Kind};
use crate::identity::Identity;
use crate::identity::authority::Authority;
use crate::identity::cache::Lookup;
use crate::identity::refusal::{Refusal, Refused};
use crate::ids::SessionId;
use crate::op::destroy_session::DestroySession;
use crate::op::validate_session::{ValidateSession, Validated};
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
    known: Option<Arc<Identity>>,
    /// Whether other instances were told already.
    is_told: bool,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Begin(Option<SessionId>),
    /// With what the session is called, where that is known.
    Validate(Option<SessionId>, Call<ValidateSession>),
    Destroy(SessionId, Call<DestroySession>),
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
        // The Cloud is told with the newest token of the session: the one at hand may be past its end.
        let newer = authority.successor(&key, now);
        let key = newer.as_ref().map_or(key, |newer| *newer.key());
        let seen = authority.seen(&key);
        let known_end = seen.as_ref().and_then(|identity| identity.expires_at());
        let phase = match authority.lookup(&key, now) {
            // By the Cloud: what a signature says of a token ends nothing there, nor does the refusal of a token that is past its end.
            Lookup::Refused(Refusal { error, of })
                if error.kind() == Kind::Cloud && of == Refused::Session =>
            {
                Phase::Gone
            }
            _ => Phase::Begin(
                seen.as_ref()
                    .and_then(|identity| identity.session_id().cloned()),
            ),
        };
        authority.sign_out(&token, known_end, now);
        let token = newer.map_or(token, |newer| newer.token().clone());
        Self {
            authority,
            token,
            effort,
            jitter,
            is_told: seen.is_some(),
            known: seen,
            phase,
        }
    }

    /// Whether the token was seen to be good here.
    pub const fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whose session it is, where the token was seen to be good here.
    pub const fn identity(&self) -> Option<&Arc<Identity>> {
        self.known.as_ref()
    }

    fn begin(&mut self, known: Option<SessionId>, now: Now) -> Step<SignOut> {
        let said = Unverified::peek(&self.token);
        let is_past = said.expires_at.is_some_and(|end| end <= now.wall);
        match known.or_else(|| self.authority.session_of(&self.token, said.session_id)) {
            Some(id) if !is_past => self.destroy(id, now),
            id => {
                let call = self.call(ValidateSession::new(self.token.clone()));
                self.phase = Phase::Validate(id, call);
                self.step(Event::Woken, now)
            }
        }
    }

    fn destroy(&mut self, id: SessionId, now: Now) -> Step<SignOut> {
        let operation = DestroySession::new(id.clone(), self.token.clone());
        self.phase = Phase::Destroy(id, self.call(operation));
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
        id: Option<SessionId>,
        result: Result<Validated, CloudApiError>,
        now: Now,
    ) -> Step<SignOut> {
        match (result, id) {
            (Ok(Validated { session, newer }), _) => {
                let end = Some(session.expires_at());
                for token in newer.iter().chain([&self.token]) {
                    self.authority
                        .sign_out_proven(token, session.id(), end, now);
                }
                self.is_told = true;
                self.token = newer.unwrap_or_else(|| self.token.clone());
                self.destroy(session.id().clone(), now)
            }
            // It takes no more than the token.
            (Err(_), Some(id)) => self.destroy(id, now),
            (Err(error), None) => Step::Done(ended(Err(error))),
        }
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
            Phase::Validate(id, call) => match call.step(event, now) {
                Step::Send(request) => Step::Send(request),
                Step::Wait(time) => Step::Wait(time),
                Step::Done(result) => {
                    let id = id.take();
                    self.validated(id, result, now)
                }
            },
            Phase::Destroy(id, call) => match call.step(event, now) {
                Step::Send(request) => Step::Send(request),
                Step::Wait(time) => Step::Wait(time),
                Step::Done(result) => {
                    if result.is_ok() && !self.is_told {
                        self.authority.sign_out_proven(&self.token, id, None, now);
                    }
                    Step::Done(ended(result))
                }
            },
        }
    }
}

/// Of how many sessions of one request the Cloud is told that they end: as many as are tried to find out who it is.
const MAX_TOLD_AT_ONCE: usize = 5;

/// The sign-outs of all sessions that one request carries.
#[derive(Debug)]
#[must_use = "the Cloud hears of nothing until the flows are driven"]
pub struct Several {
    flows: Vec<Logout>,
    untold: bool,
}

impl Several {
    /// For these sessions, which are all denied here from now on; the Cloud is to be told of a few.
    pub fn new(
        authority: &Arc<Authority>,
        tokens: impl Iterator<Item = SessionToken>,
        effort: Effort,
        now: Now,
        jitter: Jitter,
    ) -> Self {
        let mut seen = BTreeSet::new();
        let mut flows: Vec<Logout> = tokens
            .filter(|token| seen.insert(authority.key(token.expose())))
            .map(|token| Logout::new(Arc::clone(authority), token, effort, now, jitter))
            .collect();
        // First of those that were seen to be good, for the rest may be anybody's invention.
        flows.sort_by_key(|flow| !flow.is_known());
        let untold = flows.len() > MAX_TOLD_AT_ONCE;
        flows.truncate(MAX_TOLD_AT_ONCE);
        Self { flows, untold }
    }

    /// For the sessions that a browser brings to a sign-in: left alive, they could not be ended from it any more.
    pub fn replaced(
        authority: &Arc<Authority>,
        cookie_header: &str,
        new: &SessionToken,
        now: Now,
        jitter: Jitter,
    ) -> Self {
        let old = authority
            .ending_cookies(cookie_header, None)
            .into_iter()
            // What is only fallen back to may be another deployment's, unless it was good here.
            .filter(|(old, fallback)| fallback.is_none() || authority.verified(old).is_some())
            .map(|(old, _)| old)
            .filter(|old| !old.same_as(new));
        Self::new(authority, old, Effort::Once, now, jitter)
    }

    /// What to drive, all at once.
    pub fn take_flows(&mut self) -> Vec<Logout> {
        core::mem::take(&mut self.flows)
    }

    /// What came of all: the least of what came of each.
    pub fn outcome(self, outcomes: impl IntoIterator<Item = SignOut>) -> SignOut {
        let least = outcomes.into_iter().max_by_key(|outcome| match outcome {
            SignOut::AlreadyGone => 0,
            SignOut::Ended => 1,
            SignOut::NotConfirmed(_) => 2,
        });
        match least {
            Some(SignOut::NotConfirmed(error)) => SignOut::NotConfirmed(error),
            _ if self.untold => SignOut::NotConfirmed(CloudApiError::new(Code::TooManyCookies)),
            Some(outcome) => outcome,
            None => SignOut::AlreadyGone,
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
