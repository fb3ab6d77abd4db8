//! Authenticate: which of a request's credentials count, in which order, and what follows.
//!
//! The bearer first, then the session cookies in their order, so that neither a stale cookie nor another provider's bearer
//! signs anyone out. The first that is accepted answers. One that cannot be checked ends the search as unavailable: to
//! go on would let an outage choose who somebody is. A token of the wrong form is refused without a call.
//! Whoever is remembered is answered without an allocation. Where signatures are checked, that is done here, at once.

use core::array;
use std::sync::Arc;

use super::credentials::{Candidate, MAX_CANDIDATES};
pub use super::credentials::{Credentials, bearer};
use super::identify::{Answer, Identify, Known, first_look, settle};
use super::keys::FetchKeys;
use super::step::Jitter;
use crate::error::{CloudApiError, Code};
use crate::identity::authority::Authority;
use crate::identity::cache::{Look, Lookup};
use crate::identity::keys::Outlook;
use crate::identity::proof::Unproven;
use crate::jwt::Reason;
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
    /// Whose key was not known; judged again once the keys were fetched.
    waiting: Option<SessionToken>,
    refused: Option<(CloudApiError, Source)>,
    background: Option<Background>,
    /// The number of the identity of the stale time, where the Cloud is asked beside one.
    stale: Option<u64>,
    source: Source,
    counting: Counting,
    look: Look,
}

impl core::fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Authenticate")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// What became of one candidate, and where that was found.
enum Judged {
    Next(Next),
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
            look: Look::First,
        }
    }

    /// The same, counted otherwise.
    #[must_use]
    pub fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// The same, for a look that is taken again where it does not find somebody: only then it counts as the first.
    #[must_use]
    pub fn peeking(self) -> Self {
        Self {
            look: Look::Peek,
            ..self
        }
    }

    /// Where the answer came from, once there is one.
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Goes on: with nothing at first, then with each flow's answer.
    pub fn next(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Next {
        match last {
            None | Some(Answer::Anonymous) => {}
            Some(Answer::Rejected(error)) => {
                self.refused.get_or_insert((error, Source::Cloud));
            }
            Some(answer) => {
                let source = self.source_of(&answer);
                return self.done(answer, source);
            }
        }
        if let Some(token) = self.waiting.take() {
            let judged = self.prove(token, Keys::Fetched, now, jitter);
            if let Some(next) = self.judged(judged) {
                return next;
            }
        }
        while let Some(candidate) = self.candidates.by_ref().flatten().next() {
            let judged = self.judge(candidate, now, jitter);
            if let Some(next) = self.judged(judged) {
                return next;
            }
        }
        match self.refused.take() {
            Some((error, source)) => self.done(Answer::Rejected(error), source),
            None => self.done(Answer::Anonymous, Source::None),
        }
    }

    /// What follows for the driver; nothing where the next candidate is to be judged.
    fn judged(&mut self, judged: Judged) -> Option<Next> {
        match judged {
            Judged::Next(next) => Some(next),
            Judged::Answer(answer, source) => Some(self.done(answer, source)),
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
        if self.counting.counts(outcome) {
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
        match first_look(&self.authority, &self.authority.key(text), self.look, now) {
            Known::Answer(Answer::Rejected(error)) => Judged::Refused(error, Source::Cache),
            Known::Answer(answer) => Judged::Answer(answer, Source::Cache),
            Known::Due(answer) => {
                self.background = candidate
                    .into_token()
                    .and_then(|token| self.ahead(token, now, jitter));
                Judged::Answer(answer, Source::Cache)
            }
            Known::Ask(stale) => match candidate.into_token() {
                Some(token) => {
                    self.stale = stale.map(|identity| identity.serial());
                    self.ask(token, now, jitter)
                }
                None => malformed(),
            },
        }
    }

    fn ask(&mut self, token: SessionToken, now: Now, jitter: Jitter) -> Judged {
        if self.authority.keys().is_some() {
            return self.prove(token, Keys::AtHand, now, jitter);
        }
        let authority = Arc::clone(&self.authority);
        Judged::Next(Next::Identify(Identify::new(authority, token, jitter)))
    }

    /// Judges a token by its signature.
    fn prove(&mut self, token: SessionToken, keys: Keys, now: Now, jitter: Jitter) -> Judged {
        let authority = Arc::clone(&self.authority);
        let key = authority.key(token.expose());
        let identity = match authority.prove(key, &token, now) {
            Ok(identity) => identity,
            Err(Unproven::Refused(error)) => {
                // One that is merely past its end is not remembered as refused: its session may be renewed.
                if !error.is(&Code::SessionExpired) {
                    authority.refused(key, &error, now);
                }
                return Judged::Refused(error, Source::Keys);
            }
            Err(unproven) => return self.without_key(token, &unproven, keys, now, jitter),
        };
        if authority.keys().is_some_and(|keys| keys.is_due(now)) {
            let fetch = FetchKeys::new(Arc::clone(&authority), jitter);
            self.background = Some(Background::Keys(fetch));
        }
        if authority.config().verification.session_every().is_some() {
            let flow = Identify::proven(authority, identity, jitter);
            return Judged::Next(Next::Identify(flow));
        }
        match settle(&authority, identity, now) {
            Answer::Rejected(error) => Judged::Refused(error, Source::Keys),
            answer => Judged::Answer(answer, Source::Keys),
        }
    }

    /// A token whose key is not at hand: the keys are fetched, once and where that is of use. Where there may be others that
    /// could not be had, nobody can say whether it is good.
    fn without_key(
        &mut self,
        token: SessionToken,
        unproven: &Unproven,
        keys: Keys,
        now: Now,
        jitter: Jitter,
    ) -> Judged {
        let authority = Arc::clone(&self.authority);
        let outlook = authority
            .keys()
            .map_or(Outlook::Complete, |keys| keys.outlook(now));
        if outlook == Outlook::Fetch && keys == Keys::AtHand {
            self.waiting = Some(token);
            return Judged::Next(Next::Keys(FetchKeys::new(authority, jitter)));
        }
        if outlook == Outlook::Complete && *unproven == Unproven::UnknownKey {
            // Not remembered: the key may be published in the next moment.
            return Judged::Refused(Reason::UnknownKey.into(), Source::Keys);
        }
        if let Lookup::Stale(identity) = authority.lookup(&authority.key(token.expose()), now) {
            return Judged::Answer(Answer::Authenticated(identity), Source::Cache);
        }
        let error = CloudApiError::new(Code::KeysUnavailable);
        Judged::Answer(Answer::Unavailable(error), Source::Keys)
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

/// Which keys a token is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    AtHand,
    /// They were fetched for it: nothing else is left to try.
    Fetched,
}
