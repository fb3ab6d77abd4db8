//! Authenticate: which of a request's credentials count, in which order, and what follows.
//!
//! The bearer first, then the session cookies in their order, so that neither a stale cookie nor another provider's bearer
//! signs anyone out. The first that is accepted answers. One that cannot be checked ends the search as unavailable: to
//! go on would let an outage choose who somebody is. A token of the wrong form is refused without a call.
//! Whoever is remembered is answered without an allocation.

use core::array;
use std::sync::Arc;

use super::identify::{Answer, Identify, Known, look};
use super::step::Jitter;
use crate::cookie::values;
use crate::error::{CloudApiError, Code};
use crate::identity::authority::Authority;
use crate::secret::SessionToken;
use crate::tally::{Outcome, Source};
use crate::time::Now;

const MAX_CANDIDATES: usize = 5;

/// A request's credentials, borrowed from its headers.
#[derive(Clone)]
pub struct Credentials<'h> {
    candidates: [Option<Candidate<'h>>; MAX_CANDIDATES],
}

#[derive(Clone)]
enum Candidate<'h> {
    Text(&'h str),
    Token(SessionToken),
    Malformed,
}

impl Candidate<'_> {
    /// What may be known. Its form is looked at only where it is not: what has another one is never remembered.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Token(token) => Some(token.expose()),
            Self::Malformed => None,
        }
    }

    fn into_token(self) -> Option<SessionToken> {
        match self {
            Self::Text(text) => SessionToken::parse(text).ok(),
            Self::Token(token) => Some(token),
            Self::Malformed => None,
        }
    }
}

impl<'h> Credentials<'h> {
    /// Reads the `Authorization` and `Cookie` headers. Several `Cookie` headers are to be joined with `; `.
    ///
    /// # Errors
    ///
    /// `cookie_header_too_large`, `too_many_cookies`.
    pub fn read(
        authority: &Authority,
        authorization: Option<&'h str>,
        cookie: Option<&'h str>,
    ) -> Result<Self, CloudApiError> {
        Self::with_token(authority, None, authorization, cookie)
    }

    /// The same, where the host has read a token already: it counts before the headers, and once where it stands there too.
    /// Some hosts hand on a whole `Authorization` value whose scheme they do not know by its spelling.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn with_token(
        authority: &Authority,
        token: Option<&'h str>,
        authorization: Option<&'h str>,
        cookie: Option<&'h str>,
    ) -> Result<Self, CloudApiError> {
        let token = token.map(|text| bearer(text).unwrap_or(text));
        let bearer = authorization
            .and_then(bearer)
            .filter(|text| Some(*text) != token);
        let mut found = Self::none();
        let mut free = found.candidates.iter_mut();
        let mut add = |text: &'h str| {
            if !text.is_empty()
                && let Some(place) = free.next()
            {
                *place = Some(Candidate::Text(text));
            }
        };
        token.into_iter().for_each(&mut add);
        bearer.into_iter().for_each(&mut add);
        if let Some(header) = cookie {
            values(header, authority.config().cookie.name())?.for_each(&mut add);
        }
        Ok(found)
    }

    const fn none() -> Self {
        Self {
            candidates: [const { None }; MAX_CANDIDATES],
        }
    }

    /// One token that was found some other way.
    pub fn token(token: &'h str) -> Self {
        let mut found = Self::none();
        let [first, ..] = &mut found.candidates;
        *first = (!token.is_empty()).then_some(Candidate::Text(token));
        found
    }

    /// The same, without the headers: for a driver that cannot keep them until the end.
    pub fn into_owned(self) -> Credentials<'static> {
        let own = |candidate: Candidate<'_>| {
            candidate
                .into_token()
                .map_or(Candidate::Malformed, Candidate::Token)
        };
        Credentials {
            candidates: self.candidates.map(|candidate| candidate.map(own)),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.candidates.iter().all(Option::is_none)
    }
}

impl core::fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Authenticate")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Credentials({})",
            self.candidates.iter().flatten().count()
        )
    }
}

/// The token of an `Authorization` header; the scheme in any letter case (RFC 9110 section 11.1).
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// What a driver does next.
#[derive(Debug)]
pub enum Next {
    /// Run this flow, one per key, and come back with its answer.
    Identify(Identify),
    /// This is the answer.
    Done(Answer),
}

/// A request's credentials on their way to an answer.
pub struct Authenticate<'h> {
    authority: Arc<Authority>,
    candidates: array::IntoIter<Option<Candidate<'h>>, MAX_CANDIDATES>,
    refused: Option<(CloudApiError, Source)>,
    /// The number of the identity of the stale time, where the Cloud is asked beside one.
    stale: Option<u64>,
    source: Source,
    counting: Counting,
}

/// Whether the answer is added to the deployment's [`Tally`](crate::tally::Tally).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Every answer.
    Always,
    /// Only where somebody is signed in: whoever gets another answer asks again.
    Authenticated,
    /// None: it was counted already.
    Never,
}

impl<'h> Authenticate<'h> {
    /// For these credentials.
    pub fn new(authority: &Arc<Authority>, credentials: Credentials<'h>) -> Self {
        Self {
            authority: Arc::clone(authority),
            candidates: credentials.candidates.into_iter(),
            refused: None,
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
        for candidate in self.candidates.by_ref().flatten() {
            let known = candidate
                .text()
                .map(|text| look(&self.authority, &self.authority.key(text), now));
            let refusal = match known {
                Some(Known::Answer(Answer::Rejected(error))) => (error, Source::Cache),
                Some(Known::Answer(answer)) => return self.done(answer, Source::Cache),
                Some(Known::Ask(stale)) => match candidate.into_token() {
                    Some(token) => {
                        self.stale = stale.map(|identity| identity.serial());
                        let authority = Arc::clone(&self.authority);
                        return Next::Identify(Identify::new(authority, token, jitter));
                    }
                    None => (CloudApiError::new(Code::InvalidToken), Source::None),
                },
                None => (CloudApiError::new(Code::InvalidToken), Source::None),
            };
            // The first refusal is the one to tell: it is that of the credential that counts most.
            self.refused.get_or_insert(refusal);
        }
        match self.refused.take() {
            Some((error, source)) => self.done(Answer::Rejected(error), source),
            None => self.done(Answer::Anonymous, Source::None),
        }
    }

    fn done(&mut self, answer: Answer, source: Source) -> Next {
        self.source = source;
        let outcome = answer.outcome();
        if self.counting == Counting::Always
            || (self.counting == Counting::Authenticated && outcome == Outcome::Authenticated)
        {
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
}
