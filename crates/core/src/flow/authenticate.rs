//! Authenticate: which of a request's credentials counts, and the answer.
//!
//! The bearer is tried first, then the session cookies in order. So neither a stale cookie nor another provider's bearer
//! signs a user out. The first accepted credential answers. One that cannot be checked ends the search as unavailable: going
//! on would let an outage choose the user. A token of the wrong form is refused without a call.
//!
//! A cache hit allocates nothing. Where signatures are verified, that is done here, at once; a driver with a thread pool may
//! run a long check there.

mod signed;

use core::array;
use std::sync::Arc;

use super::credentials::{Candidate, MAX_CANDIDATES};
pub use super::credentials::{Credentials, bearer};
use super::identify::{Answer, Identify, Known, first_look, look};
use super::keys::FetchKeys;
use super::step::Jitter;
use crate::counters::{Counting, Source};
use crate::engine::Engine;
pub use crate::engine::{CheckedSignature, SignatureCheck};
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::time::Now;

/// What the driver does next.
#[derive(Debug)]
pub enum Next {
    /// Run this flow, one per key, and pass its answer to `next`.
    Identify(Identify),
    /// Run this flow, one per key, and pass `None` to `next`, whatever its result.
    Keys(FetchKeys),
    /// The answer.
    Done(Answer),
}

/// What a driver with a thread pool does next.
#[derive(Debug)]
pub enum Turn {
    /// Run this on another thread and pass its result to `checked`.
    Check(SignatureCheck),
    /// What every driver does.
    Next(Next),
}

/// Work that no request waits for: run it, one per key, and ignore its result.
#[derive(Debug)]
pub enum Background {
    /// Refreshes an identity in use before its fresh time is over.
    Identify(Identify),
    /// Fetches a key set that is due.
    Keys(FetchKeys),
}

/// The authentication of one request.
pub struct Authenticate<'h> {
    engine: Arc<Engine>,
    candidates: array::IntoIter<Option<Candidate<'h>>, MAX_CANDIDATES>,
    /// The token that is being checked, or will be once the keys were fetched.
    waiting: Option<Waiting>,
    refused: Option<(CloudApiError, Source)>,
    background: Option<Background>,
    /// The serial number of the stale identity, where the Cloud is asked about its token.
    stale: Option<u64>,
    source: Source,
    counting: Counting,
}

impl core::fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Authenticate")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// A token that is to be checked.
struct Waiting {
    key: TokenDigest,
    token: SessionToken,
    keys: Keys,
}

/// The verdict on one candidate, and its source.
enum Judged {
    Next(Next),
    Check(SignatureCheck),
    Answer(Answer, Source),
    Refused(CloudApiError, Source),
}

impl<'h> Authenticate<'h> {
    /// Authenticates a request by these credentials.
    pub fn new(engine: &Arc<Engine>, credentials: Credentials<'h>) -> Self {
        Self {
            engine: Arc::clone(engine),
            candidates: credentials.candidates.into_iter(),
            waiting: None,
            refused: None,
            background: None,
            stale: None,
            source: Source::None,
            counting: Counting::Always,
        }
    }

    /// Sets how the answer is counted.
    #[must_use]
    pub fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// The source of the answer, once there is one.
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Copies what it needs from the headers, for a driver that cannot keep them until the end.
    pub fn into_owned(self) -> Authenticate<'static> {
        let mut left = self.candidates.flatten().map(Candidate::into_owned);
        let candidates: [_; MAX_CANDIDATES] = array::from_fn(|_| left.next());
        Authenticate {
            candidates: candidates.into_iter(),
            engine: self.engine,
            waiting: self.waiting,
            refused: self.refused,
            background: self.background,
            stale: self.stale,
            source: self.source,
            counting: self.counting,
        }
    }

    /// Goes on: with `None` at first, then with each flow's answer.
    pub fn next(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Next {
        let mut turn = self.go_on(last, now, jitter);
        loop {
            match turn {
                Turn::Next(next) => return next,
                Turn::Check(check) => turn = self.follow_check(check.run(), now, jitter),
            }
        }
    }

    /// Goes on as [`next`](Self::next) does, but hands out long checks, for a driver with a thread pool. If a check is lost,
    /// go on with `None`.
    pub fn turn(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Turn {
        let turn = self.go_on(last, now, jitter);
        self.quick(turn, now, jitter)
    }

    /// Goes on with the result of a check. A result for another token, or by keys that were replaced since, is dropped: then
    /// the token is checked anew.
    pub fn checked(&mut self, checked: CheckedSignature, now: Now, jitter: Jitter) -> Turn {
        // Another request may have verified the token meanwhile, or a sign-out denied it.
        let known = self
            .waiting
            .as_ref()
            .map(|waiting| look(&self.engine, &waiting.key, now));
        let turn = match known {
            Some(Known::Answer(answer) | Known::Due(answer)) => {
                self.waiting = None;
                self.follow(Some(Judged::known(answer)), now, jitter)
            }
            _ => self.follow_check(checked, now, jitter),
        };
        self.quick(turn, now, jitter)
    }

    /// Runs the checks that are not long.
    fn quick(&mut self, mut turn: Turn, now: Now, jitter: Jitter) -> Turn {
        loop {
            match turn {
                Turn::Check(check) if !check.is_long() => {
                    turn = self.follow_check(check.run(), now, jitter);
                }
                turn => return turn,
            }
        }
    }

    fn go_on(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Turn {
        match last {
            None | Some(Answer::Anonymous) => {}
            Some(Answer::Rejected(error)) => {
                self.refused.get_or_insert((error, Source::Cloud));
            }
            Some(answer) => {
                let source = self.source_of(&answer);
                return Turn::Next(self.done(answer, source));
            }
        }
        let judged = self
            .waiting
            .take()
            .map(|waiting| self.check_signature(waiting, now, jitter));
        self.follow(judged, now, jitter)
    }

    fn follow_check(&mut self, checked: CheckedSignature, now: Now, jitter: Jitter) -> Turn {
        let judged =
            self.waiting.take().map(
                |waiting| match checked.of(&self.engine, &waiting.key, now) {
                    Some(found) => self.proven(waiting, found, now, jitter),
                    None => self.check_signature(waiting, now, jitter),
                },
            );
        self.follow(judged, now, jitter)
    }

    /// Acts on the verdict; without one, tries the remaining candidates.
    fn follow(&mut self, mut judged: Option<Judged>, now: Now, jitter: Jitter) -> Turn {
        loop {
            if let Some(turn) = judged.and_then(|judged| self.judged(judged)) {
                return turn;
            }
            let Some(candidate) = self.candidates.by_ref().flatten().next() else {
                break;
            };
            judged = Some(self.judge(candidate, now, jitter));
        }
        Turn::Next(match self.refused.take() {
            Some((error, source)) => self.done(Answer::Rejected(error), source),
            None => self.done(Answer::Anonymous, Source::None),
        })
    }

    /// What the driver does next; none where the next candidate is to be tried.
    fn judged(&mut self, judged: Judged) -> Option<Turn> {
        match judged {
            Judged::Next(next) => Some(Turn::Next(next)),
            Judged::Check(check) => Some(Turn::Check(check)),
            Judged::Answer(answer, source) => Some(Turn::Next(self.done(answer, source))),
            Judged::Refused(error, source) => {
                // Report the first refusal: it is of the credential with the highest precedence.
                self.refused.get_or_insert((error, source));
                None
            }
        }
    }

    fn done(&mut self, answer: Answer, source: Source) -> Next {
        self.source = source;
        let outcome = answer.outcome();
        if self.counting == Counting::Always {
            self.engine.counters().answered(outcome, source);
        }
        Next::Done(answer)
    }

    /// The source of a flow's answer: the Cloud, unless the flow fell back to a stale identity or the breaker was open.
    fn source_of(&self, answer: &Answer) -> Source {
        match answer {
            Answer::Authenticated(identity) if self.stale == Some(identity.serial()) => {
                Source::Cache
            }
            Answer::Unavailable(error) if error.is(&Code::CircuitOpen) => Source::None,
            _ => Source::Cloud,
        }
    }

    /// The background work, once there is an answer.
    pub const fn take_background(&mut self) -> Option<Background> {
        self.background.take()
    }

    fn judge(&mut self, candidate: Candidate<'h>, now: Now, jitter: Jitter) -> Judged {
        let malformed = || Judged::Refused(CloudApiError::new(Code::InvalidToken), Source::None);
        let Some(text) = candidate.text() else {
            return malformed();
        };
        let key = self.engine.key(text);
        match first_look(&self.engine, &key, now) {
            Known::Answer(answer) => Judged::known(answer),
            Known::Due(answer) => {
                self.background = candidate
                    .into_token()
                    .and_then(|token| self.ahead(token, now, jitter));
                Judged::Answer(answer, Source::Cache)
            }
            Known::Ask(stale) => match candidate.into_token() {
                Some(token) => {
                    self.stale = stale.map(|identity| identity.serial());
                    self.ask(key, token, now, jitter)
                }
                None => malformed(),
            },
        }
    }

    fn ask(&mut self, key: TokenDigest, token: SessionToken, now: Now, jitter: Jitter) -> Judged {
        if self.engine.keys().is_some() {
            let keys = Keys::AtHand;
            return self.check_signature(Waiting { key, token, keys }, now, jitter);
        }
        let engine = Arc::clone(&self.engine);
        Judged::Next(Next::Identify(Identify::new(engine, token, jitter)))
    }

    /// The flow that refreshes an identity that is still fresh.
    fn ahead(&self, token: SessionToken, now: Now, jitter: Jitter) -> Option<Background> {
        let engine = Arc::clone(&self.engine);
        let flow = if engine.keys().is_some() {
            let key = engine.key(token.expose());
            let identity = engine.check_signature(key, &token, now).ok()?;
            Identify::proven(engine, identity, jitter)
        } else {
            Identify::new(engine, token, jitter)
        };
        Some(Background::Identify(flow.ahead()))
    }
}

impl Judged {
    /// A verdict from the cache.
    fn known(answer: Answer) -> Self {
        match answer {
            Answer::Rejected(error) => Self::Refused(error, Source::Cache),
            answer => Self::Answer(answer, Source::Cache),
        }
    }
}

/// The keys that a token is checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    AtHand,
    /// The keys were fetched for this token: there is nothing else to try.
    Fetched,
}
