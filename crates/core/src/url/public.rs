//! The origin at which browsers reach the app, as the deployment configures it.
//!
//! Does not come from a request: `Host` and the forwarding headers are whatever a client writes into them.

use core::fmt;

use super::{SECURE, is_loopback, is_private, parse_web};
use crate::malformed::Malformed;

const NAME: &str = "public URL";

/// The app's own origin.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::url::PublicUrl;
///
/// let app = PublicUrl::parse("https://app.example.com:443/").unwrap();
/// assert_eq!(app.origin(), "https://app.example.com");
/// assert!(app.is_same_origin("https://app.example.com"));
/// assert!(!app.is_same_origin("https://app.example.com.evil.com"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Box<str>,
    secure: bool,
    loopback: bool,
}

impl PublicUrl {
    /// Reads the origin: https, or http on a loopback host; nothing after the host but one slash.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let web = parse_web(text).map_err(|rule| Malformed::new(NAME, rule))?;
        // A session cookie travels there.
        if !is_private(&web.url) {
            return Err(Malformed::new(NAME, SECURE));
        }
        // Cookies with Path=/ cover the whole origin: a prefix would promise a separation that is not there.
        if !matches!(web.after_host, "" | "/") {
            return Err(Malformed::new(
                NAME,
                "be an origin, without a path, query or fragment",
            ));
        }
        Ok(Self {
            origin: web.url.origin().ascii_serialization().into(),
            secure: web.url.scheme() == "https",
            loopback: is_loopback(&web.url),
        })
    }

    /// The origin as browsers write it: no trailing slash, no default port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is https, and so whether cookies are `Secure`.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host is this machine.
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The address of a path of the app, with exactly one slash at the joint.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.origin, path.trim_start_matches('/'))
    }

    /// Whether the value of an `Origin` header is this origin, byte for byte. The opaque origin `null` never is.
    pub fn is_same_origin(&self, origin_header: &str) -> bool {
        *self.origin == *origin_header
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}
