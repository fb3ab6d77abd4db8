//! Authenticate: which of a request's credentials count, in which order, and what follows.
//!
//! The bearer first, then the session cookies in their order, so that neither a stale cookie nor another provider's bearer
//! signs anyone out. The first that is accepted answers. One that cannot be checked ends the search as unavailable: to
//! go on would let an outage choose who somebody is. A token of the wrong form is refused without a call.
//! Whoever is remembered is answered without an allocation.

use std::sync::Arc;

use super::identify::{Answer, Identify, Known, look};
use super::step::Jitter;
use crate::cookie::values;
use crate::error::{CloudApiError, Code};
use crate::identity::authority::Authority;
use crate::secret::{SessionToken, is_token};
use crate::time::Now;

const MAX_CANDIDATES: usize = 5;

/// A request's credentials, borrowed from its headers.
#[derive(Clone, Copy)]
pub struct Credentials<'h> {
    candidates: [Option<&'h str>; MAX_CANDIDATES],
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
        let bearer = authorization.and_then(bearer);
        let cookies = cookie
            .map(|header| values(header, authority.config().cookie.name()))
            .transpose()?;
        let mut all = bearer
            .into_iter()
            .chain(cookies.into_iter().flatten())
            .filter(|text| !text.is_empty());
        Ok(Self {
            candidates: core::array::from_fn(|_| all.next()),
        })
    }

    /// One token that was found some other way.
    pub fn token(token: &'h str) -> Self {
        let mut one = Some(token).filter(|text| !text.is_empty());
        Self {
            candidates: core::array::from_fn(|_| one.take()),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.candidates.iter().all(Option::is_none)
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
#[derive(Debug)]
pub struct Authenticate<'h> {
    authority: &'h Arc<Authority>,
    credentials: Credentials<'h>,
    next: usize,
    refused: Option<CloudApiError>,
}

impl<'h> Authenticate<'h> {
    /// For these credentials.
    pub const fn new(authority: &'h Arc<Authority>, credentials: Credentials<'h>) -> Self {
        Self {
            authority,
            credentials,
            next: 0,
            refused: None,
        }
    }

    /// Goes on: with nothing at first, then with each flow's answer.
    pub fn next(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Next {
        match last {
            None | Some(Answer::Anonymous) => {}
            Some(Answer::Rejected(error)) => self.note(error),
            Some(answer) => return Next::Done(answer),
        }
        while let Some(text) = self
            .credentials
            .candidates
            .get(self.next)
            .copied()
            .flatten()
        {
            self.next = self.next.saturating_add(1);
            if !is_token(text) {
                self.note(CloudApiError::new(Code::InvalidToken));
                continue;
            }
            match look(self.authority, &self.authority.key(text), now) {
                Known::Answer(Answer::Rejected(error)) => self.note(error),
                Known::Answer(answer) => return Next::Done(answer),
                Known::Ask(_) => match SessionToken::parse(text) {
                    Ok(token) => {
                        return Next::Identify(Identify::new(
                            Arc::clone(self.authority),
                            token,
                            jitter,
                        ));
                    }
                    Err(_) => self.note(CloudApiError::new(Code::InvalidToken)),
                },
            }
        }
        Next::Done(
            self.refused
                .take()
                .map_or(Answer::Anonymous, Answer::Rejected),
        )
    }

    /// The first refusal is the one to tell: it is that of the credential that counts most.
    fn note(&mut self, error: CloudApiError) {
        self.refused.get_or_insert(error);
    }
}
