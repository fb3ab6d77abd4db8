//! The cookie options of a deployment, and which choices browsers would silently drop.

use super::names::HOST_PREFIX;
use crate::dialect::DEFAULT_COOKIE;
use crate::error::CloudApiError;

/// The session cookie's default name, before any prefix.
pub const DEFAULT_NAME: &str = DEFAULT_COOKIE;
/// Longest name that can be configured, in bytes, before any prefix.
pub const MAX_NAME_BYTES: usize = 64;

/// Prefixes that browsers accept on Secure cookies only.
const SECURE_PREFIXES: [&str; 2] = [SECURE_PREFIX, "__Http-"];
const SECURE_PREFIX: &str = "__Secure-";

/// Whether the cookie is sent over https only. Exhaustive: the attribute is there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Secure {
    /// Over https only.
    #[default]
    Yes,
    /// Over plain http as well: for loopback hosts during development.
    No,
}

/// Whether the name gets `__Host-` where browsers allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Prefix {
    /// On the name of a Secure cookie without Domain.
    #[default]
    Host,
    /// Never: sibling subdomains can set a cookie of that name.
    None,
}

/// Which requests from other sites carry the cookie. Exhaustive: browsers know these three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Links and redirects from other sites, but no sub-requests or forms.
    #[default]
    Lax,
    /// No request from another site.
    Strict,
    /// Every request from another site; needs [`Secure::Yes`].
    None,
}

impl SameSite {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }

    /// The strictest setting that a login cookie can have. The callback is a redirect from the Cloud's site, and browsers
    /// send no Strict cookie with it, so no sign-in could ever finish.
    pub(super) const fn for_login(self) -> Self {
        match self {
            Self::Lax | Self::Strict => Self::Lax,
            Self::None => Self::None,
        }
    }
}

/// The cookie options of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieOptions {
    /// The name without prefix.
    pub name: String,
    /// Whether the cookie is sent over https only.
    pub secure: Secure,
    /// Whether the name gets `__Host-`.
    pub prefix: Prefix,
    /// Which requests from other sites carry the cookie.
    pub same_site: SameSite,
    /// The domain whose hosts all get the cookie; `None` for the one host, which is safer.
    pub domain: Option<String>,
    /// The path below which the cookie is sent, as [`PublicUrl::path`](crate::url::PublicUrl::path) returns it: empty for the
    /// whole host.
    pub path: String,
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            secure: Secure::default(),
            prefix: Prefix::default(),
            same_site: SameSite::default(),
            domain: None,
            path: String::new(),
        }
    }
}

/// A name with its prefix, a domain in lower case and a path, checked against each other.
pub(super) struct CheckedOptions {
    pub(super) name: Box<str>,
    pub(super) domain: Option<Box<str>>,
    pub(super) path: Box<str>,
}

pub(super) fn check(options: CookieOptions) -> Result<CheckedOptions, CloudApiError> {
    let name = options.name.as_str();
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(is_token_byte) {
        return refuse(
            "cookie name must be 1 to 64 characters of A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~",
        );
    }
    let domain = options.domain.as_deref().map(parse_domain).transpose()?;
    let is_host = has_prefix(name, HOST_PREFIX);
    let is_prefixed = is_host
        || SECURE_PREFIXES
            .iter()
            .any(|prefix| has_prefix(name, prefix));
    if options.secure == Secure::No && is_prefixed {
        return refuse(
            "cookie name must not begin with __Host-, __Secure- or __Http- where the cookie is not Secure: \
             browsers drop it",
        );
    }
    if options.secure == Secure::No && options.same_site == SameSite::None {
        return refuse(
            "cookie sameSite must not be None where the cookie is not Secure: browsers drop it",
        );
    }
    if is_host && domain.is_some() {
        return refuse(
            "cookie domain must not be set where the name begins with __Host-: browsers drop it",
        );
    }
    if !options.path.is_empty() && !crate::url::is_plain_path(&options.path) {
        return refuse("cookie path must be a slash and plain segments");
    }
    if is_host && !options.path.is_empty() {
        return refuse(
            "cookie name must not begin with __Host- where the cookie has a path: browsers drop it",
        );
    }
    let can_be_host =
        options.secure == Secure::Yes && options.prefix == Prefix::Host && domain.is_none();
    let name = if can_be_host && !is_prefixed {
        // `__Host-` allows no path.
        let prefix = if options.path.is_empty() {
            HOST_PREFIX
        } else {
            SECURE_PREFIX
        };
        format!("{prefix}{name}")
    } else {
        options.name
    };
    Ok(CheckedOptions {
        name: name.into(),
        domain,
        path: options.path.into(),
    })
}

/// Parses a Domain attribute: LDH labels (RFC 1123 section 2.1); one leading dot is dropped, as browsers do.
fn parse_domain(text: &str) -> Result<Box<str>, CloudApiError> {
    let domain = text.strip_prefix('.').unwrap_or(text);
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        return refuse("cookie domain must be a host name of letters, digits, hyphens and dots");
    }
    if !domain.contains('.') {
        // A public suffix or a host of this network: browsers drop a cookie that would cover all of it.
        return refuse("cookie domain must have at least two labels: browsers drop it");
    }
    if domain.rsplit('.').next().is_some_and(is_number) {
        return refuse("cookie domain must not be an IP address");
    }
    Ok(domain.to_ascii_lowercase().into())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether a host that ends in this label is an IPv4 address (WHATWG URL, "ends in a number"): it has no subdomains.
fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Browsers ignore letter case in prefixes (RFC 6265bis section 5.7), and so does this.
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn refuse<T>(message: &str) -> Result<T, CloudApiError> {
    Err(CloudApiError::configuration(message))
}
