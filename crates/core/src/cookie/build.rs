//! Writing `Set-Cookie` (RFC 6265bis section 4.1): one set of attributes, one function that writes them.
//!
//! Promises: `HttpOnly` and a `Path` always; the strictest name prefix that the attributes allow; a cookie that browsers
//! would drop in silence is an error here. Does not decide whether the app is reached over https: the configured
//! public URL does.

use core::fmt::{self, Write as _};
use core::time::Duration;

use zeroize::Zeroizing;

use super::options::{Checked, CookieOptions, Prefix, SameSite, Secure, check};
use crate::error::CloudApiError;
use crate::malformed::Malformed;

/// Most bytes of name and value together: browsers drop larger cookies in silence (RFC 6265bis section 5.7).
pub const MAX_COOKIE_BYTES: usize = 4096;

/// A cookie's name and attributes, checked against each other as browsers would.
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
    /// Checks the options. `__Host-` goes before the name of a Secure cookie without Domain, so that no sibling
    /// subdomain and no plain-http page can set one of that name; `__Secure-` where it has a path, for `__Host-` allows none.
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
        let Checked { name, domain, path } = check(options)?;
        Ok(Self {
            name,
            secure,
            prefix,
            same_site,
            domain,
            path,
        })
    }

    /// The name that is set and read: the configured one with its prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the cookie travels over https only.
    pub fn is_secure(&self) -> bool {
        self.secure == Secure::Yes
    }

    /// Whether no browser sends the cookie with a request that another site began.
    pub fn is_strict(&self) -> bool {
        self.same_site == SameSite::Strict
    }

    /// The domain whose hosts all get the cookie.
    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// A sibling with the same attributes for a sign-in under way, prefixed by the same rules. It is Lax where the
    /// session cookie is Strict: the callback is a redirect from the Cloud's site, and no Strict cookie comes with it.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the name cannot be one.
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
    /// `invalid_argument` where the value is not made of cookie octets (RFC 6265 section 4.1.1); `cookie_too_large`
    /// where name and value are over [`MAX_COOKIE_BYTES`] together.
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

    /// The header that makes a browser forget the cookie.
    pub fn clear(&self) -> SetCookie {
        self.write(
            "",
            Duration::ZERO,
            "; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        )
    }

    /// The only place that writes attributes: a clear whose Path, Domain or Secure differ from the set's clears nothing.
    fn write(&self, value: &str, max_age: Duration, expiry: &str) -> SetCookie {
        let domain = self.domain.as_deref().unwrap_or_default();
        // Room for all of it at once: growing would leave a copy behind that is not wiped.
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
