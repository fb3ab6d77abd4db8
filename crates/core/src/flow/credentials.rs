//! Credentials: the tokens that a request brings, in the order in which they count.
//!
//! Borrowed from its headers, and looked into no further than to find them: what has not the form of a token is refused by
//! whoever tries it. At most five are kept.

use crate::error::CloudApiError;
use crate::identity::authority::Authority;
use crate::secret::SessionToken;
use crate::url::Site;

/// How many of them are tried.
pub(super) const MAX_CANDIDATES: usize = 5;

/// A request's credentials, borrowed from its headers.
#[derive(Clone)]
pub struct Credentials<'h> {
    pub(super) candidates: [Option<Candidate<'h>>; MAX_CANDIDATES],
}

/// One of them, whose form was not looked at.
#[derive(Clone)]
pub(super) enum Candidate<'h> {
    Text(&'h str),
    Token(SessionToken),
    Malformed,
}

impl Candidate<'_> {
    /// What may be known. Its form is looked at only where it is not: what has another one is never remembered.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Token(token) => Some(token.expose()),
            Self::Malformed => None,
        }
    }

    pub(super) fn into_owned(self) -> Candidate<'static> {
        self.into_token()
            .map_or(Candidate::Malformed, Candidate::Token)
    }

    pub(super) fn into_token(self) -> Option<SessionToken> {
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
        Self::with_token(authority, None, authorization, cookie, None)
    }

    /// The same, where the host has read a token already: it counts before the headers, and once where it stands there too.
    /// Some hosts hand on a whole `Authorization` value whose scheme they do not know by its spelling. `site` is the address that
    /// the request is for, where that decides which cookies count.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn with_token(
        authority: &Authority,
        token: Option<&'h str>,
        authorization: Option<&'h str>,
        cookie: Option<&'h str>,
        site: Option<Site>,
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
            authority.session_cookies(header, site)?.for_each(&mut add);
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
        let own = Candidate::into_owned;
        Credentials {
            candidates: self.candidates.map(|candidate| candidate.map(own)),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.candidates.iter().all(Option::is_none)
    }
}

/// What a request brings, as it came: nothing of it was read.
#[derive(Clone, Copy, Default)]
pub struct Brought<'h> {
    /// A token that the host has read already: it counts before the headers.
    pub token: Option<&'h str>,
    /// The `Authorization` header.
    pub authorization: Option<&'h str>,
    /// The `Cookie` header.
    pub cookie: Option<&'h [u8]>,
    /// The address that it is for.
    pub reached: Reached,
}

/// What is known of the address that a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// It was not looked at so far.
    #[default]
    Unasked,
    /// It was looked at, and may not have been found.
    Asked(Option<Site>),
}

impl<'h> Brought<'h> {
    /// The credential that counts most; none too where they cannot be read.
    pub(super) fn first(&self, authority: &Authority) -> Option<&'h [u8]> {
        // Looked at even where it does not count: what cannot be read is refused whatever stands beside it.
        let cookie = match self.cookie {
            Some(header) => {
                let cookie = &authority.config().cookie;
                let counted = match self.reached {
                    Reached::Unasked => cookie.counted(None),
                    Reached::Asked(site) => authority.counted(site),
                };
                cookie.names().first(header, counted).ok()?
            }
            None => None,
        };
        let token = self.token.map(|text| bearer(text).unwrap_or(text));
        let bearer = self.authorization.and_then(bearer);
        let texts = token.into_iter().chain(bearer).map(str::as_bytes);
        texts.chain(cookie).find(|text| !text.is_empty())
    }
}

impl core::fmt::Debug for Brought<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Brought").finish_non_exhaustive()
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
