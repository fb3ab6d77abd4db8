//! Turns options given as text into a [`Verification`]: every value is checked here, alike for every language.

use core::time::Duration;
use std::sync::Arc;

use super::{ByKeys, KeySource, Verification};
use crate::error::CloudApiError;
use crate::ids::ProjectId;
use crate::jwt::{Algorithm, Algorithms, KeySet, Leeway, SharedSecret};
use crate::malformed::Malformed;
use crate::url::{BaseUrl, KeySetUrl};

/// How often the Cloud is asked by default whether a session is alive.
pub const DEFAULT_SESSION_EVERY: Duration = Duration::from_secs(30);

/// How tokens are verified, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerificationMode {
    /// `cloud`: the Cloud is asked.
    #[default]
    Cloud,
    /// `keys`: signatures are verified.
    Keys,
    /// `keys+session`: both.
    KeysAndSession,
}

impl VerificationMode {
    /// The mode of this name.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` for any other name.
    pub fn parse(name: &str) -> Result<Self, CloudApiError> {
        match name {
            "cloud" => Ok(Self::Cloud),
            "keys" => Ok(Self::Keys),
            "keys+session" => Ok(Self::KeysAndSession),
            _ => Err(CloudApiError::configuration(
                "verification must be cloud, keys or keys+session",
            )),
        }
    }
}

/// The verification options. What is left out has its documented default; with [`VerificationMode::Cloud`] no other option may be set.
#[derive(Debug, Default)]
pub struct VerificationOptions {
    /// How tokens are verified. Default [`VerificationMode::Cloud`].
    pub mode: VerificationMode,
    /// The address of the key set. Default: the Cloud's own, `/.well-known/jwks.json` below its address.
    pub key_set_url: Option<String>,
    /// The key set itself, as JSON text, in place of an address.
    pub key_set: Option<String>,
    /// The secret of HS256, in place of a key set.
    pub secret: Option<SharedSecret>,
    /// The allowed algorithms. Default RS256, ES256 and EdDSA, or HS256 with a secret.
    pub algorithms: Option<Vec<String>>,
    /// The required issuer, compared exactly. Default: the Cloud's address.
    pub issuer: Option<String>,
    /// The required audience, compared exactly. Default: the project id.
    pub audience: Option<String>,
    /// How far the clocks may differ. Default 30 s, at most 300 s.
    pub leeway: Option<Duration>,
    /// The greatest age of a token, from its issue time. Default: none but its expiry.
    pub max_age: Option<Duration>,
    /// How often the Cloud is asked whether a session is alive, with [`VerificationMode::KeysAndSession`]. Default 30 s.
    pub session_every: Option<Duration>,
}

impl VerificationOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// `invalid_configuration`, naming the option; never with a value.
    pub fn build(
        self,
        base_url: &BaseUrl,
        project_id: &ProjectId,
    ) -> Result<Verification, CloudApiError> {
        let mode = self.mode;
        if mode == VerificationMode::Cloud {
            return if self.has_key_options() {
                Err(CloudApiError::configuration(
                    "verification: keys, issuer, audience and times are of use with keys or keys+session only",
                ))
            } else {
                Ok(Verification::Cloud)
            };
        }
        if mode == VerificationMode::Keys && self.session_every.is_some() {
            return Err(CloudApiError::configuration(
                "verification: how often the Cloud is asked about a session is of use with keys+session only",
            ));
        }
        let every = self.session_every.unwrap_or(DEFAULT_SESSION_EVERY);
        if every.is_zero() {
            return Err(CloudApiError::configuration(
                "verification: session_every must be longer than nothing",
            ));
        }
        let keys = self.by_keys(base_url, project_id)?;
        Ok(match mode {
            VerificationMode::KeysAndSession => Verification::KeysAndSession(keys, every),
            _ => Verification::Keys(keys),
        })
    }

    fn has_key_options(&self) -> bool {
        // Taken apart, so that a new option is not forgotten here.
        let Self {
            mode: _,
            key_set_url,
            key_set,
            secret,
            algorithms,
            issuer,
            audience,
            leeway,
            max_age,
            session_every,
        } = self;
        key_set_url.is_some()
            || key_set.is_some()
            || secret.is_some()
            || algorithms.is_some()
            || issuer.is_some()
            || audience.is_some()
            || leeway.is_some()
            || max_age.is_some()
            || session_every.is_some()
    }

    fn by_keys(self, base_url: &BaseUrl, project_id: &ProjectId) -> Result<ByKeys, CloudApiError> {
        let audience = self.audience.as_deref().unwrap_or(project_id.as_str());
        let mut keys = ByKeys::of_cloud(base_url, audience).map_err(bad)?;
        if self.issuer.as_deref() == Some("") {
            return Err(CloudApiError::configuration(
                "verification: the issuer must not be empty",
            ));
        }
        if let Some(issuer) = &self.issuer {
            keys.rules.issuer = Some(issuer.as_str().into());
        }
        if let Some(leeway) = self.leeway {
            keys.rules.leeway = Leeway::new(leeway).map_err(bad)?;
        }
        keys.rules.max_age = self.max_age;
        let mut algorithms = Algorithms::default();
        let has_secret = self.secret.is_some();
        keys.source = match (self.key_set_url, self.key_set, self.secret) {
            (None, None, None) => keys.source,
            (Some(url), None, None) => KeySource::Url(KeySetUrl::parse(&url).map_err(bad)?),
            (None, Some(text), None) => {
                let set = KeySet::parse(text.as_bytes()).map_err(|_| {
                    CloudApiError::configuration(
                        "verification: the key set holds no key that can be used",
                    )
                })?;
                KeySource::Fixed(Arc::new(set))
            }
            (None, None, Some(secret)) => {
                algorithms = Algorithms::new(&[Algorithm::Hs256]).map_err(bad)?;
                KeySource::Fixed(Arc::new(KeySet::from_secret(secret)))
            }
            _ => {
                return Err(CloudApiError::configuration(
                    "verification: give one of a key set's address, a key set and a secret",
                ));
            }
        };
        keys.rules.algorithms = match self.algorithms {
            None => algorithms,
            Some(names) => {
                let known: Option<Vec<_>> =
                    names.iter().map(|name| Algorithm::parse(name)).collect();
                let known = known.ok_or_else(|| {
                    CloudApiError::configuration(
                        "verification: algorithms are RS256, ES256, EdDSA and, with a secret, HS256",
                    )
                })?;
                if known.contains(&Algorithm::Hs256) != has_secret {
                    // Otherwise every token would be refused.
                    return Err(CloudApiError::configuration(
                        "verification: HS256 goes with a secret, and a secret with HS256",
                    ));
                }
                Algorithms::new(&known).map_err(bad)?
            }
        };
        Ok(keys)
    }
}

fn bad(malformed: Malformed) -> CloudApiError {
    CloudApiError::configuration(format!("verification: {malformed}"))
}
