//! Authenticate: which of a request's credentials count, in which order, and what follows.
//!
//! The bearer first, then the session cookies in their order, so that neither a stale cookie nor another provider's bearer
//! signs anyone out. The first that is accepted answers. One that cannot be checked ends the search as unavailable: to
//! go on would let an outage choose who somebody is. A token of the wrong form is refused without a call.
//! Whoever is remembered is answered without an allocation. Where signatures are checked, that is done here, at once; a driver
//! with a thread to spare may take a check that is long there.

mod signed;

use core::array;
use std::sync::Arc;

use super::credentials::{Candidate, MAX_CANDIDATES};
pub use super::credentials::{Credentials, bearer};
use super::identify::{Answer, Identify, Known, first_look, look};
use super::keys::FetchKeys;
use super::step::Jitter;
use crate::error::{CloudApiError, Code};
use crate::identity::authority::Authority;
use crate::identity::key::TokenKey;
pub use crate::identity::proof::{Check, Checked};
use crate::secret::SessionToken;
use crate::tally::{Counting, Source};
use crate::time::Now;

/// What a driver does next.
#[derive(Debug)]
pub enum Next {
    /// Run this flow, one per key, and come back with its answer.
    Identify(Identify),
    /// Run this flow, one per key, and come back with nothing, whatever came of it.
    Keys(FetchKeys),
    /// This is the answer.
    Done(Answer),
}

/// What a driver with a thread to spare does next.
#[derive(Debug)]
pub enum Turn {
    /// Run this wherever it holds up nobody, and come back with what came of it.
    Check(Check),
    /// What any driver does.
    Next(Next),
}

/// What nobody waits for: run it, one per key, and let its outcome go.
#[derive(Debug)]
pub enum Background {
    /// Asks about an identity in use before its fresh time is over.
    Identify(Identify),
    /// Fetches a key set that has grown old.
    Keys(FetchKeys),
}

/// A request's credentials on their way to an answer.
pub struct Authenticate<'h> {
    authority: Arc<Authority>,
    candidates: array::IntoIter<Option<Candidate<'h>>, MAX_CANDIDATES>,
    /// What is being checked, or will be once the keys were fetched.
    waiting: Option<Waiting>,
    refused: Option<(CloudApiError, Source)>,
    background: Option<Background>,
    /// The number of the identity of the stale time, where the Cloud is asked beside one.
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

/// A token on its way to be checked.
struct Waiting {
    key: TokenKey,
    token: SessionToken,
    keys: Keys,
}

/// What became of one candidate, and where that was found.
enum Judged {
    Next(Next),
    Check(Check),
    Answer(Answer, Source),
    Refused(CloudApiError, Source),
}

impl<'h> Authenticate<'h> {
    /// For these credentials.
    pub fn new(authority: &Arc<Authority>, credentials: Credentials<'h>) -> Self {
        Self {
            authority: Arc::clone(authority),
            candidates: credentials.candidates.into_iter(),
            waiting: None,
            refused: None,
            background: None,
            stale: None,
            source: Source::None,
            counting: Counting::Always,
        }
    }

    /// The same, counted otherwise.
    #[must_use]
    pub fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// Where the answer came from, once there is one.
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The same, without the headers: for a driver that cannot keep them until the end.
    pub fn into_owned(self) -> Authenticate<'static> {
        let mut left = self.candidates.flatten().map(Candidate::into_owned);
        let candidates: [_; MAX_CANDIDATES] = array::from_fn(|_| left.next());
        Authenticate {
            candidates: candidates.into_iter(),
            authority: self.authority,
            waiting: self.waiting,
            refused: self.refused,
            background: self.background,
            stale: self.stale,
            source: self.source,
            counting: self.counting,
        }
    }

    /// Goes on: with nothing at first, then with each flow's answer.
    pub fn next(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Next {
        let mut turn = self.go_on(last, now, jitter);
        loop {
            match turn {
                Turn::Next(next) => return next,
                Turn::Check(check) => turn = self.follow_check(check.run(), now, jitter),
            }
        }
    }

    /// The same for a driver with a thread to spare: a check that takes long is handed out. Where it is lost, go on with nothing.
    pub fn turn(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Turn {
        let turn = self.go_on(last, now, jitter);
        self.quick(turn, now, jitter)
    }

    /// Goes on with what came of a check. One of another token counts for nothing, nor does one by keys that were replaced since:
    /// then the token is checked anew.
    pub fn checked(&mut self, checked: Checked, now: Now, jitter: Jitter) -> Turn {
        // The same token may have come with another request meanwhile, or have been signed out.
        let known = self
            .waiting
            .as_ref()
            .map(|waiting| look(&self.authority, &waiting.key, now));
        let turn = match known {
            Some(Known::Answer(answer) | Known::Due(answer)) => {
                self.waiting = None;
                self.follow(Some(Judged::known(answer)), now, jitter)
            }
            _ => self.follow_check(checked, now, jitter),
        };
        self.quick(turn, now, jitter)
    }

    /// Runs what does not take long.
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
            .map(|waiting| self.prove(waiting, now, jitter));
        self.follow(judged, now, jitter)
    }

    fn follow_check(&mut self, checked: Checked, now: Now, jitter: Jitter) -> Turn {
        let judged = self.waiting.take().map(|waiting| {
            match checked.of(&self.authority, &waiting.key, now) {
                Some(found) => self.proven(waiting, found, now, jitter),
                None => self.prove(waiting, now, jitter),
            }
        });
        self.follow(judged, now, jitter)
    }

    /// What follows from what was judged; where that is nothing, from the candidates that are left.
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

    /// What follows for the driver; nothing where the next candidate is to be judged.
    fn judged(&mut self, judged: Judged) -> Option<Turn> {
        match judged {
            Judged::Next(next) => Some(Turn::Next(next)),
            Judged::Check(check) => Some(Turn::Check(check)),
            Judged::Answer(answer, source) => Some(Turn::Next(self.done(answer, source))),
            Judged::Refused(error, source) => {
                // The first refusal is the one to tell: it is that of the credential that counts most.
                self.refused.get_or_insert((error, source));
                None
            }
        }
    }

    fn done(&mut self, answer: Answer, source: Source) -> Next {
        self.source = source;
        let outcome = answer.outcome();
        if self.counting == Counting::Always {
            self.authority.tally().answered(outcome, source);
        }
        Next::Done(answer)
    }

    /// Where the answer of a flow came from: from the Cloud, unless it gave back what was known before or was not let ask.
    fn source_of(&self, answer: &Answer) -> Source {
        match answer {
            Answer::Authenticated(identity) if self.stale == Some(identity.serial()) => {
                Source::Cache
            }
            Answer::Unavailable(error) if error.is(&Code::CircuitOpen) => Source::None,
            _ => Source::Cloud,
        }
    }

    /// What is to be done besides, once there is an answer.
    pub const fn take_background(&mut self) -> Option<Background> {
        self.background.take()
    }

    fn judge(&mut self, candidate: Candidate<'h>, now: Now, jitter: Jitter) -> Judged {
        let malformed = || Judged::Refused(CloudApiError::new(Code::InvalidToken), Source::None);
        let Some(text) = candidate.text() else {
            return malformed();
        };
        let key = self.authority.key(text);
        match first_look(&self.authority, &key, now) {
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

    fn ask(&mut self, key: TokenKey, token: SessionToken, now: Now, jitter: Jitter) -> Judged {
        if self.authority.keys().is_some() {
            let keys = Keys::AtHand;
            return self.prove(Waiting { key, token, keys }, now, jitter);
        }
        let authority = Arc::clone(&self.authority);
        Judged::Next(Next::Identify(Identify::new(authority, token, jitter)))
    }

    /// The task to ask about an identity that is still fresh.
    fn ahead(&self, token: SessionToken, now: Now, jitter: Jitter) -> Option<Background> {
        let authority = Arc::clone(&self.authority);
        let flow = if authority.keys().is_some() {
            let key = authority.key(token.expose());
            let identity = authority.prove(key, &token, now).ok()?;
            Identify::proven(authority, identity, jitter)
        } else {
            Identify::new(authority, token, jitter)
        };
        Some(Background::Identify(flow.ahead()))
    }
}

impl Judged {
    /// By what is remembered.
    fn known(answer: Answer) -> Self {
        match answer {
            Answer::Rejected(error) => Self::Refused(error, Source::Cache),
            answer => Self::Answer(answer, Source::Cache),
        }
    }
}

/// Which keys a token is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    AtHand,
    /// They were fetched for it: nothing else is left to try.
    Fetched,
}
