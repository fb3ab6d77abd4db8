//! Parses a `Cookie` header (RFC 6265bis section 4.2).
//!
//! Allocates and decodes nothing. A part that is no name-value pair is skipped; quotes, percent signs and `$Version` have no
//! meaning. Returns all cookies of a name, in order, up to [`MAX_SAME_NAME`], and does not choose between them.

use core::array;
use core::fmt;
use core::iter::Flatten;
use core::ops::Range;

use memchr::memchr;
use memchr::memmem::Finder;

use crate::error::{CloudApiError, Code};

/// Longest `Cookie` header that is read, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Most cookies of one name. A sibling subdomain may add some (RFC 6265 section 8.6), and each costs a check.
pub const MAX_SAME_NAME: usize = 4;

/// Why a `Cookie` header was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// More than [`MAX_SAME_NAME`] cookies have the name.
    TooMany,
    /// The header is longer than [`MAX_HEADER_BYTES`].
    HeaderTooLarge,
}

/// The values of all cookies of one name, in the order of the header.
#[derive(Clone)]
pub struct Values<'h>(Flatten<array::IntoIter<Option<&'h str>, MAX_SAME_NAME>>);

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
    let mut slots = [None; MAX_SAME_NAME];
    let mut free = slots.iter_mut();
    for value in every_value(checked(header)?, name) {
        *free.next().ok_or(CookieError::TooMany)? = Some(value);
    }
    Ok(Values(slots.into_iter().flatten()))
}

/// Finds every cookie of the name, without limits on their number or on the header's length. For sign-outs: overlooking a
/// session is worse than a long search.
pub fn every_value<'h>(header: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    let name = Finder::new(name);
    let mut search = Search::new(header.as_bytes());
    // Each value lies between ASCII characters.
    core::iter::from_fn(move || header.get(search.next(&name)?))
}

/// The ranges of one name's values in a header, one after the other.
struct Search<'h> {
    header: &'h [u8],
    from: usize,
}

impl<'h> Search<'h> {
    const fn new(header: &'h [u8]) -> Self {
        Self { header, from: 0 }
    }

    /// A header has many cookies, and few are sought: only a pair that contains the name is parsed.
    fn next(&mut self, name: &Finder<'_>) -> Option<Range<usize>> {
        loop {
            let rest = self.header.get(self.from..)?;
            let at = name.find(rest)?;
            let (before, text) = rest.split_at_checked(at)?;
            let length = memchr(b';', text).unwrap_or(text.len());
            let begin = self.from.saturating_add(at);
            self.from = begin.saturating_add(length).saturating_add(1);
            // Where the name occurs in a pair but not at its beginning, the pair has another name.
            let is_begin = matches!(trim_end(before).last(), None | Some(b';'));
            let pair = text.get(..length)?;
            if let Some(value) = value_of(pair, name.needle()).filter(|_| is_begin) {
                let end = begin.saturating_add(value.end);
                return Some(begin.saturating_add(value.start)..end);
            }
        }
    }
}

/// The range of the value in a pair that begins with this name. See [`pair`] for what is trimmed.
fn value_of(text: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let value = name.len().saturating_add(1);
    let is_named = !name.is_empty() && text.get(name.len()) == Some(&b'=');
    // The equals sign is not trimmed, so the end is never before the value.
    is_named.then(|| value..trim_end(text).len())
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
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

impl<'h> Iterator for Values<'h> {
    type Item = &'h str;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values([redacted])")
    }
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "more than 4 cookies have the name",
            Self::HeaderTooLarge => "the Cookie header is over 16 KiB",
        })
    }
}

impl core::error::Error for CookieError {}

impl From<CookieError> for CloudApiError {
    fn from(error: CookieError) -> Self {
        Self::new(match error {
            CookieError::TooMany => Code::TooManyCookies,
            CookieError::HeaderTooLarge => Code::CookieHeaderTooLarge,
        })
    }
}
