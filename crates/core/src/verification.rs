//! How tokens are verified: by asking the Cloud, by their signatures, or by both.
//!
//! A deployment chooses one. Says what is needed for it and decides nothing else: which keys there are at a moment is kept
//! in [`identity`](crate::identity), and what a signature must be like stands in [`jwt`](crate::jwt).

mod options;

use core::time::Duration;
use std::sync::Arc;

pub use options::{DEFAULT_SESSION_EVERY, Mode, VerificationOptions};

use crate::jwt::{KeySet, Rules};
use crate::malformed::Malformed;
use crate::url::{BaseUrl, KeySetUrl};

/// Where the Cloud publishes its keys, below its address (RFC 8615, RFC 7517 section 5).
pub const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// How tokens are verified.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Verification {
    /// The Cloud is asked about each token, and its word is remembered for the fresh time.
    #[default]
    Cloud,
    /// Signatures are checked against keys, without a call. A session that ends at the Cloud lives on here until its token
    /// expires, unless its end is told here some other way.
    Keys(ByKeys),
    /// The same, and the Cloud is asked this often whether the session still lives.
    KeysAndSession(ByKeys, Duration),
}

/// What signatures are checked with.
#[derive(Clone, Debug)]
pub struct ByKeys {
    /// Where the keys come from.
    pub source: KeySource,
    /// What a token must be like.
    pub rules: Rules,
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Fetched from there, and again when they have grown old.
    Url(KeySetUrl),
    /// Given once: from a file, a literal, or a configured secret.
    Fixed(Arc<KeySet>),
}

impl Verification {
    /// What signatures are checked with, where they are.
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
    /// The Cloud's own keys at their usual place, for tokens that this Cloud issued to this audience: the project, as a rule.
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
