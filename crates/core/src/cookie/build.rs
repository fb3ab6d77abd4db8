//! Writes `Set-Cookie` (RFC 6265bis section 4.1): one set of attributes, one function that writes them.
//!
//! Every cookie has `HttpOnly` and a `Path`, and the strictest name prefix that its attributes allow. A cookie that browsers
//! would drop silently is an error here. The caller decides whether the app is reached over https, by the configured public
//! URL.

use core::fmt::{self, Write as _};
use core::time::Duration;

use zeroize::Zeroizing;

use super::options::{CheckedOptions, CookieOptions, Prefix, SameSite, Secure, check};
use crate::error::CloudApiError;
use crate::malformed::Malformed;

/// Most bytes of name and value together: browsers silently drop larger cookies (RFC 6265bis section 5.7).
pub const MAX_COOKIE_BYTES: usize = 4096;

/// A cookie's name and attributes, checked against each other as browsers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    name: Box<str>,
    secure: Secure,
    prefix: Prefix,
    same_site: SameSite,
    domain: Option<Box<str>>,
    path: Box<str>,
}

impl CookieSpec {
    /// Checks the options and adds the prefix. A Secure cookie without Domain gets `__Host-`, so that no sibling subdomain
    /// and no plain-http page can set one of that name. With a path it gets `__Secure-`, since `__Host-` allows none.
    ///
    /// # Errors
    ///
    /// `invalid_configuration`, naming the option and the rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
    ///
    /// let spec = CookieSpec::new(CookieOptions::default()).unwrap();
    /// assert_eq!(
    ///     spec.set("token", Duration::from_secs(60)).unwrap().expose(),
    ///     "__Host-mastra_session=token; HttpOnly; SameSite=Lax; Path=/; Secure; Max-Age=60",
    /// );
    /// ```
    pub fn new(options: CookieOptions) -> Result<Self, CloudApiError> {
        let (secure, prefix, same_site) = (options.secure, options.prefix, options.same_site);
        let CheckedOptions { name, domain, path } = check(options)?;
        Ok(Self {
            name,
            secure,
            prefix,
            same_site,
            domain,
            path,
        })
    }

    /// The full name: the configured one with its prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the cookie is sent over https only.
    pub fn is_secure(&self) -> bool {
        self.secure == Secure::Yes
    }

    /// Whether browsers leave the cookie out of every request that another site began.
    pub fn is_strict(&self) -> bool {
        self.same_site == SameSite::Strict
    }

    /// The domain whose hosts all get the cookie.
    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// A cookie with the same attributes for a sign-in in progress, prefixed by the same rules. It is Lax where the session
    /// cookie is Strict: the callback is a redirect from the Cloud's site, and browsers send no Strict cookie with it.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the name is not valid.
    pub fn named(&self, name_without_prefix: &str) -> Result<Self, CloudApiError> {
        Self::new(CookieOptions {
            name: name_without_prefix.to_owned(),
            secure: self.secure,
            prefix: self.prefix,
            same_site: self.same_site.for_login(),
            domain: self.domain.as_deref().map(ToOwned::to_owned),
            path: self.path.as_ref().to_owned(),
        })
    }

    /// The header that sets the cookie for `max_age`, counted in whole seconds.
    ///
    /// # Errors
    ///
    /// `invalid_argument` where the value has characters that are no cookie octets (RFC 6265 section 4.1.1);
    /// `cookie_too_large` where name and value together exceed [`MAX_COOKIE_BYTES`].
    pub fn set(&self, value: &str, max_age: Duration) -> Result<SetCookie, CloudApiError> {
        if !value.bytes().all(is_cookie_octet) {
            let rule = "be visible ASCII without quotes, commas, semicolons and backslashes";
            return Err(CloudApiError::argument(Malformed::new(
                "cookie value",
                rule,
            )));
        }
        self.fits(value.len())?;
        Ok(self.write(value, max_age, ""))
    }

    /// Whether a value of so many bytes fits into the cookie.
    ///
    /// # Errors
    ///
    /// `cookie_too_large`, with both sizes.
    pub fn fits(&self, bytes: usize) -> Result<(), CloudApiError> {
        let room = MAX_COOKIE_BYTES.saturating_sub(self.name.len());
        if bytes > room {
            return Err(CloudApiError::too_large(bytes, room));
        }
        Ok(())
    }

    /// The header that makes a browser delete the cookie.
    pub fn clear(&self) -> SetCookie {
        self.write(
            "",
            Duration::ZERO,
            "; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        )
    }

    /// The only place that writes attributes: clearing works only with the same Path, Domain and Secure as setting.
    fn write(&self, value: &str, max_age: Duration, expiry: &str) -> SetCookie {
        let domain = self.domain.as_deref().unwrap_or_default();
        // Allocate the whole size at once: growing would leave a copy behind that is not wiped.
        let path = if self.path.is_empty() {
            "/"
        } else {
            &self.path
        };
        let room = [self.name.len(), value.len(), domain.len(), path.len(), 160]
            .iter()
            .sum();
        let mut header = Zeroizing::new(String::with_capacity(room));
        header.push_str(&self.name);
        header.push('=');
        header.push_str(value);
        header.push_str("; HttpOnly; SameSite=");
        header.push_str(self.same_site.as_str());
        header.push_str("; Path=");
        header.push_str(path);
        if self.is_secure() {
            header.push_str("; Secure");
        }
        if !domain.is_empty() {
            header.push_str("; Domain=");
            header.push_str(domain);
        }
        // Writing to a String cannot fail.
        let _ = write!(*header, "; Max-Age={}", max_age.as_secs());
        header.push_str(expiry);
        SetCookie(header)
    }
}

/// The value of one `Set-Cookie` header. `Debug` shows the cookie's name only; wiped on drop.
#[derive(Clone)]
pub struct SetCookie(Zeroizing<String>);

impl SetCookie {
    /// The whole value, for the header.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The name of the cookie that it sets or clears.
    pub fn name(&self) -> &str {
        self.0.split_once('=').map_or("", |(name, _)| name)
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetCookie({}=[redacted])", self.name())
    }
}

/// `cookie-octet` of RFC 6265 section 4.1.1.
const fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}
