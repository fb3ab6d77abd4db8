//! What an identity is remembered under.
//!
//! SHA-256 over two length-prefixed parts: the token, and a digest of base URL and project that is made once. It is all that the
//! answer depends on, so that no two deployments and no two tokens share an entry, and no token stands in a table in the
//! clear.

use core::fmt;

use crate::config::Config;
use crate::encoding::{Digest, sha256_parts};
use crate::ids::UserId;

/// The key of one token in one deployment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey(Digest);

/// What the keys of one deployment have in common, hashed once.
pub(crate) struct Scope(Digest);

impl Scope {
    pub(crate) fn new(config: &Config) -> Self {
        Self(sha256_parts(&[
            b"identity",
            config.base_url.as_str().as_bytes(),
            config.api_path("").as_bytes(),
            config.project_id.as_str().as_bytes(),
        ]))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key of a token.
    pub(crate) fn key(&self, token: &[u8]) -> TokenKey {
        TokenKey(sha256_parts(&[&self.0, token]))
    }
}

impl TokenKey {
    /// The key of a token, as text.
    pub fn new(config: &Config, token: &str) -> Self {
        Scope::new(config).key(token.as_bytes())
    }

    /// The key as bytes: safe to keep, for it is a digest.
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key that another instance made of a token.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Digest::try_from(bytes).ok().map(Self)
    }

    pub(crate) const fn as_digest(&self) -> &Digest {
        &self.0
    }

    /// The key of a sign-in in the browser that began it.
    pub(crate) fn of_sign_in(state: &str, verifier: &str) -> Self {
        Self(sha256_parts(&[
            b"sign-in",
            state.as_bytes(),
            verifier.as_bytes(),
        ]))
    }

    /// The key of a question about one user that is asked with this key's token.
    #[must_use]
    pub(crate) fn about(&self, user: &UserId) -> Self {
        Self(sha256_parts(&[b"about", &self.0, user.as_str().as_bytes()]))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}
