//! Credentials: the tokens that a request brings, in order of precedence.
//!
//! Borrowed from its headers and not parsed further than to find them: the flow that tries one refuses it where its form is
//! wrong. At most five are kept.

use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::secret::SessionToken;
use crate::url::Site;

/// How many credentials are tried.
pub(super) const MAX_CANDIDATES: usize = 5;

/// A request's credentials, borrowed from its headers.
#[derive(Clone)]
pub struct Credentials<'h> {
    pub(super) candidates: [Option<Candidate<'h>>; MAX_CANDIDATES],
}

/// A credential whose form is not checked yet.
#[derive(Clone)]
pub(super) enum Candidate<'h> {
    Text(&'h str),
    Token(SessionToken),
    Malformed,
}

impl Candidate<'_> {
    /// The text to look up in the cache. The form is checked after a miss only: a malformed token is never cached.
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
    /// Reads the `Authorization` and `Cookie` headers. Join several `Cookie` headers with `; `.
    ///
    /// # Errors
    ///
    /// `cookie_header_too_large`, `too_many_cookies`.
    pub fn read(
        engine: &Engine,
        authorization: Option<&'h str>,
        cookie: Option<&'h str>,
    ) -> Result<Self, CloudApiError> {
        Self::with_token(engine, None, authorization, cookie, None)
    }

    /// Reads the headers where the host has already read a token: that one counts before them, and once where it is in a
    /// header too. Some hosts pass on a whole `Authorization` value where they do not know the spelling of its scheme. `site`
    /// is the address of the request, where that decides which cookies count.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn with_token(
        engine: &Engine,
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
            engine.session_cookies(header, site)?.for_each(&mut add);
        }
        Ok(found)
    }

    const fn none() -> Self {
        Self {
            candidates: [const { None }; MAX_CANDIDATES],
        }
    }

    /// A single token from another source.
    pub fn token(token: &'h str) -> Self {
        let mut found = Self::none();
        let [first, ..] = &mut found.candidates;
        *first = (!token.is_empty()).then_some(Candidate::Text(token));
        found
    }

    /// Copies the tokens, for a driver that cannot keep the headers until the end.
    pub fn into_owned(self) -> Credentials<'static> {
        let own = Candidate::into_owned;
        Credentials {
            candidates: self.candidates.map(|candidate| candidate.map(own)),
        }
    }

    /// Whether there are no credentials.
    pub fn is_empty(&self) -> bool {
        self.candidates.iter().all(Option::is_none)
    }
}

/// A request's credentials as they came, not parsed.
#[derive(Clone, Copy, Default)]
pub struct Brought<'h> {
    /// A token that the host has read already: it counts before the headers.
    pub token: Option<&'h str>,
    /// The `Authorization` header.
    pub authorization: Option<&'h str>,
    /// The `Cookie` header.
    pub cookie: Option<&'h [u8]>,
    /// The request's address.
    pub reached: Reached,
}

/// What is known of a request's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// Not looked up so far.
    #[default]
    Unasked,
    /// Looked up; none where it was not found.
    CallKind(Option<Site>),
}

impl<'h> Brought<'h> {
    /// The credential with the highest precedence; none also where the headers cannot be read.
    pub(super) fn first(&self, engine: &Engine) -> Option<&'h [u8]> {
        // Read even where it has no precedence: an unreadable header is refused whatever else the request brings.
        let cookie = match self.cookie {
            Some(header) => {
                let cookie = &engine.config().cookie;
                let counted = match self.reached {
                    Reached::Unasked => cookie.counted(None),
                    Reached::CallKind(site) => engine.counted(site),
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
