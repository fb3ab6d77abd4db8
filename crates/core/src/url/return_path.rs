//! The place a browser goes to after sign-in: on its own origin, or on another port of the machine where both run.
//!
//! The author of a sign-in link chooses this text, so it is untrusted. It is parsed as a browser parses it, and written anew
//! from the result. The page need not exist.

use core::fmt;

use ::url::Url;

use super::{PublicUrl, is_loopback, is_plain, parse_web, split_web};
use crate::encoding::encode_component;

/// A host that cannot exist (RFC 2606 section 2): paths are parsed against it, and no part of it is kept.
const THROWAWAY: &str = "https://return-path.invalid";

/// How many bytes a return path may take in the login URL, where it is encoded twice: once in the state, once in the query.
///
/// Servers and proxies commonly accept a request line of 8 KiB; 2 KiB of it are left to the rest of the URL.
pub const MAX_RETURN_BYTES: usize = 6144;

/// A path with query and fragment, relative to the origin: one leading slash, visible ASCII, and short enough for a login
/// URL.
///
/// Where the app itself is on a loopback host, it may be an absolute URL of a loopback host: in development Studio and its
/// server are on two ports.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::url::ReturnPath;
///
/// assert_eq!(ReturnPath::sanitize("/agents?tab=1#top", None).as_str(), "/agents?tab=1#top");
/// assert_eq!(ReturnPath::sanitize("//evil.com", None).as_str(), "/");
///
/// let studio = ReturnPath::sanitize("http://localhost:3000/agents", Some("http://localhost:4111"));
/// assert_eq!(studio.as_str(), "http://localhost:3000/agents");
///
/// let long = ReturnPath::sanitize(&format!("/agents?filter={}", "x".repeat(7000)), None);
/// assert_eq!((long.as_str(), long.cut_from()), ("/agents", Some(7027)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    path: Box<str>,
    cut_from: Option<usize>,
}

impl ReturnPath {
    /// Accepts a path that begins with a slash, or an absolute URL of `own_origin`, or of any loopback origin where
    /// `own_origin` is one; everything else becomes `/`.
    ///
    /// A path that takes more than [`MAX_RETURN_BYTES`] loses its fragment, then its query, then its path; [`Self::cut_from`]
    /// then has its size. Never fails: a browser that signed in must land somewhere.
    pub fn sanitize(input: &str, own_origin: Option<&str>) -> Self {
        read(input, own_origin).unwrap_or_default()
    }

    /// Moves the path below the path of the app, see [`PublicUrl::place`]; an absolute URL stays as it is.
    #[must_use]
    pub fn place(&self, app: &PublicUrl) -> Self {
        if !self.path.starts_with('/') {
            return self.clone();
        }
        let placed = Self::sanitize(&app.place(&self.path), None);
        Self {
            cut_from: self.cut_from.or(placed.cut_from),
            // Cut to the slash alone it would be another app's.
            path: app.place(&placed.path).into(),
        }
    }

    /// The path for a `Location` header.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// How many bytes the path would have taken in the login URL, where it was cut.
    pub const fn cut_from(&self) -> Option<usize> {
        self.cut_from
    }
}

/// Parses a return path; `None` where it is rejected.
fn read(input: &str, own_origin: Option<&str>) -> Option<ReturnPath> {
    if !is_plain(input) {
        return None;
    }
    let (origin, full) = if input.starts_with('/') {
        (String::new(), input.to_owned())
    } else {
        split_origin(input, own_origin?)?
    };
    let mut cut_from = None;
    for cut in [&[][..], &['#'], &['?', '#']] {
        let wanted = full.split(cut).next()?;
        // The input is limited too, not only its result.
        let path = if wanted.len() > MAX_RETURN_BYTES {
            None
        } else {
            Some(format!("{origin}{}", normalise(wanted)?))
        };
        let bytes = encoded_bytes(path.as_deref().unwrap_or(wanted));
        match path {
            Some(path) if bytes <= MAX_RETURN_BYTES => {
                let path = path.into();
                return Some(ReturnPath { path, cut_from });
            }
            _ => cut_from = cut_from.or(Some(bytes)),
        }
    }
    Some(ReturnPath {
        path: format!("{origin}/").into(),
        cut_from,
    })
}

/// How many bytes a path takes in the login URL: it is encoded in the state, and the state in the query.
fn encoded_bytes(path: &str) -> usize {
    encode_component(&encode_component(path)).len()
}

/// The origin to keep and the text after the host. No origin is kept for the own one; another one is kept only between
/// loopback hosts.
fn split_origin(input: &str, own: &str) -> Option<(String, String)> {
    let (_, after_host) = split_web(input)?;
    let web = parse_web(input.strip_suffix(after_host)?).ok()?;
    let origin = web.url.origin().ascii_serialization();
    let kept = if origin == own {
        String::new()
    } else {
        let own = parse_web(own).ok()?;
        (is_loopback(&own.url) && is_loopback(&web.url)).then_some(origin)?
    };
    let slash = if after_host.starts_with('/') { "" } else { "/" };
    Some((kept, format!("{slash}{after_host}")))
}

fn normalise(input: &str) -> Option<String> {
    if leaves_origin(input) || hides_bytes(input) {
        return None;
    }
    let url = Url::parse(THROWAWAY).ok()?.join(input).ok()?;
    // Only a URL that stayed on the origin has a path here.
    let path = url.as_str().strip_prefix(THROWAWAY)?;
    // Dot segments are removed only now, and may have uncovered a second slash: `/.//evil.com`.
    (!leaves_origin(path)).then(|| path.to_owned())
}

/// Whether the text after the first slash is a host: after a second slash it is. The encoded slash counts, since a proxy on
/// the way to the browser may decode it. A text without a first slash would continue our own host's name.
fn leaves_origin(path: &str) -> bool {
    match path.as_bytes() {
        [b'/', b'/', ..] | [b'/', b'%', b'2', b'f' | b'F', ..] => true,
        [b'/', ..] => false,
        _ => true,
    }
}

/// Whether the path holds an encoded control or backslash. No page of the app has one, and a decoder on the way would turn it
/// into a header break or a slash.
fn hides_bytes(input: &str) -> bool {
    let path = input.split(['?', '#']).next().unwrap_or(input);
    path.as_bytes().windows(3).any(|window| match window {
        [b'%', b'0' | b'1', low] => low.is_ascii_hexdigit(),
        [b'%', b'5', b'c' | b'C'] | [b'%', b'7', b'f' | b'F'] => true,
        _ => false,
    })
}

impl Default for ReturnPath {
    fn default() -> Self {
        Self {
            path: "/".into(),
            cut_from: None,
        }
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
