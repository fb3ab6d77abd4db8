//! The address at which browsers reach the app, as configured: an origin, and perhaps a path below it.
//!
//! Never taken from a request: a client can write anything into `Host` and the forwarding headers.

use core::fmt;

use super::{SECURE, Scheme, Site, is_loopback, is_private, parse_named, parse_web};
use crate::malformed::Malformed;

const NAME: &str = "public URL";

/// The app's own address: an origin, and the app's path where it does not have the origin to itself.
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
///
/// let app = PublicUrl::parse("https://example.com/app/").unwrap();
/// assert_eq!((app.origin(), app.path()), ("https://example.com", "/app"));
/// assert_eq!(app.join("/auth/callback"), "https://example.com/app/auth/callback");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Box<str>,
    path: Box<str>,
    site: Site,
    loopback: bool,
}

impl PublicUrl {
    /// Parses the address: https, or http on a loopback host; after the host perhaps a path of plain segments, as in `/app`.
    /// Plain are letters, digits, `-`, `.`, `_` and `~`: every parser writes them alike, and a cookie's Path can hold them.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let web = parse_named(NAME, text)?;
        // A session cookie is sent there.
        if !is_private(&web.url) {
            return Err(Malformed::new(NAME, SECURE));
        }
        let path = web.after_host.strip_suffix('/').unwrap_or(web.after_host);
        if !path.is_empty() && !is_plain_path(path) {
            return Err(Malformed::new(
                NAME,
                "be an origin, perhaps with a path of plain segments, without query or fragment",
            ));
        }
        Ok(Self {
            path: path.into(),
            origin: web.url.origin().ascii_serialization().into(),
            site: Site::of(&web.url),
            loopback: is_loopback(&web.url),
        })
    }

    /// The origin as browsers write it: no trailing slash, no default port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the address is https, and so whether cookies are `Secure`.
    pub const fn is_secure(&self) -> bool {
        matches!(self.site.scheme, Scheme::Https)
    }

    /// How the address affects cookies there.
    pub const fn site(&self) -> Site {
        self.site
    }

    /// Whether the host is this machine.
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The app's path: empty, or with one leading slash and none at the end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address of a path of the app, with exactly one slash between.
    pub fn join(&self, path: &str) -> String {
        format!(
            "{}{}/{}",
            self.origin,
            self.path,
            path.trim_start_matches('/')
        )
    }

    /// The path by which browsers reach a path of the app. A path that is not below the app's own path is moved there.
    ///
    /// ```
    /// use mastra_auth_cloud_core::url::PublicUrl;
    ///
    /// let app = PublicUrl::parse("https://example.com/app").unwrap();
    /// assert_eq!(app.place("/agents?tab=1"), "/app/agents?tab=1");
    /// assert_eq!(app.place("/app/agents"), "/app/agents");
    /// assert_eq!(app.place("/"), "/app");
    /// ```
    pub fn place(&self, path: &str) -> String {
        let below = path.strip_prefix(&*self.path);
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
            return path.to_owned();
        }
        // The app's front page: routers and proxies know it without a slash at the end.
        let rest = match path.strip_prefix('/') {
            Some(rest) if rest.is_empty() || rest.starts_with(['?', '#']) => rest,
            _ => path,
        };
        format!("{}{rest}", self.path)
    }

    /// Whether a `Host` header with this value leads to this address. A value that is no host counts as this address.
    pub fn is_reached_by(&self, host: &str) -> bool {
        let scheme = if self.is_secure() { "https" } else { "http" };
        parse_web(&format!("{scheme}://{host}")).map_or(true, |web| {
            web.url.origin().ascii_serialization() == *self.origin
        })
    }

    /// Whether the value of an `Origin` header is this origin, byte for byte. The opaque origin `null` never is.
    pub fn is_same_origin(&self, origin_header: &str) -> bool {
        *self.origin == *origin_header
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        f.write_str(&self.path)
    }
}

/// Whether a path has one spelling: plain segments, each after one slash, and no dot segments.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    path.strip_prefix('/').is_some_and(|path| {
        path.split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain))
    })
}
