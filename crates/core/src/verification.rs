//! How tokens are verified: by asking the Cloud, by their signatures, or by both.
//!
//! A deployment chooses one. These types hold the choice and decide nothing else. [`engine`](crate::engine) keeps the keys,
//! and [`jwt`](crate::jwt) has the rules for signatures.

mod options;

use core::time::Duration;
use std::sync::Arc;

pub use options::{DEFAULT_SESSION_EVERY, VerificationMode, VerificationOptions};

use crate::jwt::{KeySet, Rules};
use crate::malformed::Malformed;
use crate::url::{BaseUrl, KeySetUrl};

/// The path of the Cloud's published keys, below its address (RFC 8615, RFC 7517 section 5).
pub const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// How tokens are verified.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Verification {
    /// The Cloud verifies each token, and its answer is cached for the fresh time.
    #[default]
    Cloud,
    /// Signatures are verified against keys, without a call. A session that ends at the Cloud lives on here until its token
    /// expires, unless it is revoked here some other way.
    Keys(ByKeys),
    /// Signatures are verified against keys, and the Cloud is asked this often whether the session is alive.
    KeysAndSession(ByKeys, Duration),
}

/// Keys and rules for signatures.
#[derive(Clone, Debug)]
pub struct ByKeys {
    /// The source of the keys.
    pub source: KeySource,
    /// The rules that a token must satisfy.
    pub rules: Rules,
}

/// The source of the keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// Fetched from this address, and again once they are old.
    Url(KeySetUrl),
    /// Configured once: from a file, a literal, or a secret.
    Fixed(Arc<KeySet>),
}

impl Verification {
    /// The keys and rules, where signatures are verified.
    pub(crate) const fn by_keys(&self) -> Option<&ByKeys> {
        match self {
            Self::Cloud => None,
            Self::Keys(keys) | Self::KeysAndSession(keys, _) => Some(keys),
        }
    }

    /// How often the Cloud is asked for the session of a token whose signature is good.
    pub const fn session_every(&self) -> Option<Duration> {
        match self {
            Self::KeysAndSession(_, every) => Some(*every),
            Self::Cloud | Self::Keys(_) => None,
        }
    }
}

impl ByKeys {
    /// The Cloud's own keys at their usual place, for tokens that this Cloud issued to this audience: usually the project.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for an empty audience.
    pub fn of_cloud(base_url: &BaseUrl, audience: &str) -> Result<Self, Malformed> {
        let mut rules = Rules::new(audience)?;
        rules.issuer = Some(base_url.as_str().into());
        Ok(Self {
            source: KeySource::Url(KeySetUrl::below(base_url, KEY_SET_PATH)),
            rules,
        })
    }
}
