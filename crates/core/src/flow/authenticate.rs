//! Authenticate: which of a request's credentials count, in which order, and what follows.
//!
//! The bearer first, then the session cookies in their order, so that neither a stale cookie nor another provider's bearer
//! signs anyone out. The first that is accepted answers. One that cannot be checked ends the search as unavailable: to
//! go on would let an outage choose who somebody is. A token of the wrong form is refused without a call.
//! Whoever is remembered is answered without an allocation. Where signatures are checked, that is done here, at once.

use core::array;
use std::sync::Arc;

use super::identify::{Answer, Identify, Known, first_look, settle};
use super::keys::FetchKeys;
use super::step::Jitter;
use crate::cookie::values;
use crate::error::{CloudApiError, Code};
use crate::identity::authority::Authority;
use crate::identity::cache::Lookup;
use crate::identity::keys::Outlook;
use crate::identity::proof::Unproven;
use crate::jwt::Reason;
use crate::secret::SessionToken;
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
    refused: Option<CloudApiError>,
    background: Option<Background>,
}

/// What became of one candidate.
enum Judged {
    Next(Next),
    Refused(CloudApiError),
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
        }
    }

    /// Goes on: with nothing at first, then with each flow's answer.
    pub fn next(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Next {
        match last {
            None | Some(Answer::Anonymous) => {}
            Some(Answer::Rejected(error)) => {
                self.refused.get_or_insert(error);
            }
            Some(answer) => return Next::Done(answer),
        }
        if let Some(token) = self.waiting.take() {
            match self.prove(token, Keys::Fetched, now, jitter) {
                Judged::Next(next) => return next,
                // The first refusal is the one to tell: it is that of the credential that counts most.
                Judged::Refused(error) => _ = self.refused.get_or_insert(error),
            }
        }
        while let Some(candidate) = self.candidates.by_ref().flatten().next() {
            match self.judge(candidate, now, jitter) {
                Judged::Next(next) => return next,
                Judged::Refused(error) => _ = self.refused.get_or_insert(error),
            }
        }
        Next::Done(
            self.refused
                .take()
                .map_or(Answer::Anonymous, Answer::Rejected),
        )
    }

    /// What is to be done besides, once there is an answer.
    pub const fn take_background(&mut self) -> Option<Background> {
        self.background.take()
    }

    fn judge(&mut self, candidate: Candidate<'h>, now: Now, jitter: Jitter) -> Judged {
        let malformed = || Judged::Refused(CloudApiError::new(Code::InvalidToken));
        let Some(text) = candidate.text() else {
            return malformed();
        };
        match first_look(&self.authority, &self.authority.key(text), now) {
            Known::Answer(Answer::Rejected(error)) => Judged::Refused(error),
            Known::Answer(answer) => Judged::Next(Next::Done(answer)),
            Known::Due(answer) => {
                self.background = candidate
                    .into_token()
                    .and_then(|token| self.ahead(token, now, jitter));
                Judged::Next(Next::Done(answer))
            }
            Known::Ask(_) => match candidate.into_token() {
                Some(token) => self.ask(token, now, jitter),
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
                return Judged::Refused(error);
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
            Answer::Rejected(error) => Judged::Refused(error),
            answer => Judged::Next(Next::Done(answer)),
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
            return Judged::Refused(Reason::UnknownKey.into());
        }
        let answer = match authority.lookup(&authority.key(token.expose()), now) {
            Lookup::Stale(identity) => Answer::Authenticated(identity),
            _ => Answer::Unavailable(CloudApiError::new(Code::KeysUnavailable)),
        };
        Judged::Next(Next::Done(answer))
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
