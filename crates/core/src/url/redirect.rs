//! The callback's address, which is sent to the login page and again with the code.
//!
//! It need not be the app's own: the Cloud compares it with the project's registered addresses.

use core::fmt;

use super::{Site, parse_named};
use crate::malformed::Malformed;

const NAME: &str = "redirect URI";

/// The address that the Cloud sends the browser back to (RFC 6749 section 3.1.2).
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::url::RedirectUri;
///
/// let callback = RedirectUri::parse("http://localhost:4111/api/auth/sso/callback").unwrap();
/// assert_eq!(callback.origin(), "http://localhost:4111");
/// assert!(RedirectUri::parse("/api/auth/sso/callback").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri {
    text: Box<str>,
    origin: Box<str>,
    site: Site,
}

impl RedirectUri {
    /// Parses the address: an absolute http(s) URL of visible ASCII, no fragment, no user info, at most 2048 bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let url = parse_named(NAME, text)?.url;
        // RFC 3986: each side would write a text that is no URI differently.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed::new(NAME, "be visible ASCII"));
        }
        if url.fragment().is_some() {
            return Err(Malformed::new(NAME, "hold no fragment"));
        }
        Ok(Self {
            text: text.into(),
            origin: url.origin().ascii_serialization().into(),
            site: Site::of(&url),
        })
    }

    /// The address byte for byte as it was given. The exchange must repeat what the login page got, and the Cloud compares
    /// plain text (RFC 6749 section 4.1.3, RFC 3986 section 6.2.1).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin: scheme, host, and the port where it is not the scheme's own.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How the address affects cookies there.
    pub const fn site(&self) -> Site {
        self.site
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
