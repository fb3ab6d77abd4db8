//! The cache key of a token.
//!
//! SHA-256 over two length-prefixed parts: a digest of base URL, API prefix, project and organization, made once, and the token. A
//! sealed session has a third part, since the same text is another credential as a bearer. The answer depends on nothing else. So
//! no two deployments and no two tokens share an entry, and no table holds a token in the clear.

use crate::config::Config;
use crate::encoding::{Digest, sha256_parts};
use crate::ids::{OrganizationId, UserId};
use crate::secret::Form;

/// The digest of one token in one deployment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest(Digest);

/// The part that all keys of one deployment share, hashed once.
pub(crate) struct DeploymentDigest(Digest);

impl DeploymentDigest {
    pub(crate) fn new(config: &Config) -> Self {
        let prefix = config.api_path("");
        let parts: [&[u8]; 5] = [
            b"identity",
            config.base_url.as_str().as_bytes(),
            prefix.as_bytes(),
            config.project_id.as_str().as_bytes(),
            config
                .organization
                .as_ref()
                .map_or("", OrganizationId::as_str)
                .as_bytes(),
        ];
        let all = if config.organization.is_some() {
            &parts[..]
        } else {
            &parts[..4]
        };
        Self(sha256_parts(all))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key of a token.
    pub(crate) fn key(&self, token: &[u8], form: Form) -> TokenDigest {
        TokenDigest(match form {
            Form::Bearer => sha256_parts(&[&self.0, token]),
            Form::Sealed => sha256_parts(&[&self.0, token, b"sealed"]),
        })
    }
}

impl TokenDigest {
    /// Makes the key of a bearer in the deployment of `config`.
    pub fn new(config: &Config, token: &str) -> Self {
        DeploymentDigest::new(config).key(token.as_bytes(), Form::Bearer)
    }

    /// The key as 32 bytes. It is a digest, so it is safe to store.
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// A key that another instance made.
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

    /// The key of a request about one user that is made with this key's token.
    #[must_use]
    pub(crate) fn about(&self, user: &UserId) -> Self {
        Self(sha256_parts(&[b"about", &self.0, user.as_str().as_bytes()]))
    }
}

redacted!(TokenDigest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_what_it_was_made_of() {
        for bytes in [[7; 32], [8; 32]] {
            assert_eq!(TokenDigest::from_bytes(&bytes).unwrap().as_digest(), &bytes);
        }
        assert!(TokenDigest::from_bytes(&[7; 31]).is_none());
    }
}
