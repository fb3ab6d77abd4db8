//! Identify: who does one token belong to, from memory or from the Cloud.
//!
//! Fresh: answered without a call. Refused or signed out here: refused without a call. Otherwise the Cloud is asked, unless
//! the breaker is open; and only where it cannot be asked does an identity of the stale time count. Drivers run one of
//! these per [`key`](Identify::key) however many requests wait for it.

use std::sync::Arc;

use super::call::Call;
use super::step::{Event, Flow, Jitter, Step};
use crate::error::{CloudApiError, Code};
use crate::identity::Identity;
use crate::identity::authority::{Authority, Permit};
use crate::identity::cache::Lookup;
use crate::identity::key::TokenKey;
use crate::model::CloudUser;
use crate::op::verify_token::VerifyToken;
use crate::secret::SessionToken;
use crate::tally::Outcome;
use crate::time::Now;
use crate::unverified::Unverified;

/// What is found out about a request's credentials.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Somebody is signed in.
    Authenticated(Arc<Identity>),
    /// Nobody is signed in: there is no credential.
    Anonymous,
    /// There is a credential, and it is not accepted.
    Rejected(CloudApiError),
    /// It could not be found out.
    Unavailable(CloudApiError),
}

impl Answer {
    /// Which of the four it is.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Authenticated(_) => Outcome::Authenticated,
            Self::Anonymous => Outcome::Anonymous,
            Self::Rejected(_) => Outcome::Rejected,
            Self::Unavailable(_) => Outcome::Unavailable,
        }
    }
}

/// One token's identity, on its way.
#[derive(Debug)]
pub struct Identify {
    authority: Arc<Authority>,
    key: TokenKey,
    token: SessionToken,
    stale: Option<Arc<Identity>>,
    call: Option<Call<VerifyToken>>,
    permit: Option<Permit>,
    jitter: Jitter,
}

impl Identify {
    /// For this token.
    pub fn new(authority: Arc<Authority>, token: SessionToken, jitter: Jitter) -> Self {
        let key = authority.key(token.expose());
        Self {
            authority,
            key,
            token,
            stale: None,
            call: None,
            permit: None,
            jitter,
        }
    }

    /// What two of these must share to be one.
    pub const fn key(&self) -> TokenKey {
        self.key
    }

    fn start(&mut self, now: Now) -> Step<Answer> {
        match look(&self.authority, &self.key, now) {
            Known::Answer(answer) => Step::Done(answer),
            Known::Ask(stale) => {
                self.stale = stale;
                self.permit = self.authority.may_ask(now);
                if self.permit.is_none() {
                    return Step::Done(self.unavailable(CloudApiError::new(Code::CircuitOpen)));
                }
                let operation = VerifyToken::new(self.token.clone());
                let mut call =
                    Call::new(Arc::clone(self.authority.config()), operation, self.jitter);
                let step = call.step(Event::Start, now);
                self.call = Some(call);
                self.follow(step, now)
            }
        }
    }

    fn follow(&mut self, step: Step<Result<CloudUser, CloudApiError>>, now: Now) -> Step<Answer> {
        match step {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(result) => {
                if let Some(permit) = self.permit.take() {
                    permit.report(&result, now);
                }
                Step::Done(self.answer(result, now))
            }
        }
    }

    fn answer(&mut self, result: Result<CloudUser, CloudApiError>, now: Now) -> Answer {
        match result {
            Ok(user) => {
                let said = Unverified::peek(&self.token);
                let identity = Identity::new(self.key, user, said.session_id, said.expires_at);
                match self.authority.remember(identity, now) {
                    Some(identity) if identity.is_expired(now.wall) => {
                        Answer::Rejected(CloudApiError::new(Code::SessionExpired))
                    }
                    Some(identity) => Answer::Authenticated(identity),
                    // A sign-out that came while the Cloud was asked wins over the answer.
                    None => Answer::Rejected(CloudApiError::new(Code::SignedOut)),
                }
            }
            Err(error) if error.is_refusal() => {
                self.authority.refused(self.key, &error, now);
                Answer::Rejected(error)
            }
            Err(error) => self.unavailable(error),
        }
    }

    /// Somebody verified a moment ago stays so while the Cloud is away; never past expiry or a sign-out.
    fn unavailable(&mut self, error: CloudApiError) -> Answer {
        self.stale
            .take()
            .map_or(Answer::Unavailable(error), Answer::Authenticated)
    }
}

impl Flow for Identify {
    type Output = Answer;

    fn step(&mut self, event: Event, now: Now) -> Step<Answer> {
        if matches!(event, Event::Start) {
            return self.start(now);
        }
        let Some(call) = self.call.as_mut() else {
            return Step::Done(Answer::Unavailable(super::call::out_of_turn()));
        };
        let step = call.step(event, now);
        // What stood when the Cloud was asked may have ended while it answered.
        if let Step::Done(_) = step {
            self.stale = match self.authority.lookup(&self.key, now) {
                Lookup::SignedOut => {
                    return Step::Done(Answer::Rejected(CloudApiError::new(Code::SignedOut)));
                }
                Lookup::Stale(identity) | Lookup::Fresh(identity) => Some(identity),
                _ => None,
            };
        }
        self.follow(step, now)
    }
}

/// What memory says before anybody is asked.
pub(crate) enum Known {
    Answer(Answer),
    Ask(Option<Arc<Identity>>),
}

pub(crate) fn look(authority: &Authority, key: &TokenKey, now: Now) -> Known {
    match authority.lookup(key, now) {
        Lookup::Fresh(identity) => Known::Answer(Answer::Authenticated(identity)),
        Lookup::Refused(error) => Known::Answer(Answer::Rejected(error)),
        Lookup::SignedOut => Known::Answer(Answer::Rejected(CloudApiError::new(Code::SignedOut))),
        Lookup::Expired => {
            Known::Answer(Answer::Rejected(CloudApiError::new(Code::SessionExpired)))
        }
        Lookup::Stale(identity) => Known::Ask(Some(identity)),
        Lookup::Unknown => Known::Ask(None),
    }
}
