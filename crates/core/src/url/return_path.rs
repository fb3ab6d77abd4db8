//! Where a browser goes after sign-in: always a place on the origin it is on.
//!
//! Whoever can make somebody click a sign-in link chooses this text, so nothing of it is believed: it is read as a
//! browser would read it, and written anew from what was read. Does not say that the page exists.

use core::fmt;

use ::url::Url;

use super::{MAX_URL_BYTES, is_plain, parse_web};

/// A host that cannot exist (RFC 2606 section 2): paths are read against it, and nothing of it is kept.
const THROWAWAY: &str = "https://return-path.invalid";

/// A path with query and fragment, relative to the origin: one leading slash, visible ASCII, at most 2048 bytes.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::url::ReturnPath;
///
/// assert_eq!(ReturnPath::sanitize("/agents?tab=1#top", None).as_str(), "/agents?tab=1#top");
/// assert_eq!(ReturnPath::sanitize("//evil.com", None).as_str(), "/");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(Box<str>);

impl ReturnPath {
    /// Takes a path that begins with a slash, or an absolute URL of `own_origin`; everything else becomes `/`.
    ///
    /// Never fails: somebody who signed in must land somewhere.
    pub fn sanitize(input: &str, own_origin: Option<&str>) -> Self {
        let relative = match input.strip_prefix('/') {
            Some(_) => Some(input.to_owned()),
            None => own_origin.and_then(|own| strip_origin(input, own)),
        };
        relative
            .as_deref()
            .and_then(normalise)
            .map_or_else(Self::default, |path| Self(path.into()))
    }

    /// The path as it goes into a `Location` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What follows the host, where the URL is of exactly this origin.
fn strip_origin(input: &str, own: &str) -> Option<String> {
    let web = parse_web(input).ok()?;
    if web.url.origin().ascii_serialization() != own {
        return None;
    }
    let slash = if web.after_host.starts_with('/') {
        ""
    } else {
        "/"
    };
    Some(format!("{slash}{}", web.after_host))
}

fn normalise(input: &str) -> Option<String> {
    if input.len() > MAX_URL_BYTES || !is_plain(input) || leaves_origin(input) || hides_bytes(input)
    {
        return None;
    }
    let url = Url::parse(THROWAWAY).ok()?.join(input).ok()?;
    // Only what stayed on the origin has a path here.
    let path = url.as_str().strip_prefix(THROWAWAY)?;
    // Dot segments are gone only now, and may have uncovered a second slash: `/.//evil.com`.
    (!leaves_origin(path) && path.len() <= MAX_URL_BYTES).then(|| path.to_owned())
}

/// Whether what follows the first slash is a host: after a second one it is. The encoded slash counts, for whatever
/// stands between us and the browser may decode it. A text without a first slash would go on from our own host's name.
fn leaves_origin(path: &str) -> bool {
    match path.as_bytes() {
        [b'/', b'/', ..] | [b'/', b'%', b'2', b'f' | b'F', ..] => true,
        [b'/', ..] => false,
        _ => true,
    }
}

/// Whether the path holds an encoded control or backslash: no page of ours has one, and a decoder on the way would turn
/// it into a header break or a slash.
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
        Self("/".into())
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
