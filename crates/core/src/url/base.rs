//! The Cloud's address: every request and every sign-in page begins with it.

use core::fmt;

use super::{SECURE, is_loopback, is_private, parse_named};
use crate::malformed::Malformed;

const NAME: &str = "Cloud base URL";

/// The Cloud's address: an origin and perhaps a path prefix, without a trailing slash.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::url::BaseUrl;
///
/// let base = BaseUrl::parse("https://cloud.mastra.ai/eu/").unwrap();
/// assert_eq!(base.join("/auth/oss"), "https://cloud.mastra.ai/eu/auth/oss");
/// assert!(BaseUrl::parse("http://cloud.mastra.ai").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: Box<str>,
    origin: Box<str>,
    loopback: bool,
}

impl BaseUrl {
    /// Parses the address: https, or http on a loopback host; no user info, query or fragment.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let url = parse_named(NAME, text)?.url;
        // Tokens and codes are sent there.
        if !is_private(&url) {
            return Err(Malformed::new(NAME, SECURE));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Malformed::new(NAME, "hold no query or fragment"));
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').into(),
            origin: url.origin().ascii_serialization().into(),
            loopback: is_loopback(&url),
        })
    }

    /// The address as WHATWG writes it, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of a path below this one, with exactly one slash between.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.text, path.trim_start_matches('/'))
    }

    /// The origin: scheme, host, and the port where it is not the scheme's own.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the host is this machine.
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
