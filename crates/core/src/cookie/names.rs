//! The names of one deployment's session cookie: with and without `__Host-`, with and without the deployment's suffix. One
//! pass over a header finds all of them.
//!
//! Allocates nothing; names are compared byte by byte. The caller decides which of them count.

use core::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

use super::limits::{CookieError, MAX_HEADER_BYTES, MAX_SAME_NAME};

pub(crate) const HOST_PREFIX: &str = "__Host-";

/// Which of a deployment's names a cookie has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The name begins with `__Host-`.
    pub(crate) is_prefixed: bool,
    /// The name ends in the deployment's suffix.
    pub(crate) is_suffixed: bool,
}

/// Which names count for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Names with `__Host-`.
    Prefixed,
    /// Names without `__Host-`.
    Unprefixed,
    /// All names, those without `__Host-` first: at an http address of this machine.
    Both,
    /// Names with `__Host-`, as long as the header has no others: those need the address to be known.
    Undecided,
}

/// The first value cannot be decided by this short look.
#[derive(Debug)]
pub(crate) struct Unsaid;

/// The names of one deployment's session cookie.
#[derive(Clone)]
pub(crate) struct Names {
    base: Finder<'static>,
    suffix: Option<Box<str>>,
}

impl Names {
    /// For a name without `__Host-`.
    pub(super) fn new(base: &str, suffix: Option<&str>) -> Self {
        Self {
            base: Finder::new(base).into_owned(),
            suffix: suffix.map(Into::into),
        }
    }

    /// Every cookie with one of the names, in the order of the header.
    pub(crate) fn all<'h>(&self, header: &'h [u8]) -> impl Iterator<Item = (Kind, &'h [u8])> {
        let mut search = Search { header, from: 0 };
        core::iter::from_fn(move || {
            let (kind, place) = search.next(self)?;
            Some((kind, header.get(place)?))
        })
    }

    /// The values to try, in order: those under the deployment's own name first.
    pub(crate) fn values<'h>(
        &self,
        header: &'h [u8],
        counted: Counted,
    ) -> Result<Values<'h>, CookieError> {
        if header.len() > MAX_HEADER_BYTES {
            return Err(CookieError::HeaderTooLarge);
        }
        let mut found = [[None; MAX_SAME_NAME]; 4];
        let mut counts = [0_usize; 4];
        for (kind, value) in self.all(header) {
            let Some(rank) = self.rank(kind, counted) else {
                continue;
            };
            if let (Some(count), Some(slots)) = (counts.get_mut(rank), found.get_mut(rank)) {
                if let Some(slot) = slots.get_mut(*count) {
                    *slot = Some(value);
                }
                *count = count.saturating_add(1);
            }
        }
        // Too many under a fallback name are an error only where there is no other name: they may be another deployment's.
        if counts
            .iter()
            .find(|count| **count > 0)
            .is_some_and(|count| *count > MAX_SAME_NAME)
        {
            return Err(CookieError::TooMany);
        }
        Ok(Values { found, at: 0 })
    }

    /// The first value to try that is not empty.
    pub(crate) fn first<'h>(
        &self,
        header: &'h [u8],
        counted: Counted,
    ) -> Result<Option<&'h [u8]>, Unsaid> {
        if header.len() > MAX_HEADER_BYTES {
            return Err(Unsaid);
        }
        let mut best = None;
        let mut counts = [0_usize; 4];
        for (kind, value) in self.all(header) {
            if counted == Counted::Undecided && !kind.is_prefixed {
                return Err(Unsaid);
            }
            let Some(rank) = self.rank(kind, counted) else {
                continue;
            };
            let count = counts.get_mut(rank).ok_or(Unsaid)?;
            *count = count.saturating_add(1);
            if *count > MAX_SAME_NAME {
                return Err(Unsaid);
            }
            if !value.is_empty() && best.is_none_or(|(of, _)| rank < of) {
                best = Some((rank, value));
            }
        }
        Ok(best.map(|(_, value)| value))
    }

    /// Whether the header has a name without `__Host-`.
    pub(crate) fn has_unprefixed(&self, header: &[u8]) -> bool {
        self.all(header).any(|(kind, _)| !kind.is_prefixed)
    }

    /// Whether a name is tried at all.
    pub(crate) fn counts(&self, kind: Kind, counted: Counted) -> bool {
        self.rank(kind, counted).is_some()
    }

    /// A name's place in the order of values to try; none where it does not count.
    pub(super) fn rank(&self, kind: Kind, counted: Counted) -> Option<usize> {
        let fallback = usize::from(self.suffix.is_some() && !kind.is_suffixed);
        match (counted, kind.is_prefixed) {
            (Counted::Prefixed | Counted::Undecided, true)
            | (Counted::Unprefixed | Counted::Both, false) => Some(fallback),
            (Counted::Both, true) => Some(fallback.saturating_add(2)),
            (Counted::Prefixed | Counted::Undecided, false) | (Counted::Unprefixed, true) => None,
        }
    }
}

/// The values to try, in order.
#[derive(Clone)]
pub struct Values<'h> {
    found: [[Option<&'h [u8]>; MAX_SAME_NAME]; 4],
    at: usize,
}

impl<'h> Iterator for Values<'h> {
    type Item = &'h str;

    fn next(&mut self) -> Option<&'h str> {
        loop {
            let slot = self.found.as_flattened().get(self.at)?;
            self.at = self.at.saturating_add(1);
            // Each value lies between ASCII characters, so it is text where the header is text.
            if let Some(text) = slot.and_then(|value| core::str::from_utf8(value).ok()) {
                return Some(text);
            }
        }
    }
}

struct Search<'h> {
    header: &'h [u8],
    from: usize,
}

impl Search<'_> {
    /// A header has many cookies, and few are sessions: only a pair that contains the name is parsed.
    fn next(&mut self, names: &Names) -> Option<(Kind, Range<usize>)> {
        loop {
            let rest = self.header.get(self.from..)?;
            let at = names.base.find(rest)?;
            let begin = memrchr(b';', rest.get(..at)?).map_or(0, |end| end.saturating_add(1));
            let text = rest.get(begin..)?;
            let pair = text.get(..memchr(b';', text).unwrap_or(text.len()))?;
            let begin = self.from.saturating_add(begin);
            self.from = begin.saturating_add(pair.len()).saturating_add(1);
            if let Some((kind, value)) = names.read(pair) {
                let place = begin.saturating_add(value.start)..begin.saturating_add(value.end);
                return Some((kind, place));
            }
        }
    }
}

impl Names {
    /// The kind of a pair's name and the range of its value, where the name is one of these. Only SP and HTAB are trimmed.
    /// Browsers take other white space as part of a name, so trimming it would turn a forged `U+2000 __Host-x` into the real
    /// one. A pair without a name is no cookie.
    fn read(&self, pair: &[u8]) -> Option<(Kind, Range<usize>)> {
        let named = Some(trim_start(pair)).filter(|named| !named.starts_with(b"="))?;
        let bare = named.strip_prefix(HOST_PREFIX.as_bytes());
        let is_prefixed = bare.is_some();
        let rest = bare.unwrap_or(named).strip_prefix(self.base.needle())?;
        let suffixed = self
            .suffix
            .as_deref()
            .and_then(|suffix| rest.strip_prefix(suffix.as_bytes()));
        let is_suffixed = suffixed.is_some();
        let value = suffixed.unwrap_or(rest).strip_prefix(b"=")?;
        let start = pair.len().saturating_sub(value.len());
        let kind = Kind {
            is_prefixed,
            is_suffixed,
        };
        // The equals sign is not trimmed, so the end is never before the value.
        Some((kind, start..trim_end(pair).len()))
    }
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

redacted!(Names, Values<'_>);
