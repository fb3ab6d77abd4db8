//! The address of a key set.

use core::fmt;

use super::{BaseUrl, SECURE, is_private, parse_named};
use crate::malformed::Malformed;

const NAME: &str = "key set URL";

/// The address of a published key set (RFC 7517 section 5).
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::url::KeySetUrl;
///
/// assert!(KeySetUrl::parse("https://cloud.mastra.ai/.well-known/jwks.json").is_ok());
/// assert!(KeySetUrl::parse("http://cloud.mastra.ai/.well-known/jwks.json").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetUrl(Box<str>);

impl KeySetUrl {
    /// Parses the address: https, or http on a loopback host; no user info or fragment. An attacker who could change the
    /// response could sign in as any user.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let url = parse_named(NAME, text)?.url;
        if !is_private(&url) {
            return Err(Malformed::new(NAME, SECURE));
        }
        if url.fragment().is_some() {
            return Err(Malformed::new(NAME, "hold no fragment"));
        }
        Ok(Self(url.as_str().into()))
    }

    /// The address of a path below the Cloud's own.
    pub(crate) fn below(base: &BaseUrl, path: &str) -> Self {
        Self(base.join(path).into())
    }

    /// The address as WHATWG writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeySetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
