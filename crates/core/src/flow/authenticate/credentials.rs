//! Credentials: the tokens that a request brings, in order of precedence.
//!
//! Borrowed from its headers and not parsed further than to find them: the task that tries one refuses it where its form is
//! wrong. At most five are kept.

use crate::cookie::MAX_HEADER_BYTES;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::secret::{Form, MAX_TOKEN_BYTES, SessionToken};
use crate::session::TokenDigest;
use crate::url::Site;

/// How many credentials are tried.
const MAX_CREDENTIALS: usize = 5;

/// A request's credentials, borrowed from its headers.
#[derive(Clone)]
pub struct Credentials<'h>([Option<Credential<'h>>; MAX_CREDENTIALS]);

/// A credential whose form is not checked yet.
#[derive(Clone)]
pub(crate) struct Credential<'h> {
    text: Text<'h>,
    is_cookie: bool,
    /// By where it came from.
    form: Form,
    /// Where the fast path has hashed it already.
    digest: Option<TokenDigest>,
}

#[derive(Clone)]
enum Text<'h> {
    Borrowed(&'h str),
    Token(SessionToken),
    Malformed,
}

impl Credential<'_> {
    /// The digest to look up in the cache; none where it is known to be malformed. Of the form only the length is checked
    /// before, for to hash takes time: a malformed token is never cached.
    pub(crate) fn digest(&self, engine: &Engine) -> Option<TokenDigest> {
        let text = self.text().filter(|it| it.len() <= MAX_TOKEN_BYTES)?;
        Some(
            self.digest
                .unwrap_or_else(|| engine.key_of(text, self.form)),
        )
    }

    /// The token, where its form is right.
    pub(crate) fn token(&self) -> Option<SessionToken> {
        match &self.text {
            Text::Borrowed(text) if self.is_sealed() => SessionToken::sealed(text).ok(),
            Text::Borrowed(text) => SessionToken::parse(text).ok(),
            Text::Token(token) => Some(token.clone()),
            Text::Malformed => None,
        }
    }

    /// Whether this is a sealed session, by where it came from.
    pub(crate) const fn is_sealed(&self) -> bool {
        matches!(self.form, Form::Sealed)
    }

    fn text(&self) -> Option<&str> {
        match &self.text {
            Text::Borrowed(text) => Some(text),
            Text::Token(token) => Some(token.expose()),
            Text::Malformed => None,
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
        let has_sealed = engine.config().table().sealed.is_some();
        let mut free = found.0.iter_mut();
        let mut add = |text: &'h str, is_cookie| {
            if !text.is_empty()
                && let Some(slot) = free.next()
            {
                *slot = Some(Credential {
                    text: Text::Borrowed(text),
                    is_cookie,
                    form: if is_cookie && has_sealed {
                        Form::Sealed
                    } else {
                        Form::Bearer
                    },
                    digest: None,
                });
            }
        };
        for text in token.into_iter().chain(bearer) {
            add(text, false);
        }
        if let Some(header) = cookie {
            for text in engine.session_cookies(header, site)? {
                add(text, true);
            }
        }
        Ok(found)
    }

    /// Takes over the digest that the fast path made of the first credential.
    #[must_use]
    pub fn hashed(mut self, miss: Miss<'_>) -> Self {
        if let Some((text, digest)) = miss.first
            && let Some(Some(first)) = self.0.first_mut()
            && first.text().is_some_and(|own| own.as_bytes() == text)
        {
            first.digest = Some(digest);
        }
        self
    }

    const fn none() -> Self {
        Self([const { None }; MAX_CREDENTIALS])
    }

    /// A single token from another source.
    pub fn token(token: &'h str) -> Self {
        let mut found = Self::none();
        let [first, ..] = &mut found.0;
        *first = (!token.is_empty()).then_some(Credential {
            text: Text::Borrowed(token),
            is_cookie: false,
            form: Form::Bearer,
            digest: None,
        });
        found
    }

    /// The token of a session, which counts in the form that it has: sealed, or as a bearer.
    pub fn session(token: &'h SessionToken) -> Self {
        let mut found = Self::token(token.expose());
        if let [Some(first), ..] = &mut found.0 {
            first.form = token.form();
        }
        found
    }

    /// Copies the tokens, for a driver that cannot keep the headers until the end.
    pub fn into_owned(self) -> Credentials<'static> {
        Credentials(self.0.map(|credential| {
            credential.map(|it| Credential {
                text: it.token().map_or(Text::Malformed, Text::Token),
                is_cookie: it.is_cookie,
                form: it.form,
                digest: it.digest,
            })
        }))
    }

    /// Whether there are no credentials.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Credential<'h>> {
        self.0.iter().flatten()
    }

    /// Those that a cookie brings.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = &Credential<'h>> {
        self.iter().filter(|credential| credential.is_cookie)
    }

    /// Whether a host finds this one in the cookies: the first that has a token's form.
    pub(crate) fn is_session_of_host(&self, credential: &Credential<'_>) -> bool {
        let mut cookies = self.cookies();
        let first = cookies.find(|cookie| cookie.token().is_some());
        first.is_some_and(|first| core::ptr::eq(first, credential))
    }

    /// Whether a cookie brings this one, perhaps beside a header.
    pub(crate) fn is_from_cookie(&self, credential: &Credential<'_>) -> bool {
        credential.is_cookie
            || self
                .cookies()
                .any(|cookie| cookie.form == credential.form && cookie.text() == credential.text())
    }
}

impl core::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Credentials({})", self.iter().count())
    }
}

/// What the fast path found out about a request that it did not answer.
#[derive(Clone, Copy, Default)]
pub struct Miss<'h> {
    /// The credential with the highest precedence, and its digest.
    pub(super) first: Option<(&'h [u8], TokenDigest)>,
}

/// The token of an `Authorization` header; the scheme in any letter case (RFC 9110 section 11.1).
///
/// A header over [`MAX_HEADER_BYTES`] holds none that is accepted, so that a driver need not read it to its end.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_at_checked("bearer".len())?;
    let mut token = token.strip_prefix(' ')?;
    if authorization.len() <= MAX_HEADER_BYTES {
        token = token.trim_matches(' ');
    }
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

redacted!(Miss<'_>);
