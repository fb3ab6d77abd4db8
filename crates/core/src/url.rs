//! Addresses: the Cloud's, its keys', the app's own, the callback's, and the return path after sign-in.
//!
//! Every address is parsed by the WHATWG rules that browsers follow, then checked and passed on in that form, so that no text
//! is read in two ways. Input that those rules would silently repair is rejected: controls, backslashes, missing slashes,
//! surrounding spaces.
//!
//! No name is resolved: an accepted host may not exist, or may resolve anywhere.

mod base;
mod key_set;
mod public;
mod redirect;
mod return_path;
mod site;

use ::url::{Host, Url};

pub use base::BaseUrl;
pub use key_set::KeySetUrl;
pub use public::PublicUrl;
pub(crate) use public::is_plain_path;
pub use redirect::RedirectUri;
pub use return_path::{MAX_RETURN_BYTES, ReturnPath};
pub use site::{RequestAddress, Scheme, Site};

use crate::malformed::Malformed;

/// Longest address that is parsed, in bytes; a return path may take more, see [`MAX_RETURN_BYTES`].
pub const MAX_URL_BYTES: usize = 2048;

const LONG: &str = "be at most 2048 bytes";
const PLAIN: &str = "hold no control characters, backslashes or surrounding spaces";
const ABSOLUTE: &str = "be an absolute http or https URL";
const USER_INFO: &str = "hold no user name or password";
const SECURE: &str = "be https, or http on a loopback host";
const CLOSED: &str = "be the http address of a local Cloud, on this machine or in a closed network, and never a real Cloud's";

/// An absolute http(s) URL: as parsed, and the input's text after the host.
struct Web<'i> {
    url: Url,
    after_host: &'i str,
}

/// Parses an absolute http(s) URL without user info; the error is the rule that it broke.
///
/// WHATWG also accepts `https:host`, `https:///host` and `https://@host`; another parser may not, so they are rejected.
fn parse_web(input: &str) -> Result<Web<'_>, &'static str> {
    if input.len() > MAX_URL_BYTES {
        return Err(LONG);
    }
    if !is_plain(input) {
        return Err(PLAIN);
    }
    let (authority, after_host) = split_web(input).ok_or(ABSOLUTE)?;
    // The text is checked, not `Url::username`: an empty user name leaves no trace there.
    if authority.contains('@') {
        return Err(USER_INFO);
    }
    let url = Url::parse(input).map_err(|_| ABSOLUTE)?;
    Ok(Web { url, after_host })
}

/// Parses an absolute http(s) URL for a value of this name.
fn parse_named<'i>(name: &'static str, input: &'i str) -> Result<Web<'i>, Malformed> {
    parse_web(input).map_err(|rule| Malformed::new(name, rule))
}

/// The text between `http(s)://` and the path, and the rest.
fn split_web(input: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = input.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.split_at_checked(end)
        .filter(|(authority, _)| is_web && !authority.is_empty())
}

/// Whether the WHATWG parser would change nothing. It drops tabs, newlines and surrounding spaces, and reads `\` as `/`.
fn is_plain(input: &str) -> bool {
    input.trim() == input && !input.chars().any(|c| c.is_control() || c == '\\')
}

/// Whether the parsed host is this machine by its own spelling: `localhost`, 127.0.0.0/8 or `[::1]`.
///
/// Exactly so: `localhost.` and `x.localhost` may be resolved by a name server, which may answer anything.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether browsers at this origin keep a cookie with this lower-case Domain (RFC 6265 section 5.1.3): the host itself, or
/// one above it.
pub(crate) fn takes_domain(origin: &str, domain: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether traffic to the URL is encrypted, or never leaves this machine.
fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

/// Whether the host is this machine, or one that only a network of one's own knows: a private address, a name without a dot, or
/// one below `internal`, `local`, `localhost` or `test`, which are never in the public name service (RFC 6761, RFC 6762).
fn is_in_closed_network(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => match name.rsplit_once('.') {
            Some((_, last)) => matches!(last, "internal" | "local" | "localhost" | "test"),
            None => true,
        },
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
