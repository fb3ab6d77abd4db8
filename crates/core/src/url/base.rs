//! The Cloud's address: every request and every sign-in page begins with it.

use core::fmt;

use super::{CLOSED, SECURE, Web, is_in_closed_network, is_loopback, is_private, parse_named};
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
    local: bool,
}

impl BaseUrl {
    /// Parses the address: https, or http on a loopback host; no user info, query or fragment.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let web = parse_named(NAME, text)?;
        // Tokens and codes are sent there.
        if !is_private(&web.url) {
            return Err(Malformed::new(NAME, SECURE));
        }
        let is_loopback = is_loopback(&web.url);
        Self::checked(&web, is_loopback)
    }

    /// Parses the address of a local Cloud for tests, whose people need no password: http, on this machine or in a closed
    /// network; no user info, query or fragment.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken: for every https address, so for the real Cloud's.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::url::BaseUrl;
    ///
    /// assert!(BaseUrl::of_local_cloud("http://cloud:4300").unwrap().is_local());
    /// assert!(BaseUrl::of_local_cloud("https://cloud.mastra.ai").is_err());
    /// assert!(BaseUrl::of_local_cloud("http://cloud.example.com").is_err());
    /// ```
    pub fn of_local_cloud(text: &str) -> Result<Self, Malformed> {
        let web = parse_named(NAME, text)?;
        if web.url.scheme() != "http" || !is_in_closed_network(&web.url) {
            return Err(Malformed::new(NAME, CLOSED));
        }
        Self::checked(&web, true)
    }

    fn checked(Web { url, .. }: &Web<'_>, local: bool) -> Result<Self, Malformed> {
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Malformed::new(NAME, "hold no query or fragment"));
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').into(),
            origin: url.origin().ascii_serialization().into(),
            loopback: is_loopback(url),
            local,
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

    /// Whether this is a local Cloud: on this machine, or where [`of_local_cloud`](Self::of_local_cloud) finds it.
    pub const fn is_local(&self) -> bool {
        self.local
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
