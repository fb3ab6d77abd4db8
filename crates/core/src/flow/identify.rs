//! Identify: the identity of one token, from the cache or from the Cloud.
//!
//! Fresh: answered without a call. Refused or signed out here: refused without a call. Otherwise the Cloud is asked, unless
//! the breaker is open. A stale identity counts only where the Cloud cannot be asked. The call is for the token's user, or,
//! where the signature is verified here, for the state of its session. Drivers run one of these per [`key`](Identify::key),
//! however many requests wait for it.

use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::CloudUser;
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::cloud::ops::verify_token::VerifyToken;
use crate::counters::Outcome;
use crate::engine::breaker::CallKind;
use crate::engine::{Engine, Permit};
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::Identity;
use crate::session::TokenDigest;
use crate::session::lookup::Lookup;
use crate::session::refusal::Refusal;
use crate::time::Now;
use crate::unverified::Unverified;

/// The answer for a request's credentials.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The request is signed in.
    Authenticated(Arc<Identity>),
    /// The request has no credential.
    Anonymous,
    /// The credential was refused.
    Rejected(CloudApiError),
    /// The credential could not be checked.
    Unavailable(CloudApiError),
}

impl Answer {
    /// The kind of the answer.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Authenticated(_) => Outcome::Authenticated,
            Self::Anonymous => Outcome::Anonymous,
            Self::Rejected(_) => Outcome::Rejected,
            Self::Unavailable(_) => Outcome::Unavailable,
        }
    }
}

/// The identification of one token.
#[derive(Debug)]
pub struct Identify {
    engine: Arc<Engine>,
    key: TokenDigest,
    stale: Option<Arc<Identity>>,
    question: Question,
    permit: Option<Permit>,
    pace: Pace,
}

/// What the Cloud is asked.
#[derive(Debug)]
enum Question {
    Whose(SessionToken, Call<VerifyToken>),
    /// Whether the session is alive. The signature gives the user, but not the session's end.
    Lives(Box<Identity>, Call<ValidateSession>),
}

/// Whether a fresh identity is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Wanted,
    Ahead,
}

impl Identify {
    /// Asks for the user of this token.
    pub fn new(engine: Arc<Engine>, token: SessionToken, jitter: Jitter) -> Self {
        let key = engine.key(token.expose());
        let operation = VerifyToken::new(token.clone());
        let call = Call::new(Arc::clone(engine.config()), operation, jitter);
        Self::asking(engine, key, Question::Whose(token, call))
    }

    /// Asks whether the session is alive, for a token whose signature was verified.
    pub(crate) fn proven(engine: Arc<Engine>, identity: Identity, jitter: Jitter) -> Self {
        let operation = ValidateSession::new(identity.user().session_token().clone());
        let call = Call::new(Arc::clone(engine.config()), operation, jitter);
        let key = identity.key();
        Self::asking(engine, key, Question::Lives(Box::new(identity), call))
    }

    const fn asking(engine: Arc<Engine>, key: TokenDigest, question: Question) -> Self {
        Self {
            engine,
            key,
            stale: None,
            question,
            permit: None,
            pace: Pace::Wanted,
        }
    }

    /// Turns this into a background refresh: it runs though the identity is fresh, so that no request waits later. It does
    /// not retry.
    #[must_use]
    pub(crate) fn ahead(self) -> Self {
        let question = match self.question {
            Question::Whose(token, call) => Question::Whose(token, call.without_retries()),
            Question::Lives(identity, call) => Question::Lives(identity, call.without_retries()),
        };
        Self {
            question,
            pace: Pace::Ahead,
            ..self
        }
    }

    /// The single-flight key: flows with the same key are one.
    pub const fn key(&self) -> TokenDigest {
        self.key
    }

    pub(crate) const fn token(&self) -> &SessionToken {
        match &self.question {
            Question::Whose(token, _) => token,
            Question::Lives(identity, _) => identity.user().session_token(),
        }
    }

    fn start(&mut self, now: Now) -> Step<Answer> {
        match look(&self.engine, &self.key, now) {
            Known::Answer(answer) | Known::Due(answer) if !self.is_ahead_of(&answer) => {
                return Step::Done(answer);
            }
            Known::Ask(stale) => self.stale = stale,
            Known::Answer(_) | Known::Due(_) => {}
        }
        let asked = match self.question {
            Question::Whose(..) => CallKind::Verify,
            Question::Lives(..) => CallKind::Validate,
        };
        self.permit = self.engine.may_ask(asked, self.key, now);
        if self.permit.is_none() {
            return Step::Done(self.unavailable(CloudApiError::new(Code::CircuitOpen)));
        }
        self.go_on(Event::Start, now)
    }

    fn is_ahead_of(&self, answer: &Answer) -> bool {
        self.pace == Pace::Ahead && matches!(answer, Answer::Authenticated(_))
    }

    fn go_on(&mut self, event: Event, now: Now) -> Step<Answer> {
        let mut is_ended = false;
        let result = match &mut self.question {
            Question::Whose(token, call) => match call.step(event, now) {
                Step::Send(request) => return Step::Send(request),
                Step::Wait(time) => return Step::Wait(time),
                Step::Done(result) => {
                    result.map(|user| said(&self.engine, self.key, user, token, now))
                }
            },
            Question::Lives(identity, call) => match call.step(event, now) {
                Step::Send(request) => return Step::Send(request),
                Step::Wait(time) => return Step::Wait(time),
                Step::Done(result) => result.and_then(|validated| {
                    let lives = lives(identity, &validated)?;
                    // By the session's id and begin that the Cloud states: the token may state others.
                    is_ended = self.engine.is_ended(&validated.session, now);
                    Ok(lives)
                }),
            },
        };
        if let Some(permit) = self.permit.take() {
            permit.report(&result, now);
        }
        if let Ok(identity) = &result
            && is_ended
        {
            let token = identity.user().session_token();
            self.engine.sign_out(token, identity.expires_at(), now);
        }
        // The session may have been revoked while the Cloud answered.
        self.stale = match self.engine.lookup(&self.key, now) {
            Lookup::SignedOut => {
                return Step::Done(Answer::Rejected(CloudApiError::new(Code::SignedOut)));
            }
            Lookup::Stale(identity) | Lookup::Fresh(identity) | Lookup::Due(identity) => {
                Some(identity)
            }
            Lookup::Expired | Lookup::Refused(_) | Lookup::Unknown => None,
        };
        Step::Done(self.answer(result, now))
    }

    fn answer(&mut self, result: Result<Identity, CloudApiError>, now: Now) -> Answer {
        match result {
            Ok(identity) => settle(&self.engine, identity, now),
            Err(error) if error.is_refusal() => {
                let refusal = match self.question {
                    Question::Whose(..) => Refusal::token(error.clone()),
                    Question::Lives(..) => Refusal::session(error.clone()),
                };
                self.engine.refused(self.key, refusal, now);
                Answer::Rejected(error)
            }
            Err(error) => self.unavailable(error),
        }
    }

    /// Falls back to the stale identity while the Cloud is down; never past expiry or a sign-out.
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
        if self.permit.is_none() {
            return Step::Done(Answer::Unavailable(out_of_turn()));
        }
        self.go_on(event, now)
    }
}

/// The identity by the Cloud's answer, with the session's claims from the token itself.
fn said(
    engine: &Engine,
    key: TokenDigest,
    user: CloudUser,
    token: &SessionToken,
    now: Now,
) -> Identity {
    let said = Unverified::peek(token);
    let identity = Identity::new(key, user, said.session_id.clone(), said.expires_at);
    engine.accepted(identity.begun(said.issued_at), &said, now)
}

/// The identity by the signature, in the session by the Cloud's answer. Both must name the same user.
fn lives(identity: &Identity, validated: &Validated) -> Result<Identity, CloudApiError> {
    let session = &validated.session;
    if session.user_id() == identity.user().id() {
        Ok(identity.clone().in_session(session))
    } else {
        Err(bad_member(BadMember("session.user_id")))
    }
}

/// Caches an identity that was verified now, and answers with it.
pub(crate) fn settle(engine: &Engine, identity: Identity, now: Now) -> Answer {
    match engine.insert(identity, now) {
        Some(identity) if engine.is_over(&identity, now) => {
            Answer::Rejected(CloudApiError::new(Code::SessionExpired))
        }
        Some(identity) => Answer::Authenticated(identity),
        // A sign-out during the call wins over its answer.
        None => Answer::Rejected(CloudApiError::new(Code::SignedOut)),
    }
}

/// The cache's verdict, before any call.
pub(crate) enum Known {
    Answer(Answer),
    /// The answer, and a background refresh to run.
    Due(Answer),
    Ask(Option<Arc<Identity>>),
}

/// The cache's verdict for a request's first lookup, which is counted.
pub(crate) fn first_look(engine: &Engine, key: &TokenDigest, now: Now) -> Known {
    known(engine.first_lookup(key, now))
}

/// The cache's verdict for a later lookup, which is not counted.
pub(crate) fn look(engine: &Engine, key: &TokenDigest, now: Now) -> Known {
    known(engine.lookup(key, now))
}

fn known(lookup: Lookup) -> Known {
    match lookup {
        Lookup::Fresh(identity) => Known::Answer(Answer::Authenticated(identity)),
        Lookup::Due(identity) => Known::Due(Answer::Authenticated(identity)),
        Lookup::Refused(refusal) => Known::Answer(Answer::Rejected(refusal.error)),
        Lookup::SignedOut => Known::Answer(Answer::Rejected(CloudApiError::new(Code::SignedOut))),
        Lookup::Expired => {
            Known::Answer(Answer::Rejected(CloudApiError::new(Code::SessionExpired)))
        }
        Lookup::Stale(identity) => Known::Ask(Some(identity)),
        Lookup::Unknown => Known::Ask(None),
    }
}
