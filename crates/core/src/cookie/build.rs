//! Writing `Set-Cookie` (RFC 6265bis section 4.1): one set of attributes, one function that writes them.
//!
//! Promises: `HttpOnly` and `Path=/` always; the strictest name prefix that the attributes allow; a cookie that browsers
//! would drop in silence is an error here. Does not decide whether the app is reached over https: the configured
//! public URL does.

use core::fmt::{self, Write as _};
use core::time::Duration;

use zeroize::Zeroizing;

use crate::error::{CloudApiError, Code};
use crate::malformed::Malformed;

/// The session cookie's name, before any prefix.
pub const DEFAULT_NAME: &str = "mastra_session";
/// Longest name that can be configured, in bytes, before any prefix.
pub const MAX_NAME_BYTES: usize = 64;
/// Most bytes of name and value together: browsers drop larger cookies in silence (RFC 6265bis section 5.7).
pub const MAX_COOKIE_BYTES: usize = 4096;

const HOST_PREFIX: &str = "__Host-";
/// Prefixes that browsers accept on Secure cookies only.
const SECURE_PREFIXES: [&str; 2] = ["__Secure-", "__Http-"];

/// Whether the cookie travels over https only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Secure {
    /// Over https only.
    #[default]
    Yes,
    /// Over plain http as well: for loopback hosts during development.
    No,
}

/// Which requests from other sites carry the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Links and redirects from other sites, but no sub-requests or forms.
    #[default]
    Lax,
    /// Nothing from other sites.
    Strict,
    /// Everything from other sites; needs [`Secure::Yes`].
    None,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }

    /// The strictest setting that a login cookie can have: the callback is a redirect from the Cloud's site, which a
    /// Strict cookie does not follow, so that nobody could ever finish a sign-in.
    const fn for_login(self) -> Self {
        match self {
            Self::Lax | Self::Strict => Self::Lax,
            Self::None => Self::None,
        }
    }
}

/// What a deployment may choose about its cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieOptions {
    /// The name without prefix.
    pub name: String,
    /// Whether it travels over https only.
    pub secure: Secure,
    /// Which requests from other sites carry it.
    pub same_site: SameSite,
    /// The domain whose hosts all get it; `None` for the one host, which is safer.
    pub domain: Option<String>,
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            secure: Secure::default(),
            same_site: SameSite::default(),
            domain: None,
        }
    }
}

/// A cookie's name and attributes, checked against each other as browsers would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    name: Box<str>,
    secure: Secure,
    same_site: SameSite,
    domain: Option<Box<str>>,
}

impl CookieSpec {
    /// Checks the options. `__Host-` goes before the name of a Secure cookie without Domain, so that no sibling
    /// subdomain and no plain-http page can set one of that name.
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
        let CookieOptions {
            name,
            secure,
            same_site,
            domain,
        } = options;
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(is_token_byte) {
            return refuse(
                "cookie name must be 1 to 64 characters of an HTTP token: A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~",
            );
        }
        let domain = domain.as_deref().map(parse_domain).transpose()?;
        let is_host = has_prefix(&name, HOST_PREFIX);
        let is_secure = SECURE_PREFIXES
            .iter()
            .any(|prefix| has_prefix(&name, prefix));
        match (secure, same_site) {
            (Secure::No, _) if is_host || is_secure => {
                return refuse(
                    "cookie name must not begin with __Host-, __Secure- or __Http- where the cookie is not Secure: browsers drop it",
                );
            }
            (Secure::No, SameSite::None) => {
                return refuse(
                    "cookie sameSite must not be None where the cookie is not Secure: browsers drop it",
                );
            }
            _ => {}
        }
        if is_host && domain.is_some() {
            return refuse(
                "cookie domain must not be set where the name begins with __Host-: browsers drop it",
            );
        }
        let prefix = match (secure, &domain) {
            (Secure::Yes, None) if !is_host && !is_secure => HOST_PREFIX,
            _ => "",
        };
        Ok(Self {
            name: format!("{prefix}{name}").into(),
            secure,
            same_site,
            domain,
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

    /// A sibling with the same attributes for a sign-in under way, prefixed by the same rules. Its SameSite is Lax
    /// where the session's is Strict: the callback is a redirect from the Cloud's site, which no Strict cookie follows.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the name cannot be one.
    pub fn named(&self, name_without_prefix: &str) -> Result<Self, CloudApiError> {
        Self::new(CookieOptions {
            name: name_without_prefix.to_owned(),
            secure: self.secure,
            same_site: self.same_site.for_login(),
            domain: self.domain.as_deref().map(ToOwned::to_owned),
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
        if self.name.len().saturating_add(value.len()) > MAX_COOKIE_BYTES {
            return Err(CloudApiError::new(Code::CookieTooLarge));
        }
        Ok(self.write(value, max_age, ""))
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
        let room = [self.name.len(), value.len(), domain.len(), 160]
            .iter()
            .sum();
        let mut header = Zeroizing::new(String::with_capacity(room));
        header.push_str(&self.name);
        header.push('=');
        header.push_str(value);
        header.push_str("; HttpOnly; SameSite=");
        header.push_str(self.same_site.as_str());
        header.push_str("; Path=/");
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

fn refuse<T>(message: &str) -> Result<T, CloudApiError> {
    Err(CloudApiError::configuration(message))
}

/// Browsers compare prefixes without regard to case (RFC 6265bis section 5.7), or `__host-` would forge one for
/// servers that do the same.
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `tchar` of RFC 9110 section 5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// `cookie-octet` of RFC 6265 section 4.1.1.
const fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Reads a Domain attribute: LDH labels (RFC 1123 section 2.1); one leading dot is dropped, as browsers do.
fn parse_domain(text: &str) -> Result<Box<str>, CloudApiError> {
    let domain = text.strip_prefix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // A host whose last label is a number is an IPv4 address (WHATWG URL, "ends in a number"): it has no subdomains.
    let is_number = |label: &str| {
        let hex = label
            .strip_prefix("0x")
            .or_else(|| label.strip_prefix("0X"));
        label.bytes().all(|b| b.is_ascii_digit())
            || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        return refuse("cookie domain must be a host name of letters, digits, hyphens and dots");
    }
    if domain.rsplit('.').next().is_some_and(is_number) {
        return refuse("cookie domain must not be an IP address");
    }
    Ok(domain.to_ascii_lowercase().into())
}
