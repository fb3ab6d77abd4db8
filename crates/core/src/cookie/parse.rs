//! Parses a `Cookie` header (RFC 6265bis section 4.2).
//!
//! Allocates and decodes nothing. A part that is no name-value pair is skipped; quotes, percent signs and `$Version` have no
//! meaning. Returns all cookies of a name, in order, up to [`MAX_SAME_NAME`](super::MAX_SAME_NAME), and does not choose between them.

use memchr::memchr;

use super::limits::{CookieError, MAX_HEADER_BYTES};
use super::names::{Counted, HOST_PREFIX, Names, Values};

/// Finds the values of the cookies that are named exactly `name`.
///
/// # Errors
///
/// [`CookieError`] where the header is too long or the name occurs too often.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::cookie::values;
///
/// let found: Vec<_> = values("a=1; broken; xa=2; a=3", "a").unwrap().collect();
/// assert_eq!(found, ["1", "3"]);
/// ```
pub fn values<'h>(header: &'h str, name: &str) -> Result<Values<'h>, CookieError> {
    let (base, counted) = match name.strip_prefix(HOST_PREFIX) {
        Some(base) => (base, Counted::Prefixed),
        None => (name, Counted::Unprefixed),
    };
    Names::new(base, None).values(header.as_bytes(), counted)
}

/// Finds all cookies whose name begins with exactly `prefix`: pairs of the whole name and the value. The caller limits how
/// many it takes.
///
/// # Errors
///
/// [`CookieError::HeaderTooLarge`].
pub fn names_with_prefix<'h>(
    header: &'h str,
    prefix: &str,
) -> Result<impl Iterator<Item = (&'h str, &'h str)>, CookieError> {
    Ok(checked(header)?
        .split(';')
        .filter_map(pair)
        .filter(move |(name, _)| name.starts_with(prefix)))
}

fn checked(header: &str) -> Result<&str, CookieError> {
    if header.len() > MAX_HEADER_BYTES {
        return Err(CookieError::HeaderTooLarge);
    }
    Ok(header)
}

/// The text before and after the first of this ASCII character.
fn cut(at: u8, text: &str) -> Option<(&str, &str)> {
    let (before, from) = text.split_at_checked(memchr(at, text.as_bytes())?)?;
    Some((before, from.get(1..)?))
}

/// Name and value. Only SP and HTAB are trimmed, and only around the pair. Browsers take other white space as part of a name,
/// so trimming it would turn a forged `U+2000 __Host-x` into the real one.
fn pair(text: &str) -> Option<(&str, &str)> {
    cut(b'=', text.trim_matches([' ', '\t'])).filter(|(name, _)| !name.is_empty())
}
