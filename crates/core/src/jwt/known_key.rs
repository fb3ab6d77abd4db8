//! A key of a set, with its id and the header of its tokens.

use std::sync::OnceLock;

use super::claims::Claims;
use super::compact::Compact;
use super::key::Key;
use super::length::Length;
use super::reason::Reason;
use super::rules::{Rules, TokenKind};
use super::verified::Verified;
use crate::time::Timestamp;

/// A key, and the header of the first token that it verified.
///
/// An issuer writes the same header into all tokens of a key. A header that equals the kept one, byte for byte, gives the same
/// result, so it is not read again. Only the holder of the signing key can have it kept, and it is kept once.
pub(super) struct KnownKey {
    pub(super) id: Option<Box<str>>,
    pub(super) key: Key,
    header: OnceLock<(Box<[u8]>, TokenKind)>,
}

impl KnownKey {
    pub(super) const fn new(id: Option<Box<str>>, key: Key) -> Self {
        Self {
            id,
            key,
            header: OnceLock::new(),
        }
    }

    /// Whether a token with this header means this key, and these rules accept both.
    pub(super) fn is_known_by(&self, header: &[u8], rules: &Rules) -> bool {
        self.header
            .get()
            .is_some_and(|(kept, kind)| **kept == *header && *kind == rules.kind)
            && rules.algorithms.contains(self.key.algorithm())
    }

    /// How long verifying with this key takes.
    pub(super) const fn length(&self) -> Length {
        self.key.length()
    }

    /// Verifies signature and claims of a token whose header means this key.
    pub(super) fn verify(
        &self,
        token: &Compact<'_>,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Verified<Claims>, Reason> {
        self.key.verify(token.signed, token.signature)?;
        self.keep(token.header, rules);
        Claims::read(token.claims, rules, now).map(Verified::new)
    }

    /// Keeps the header of a token that these rules accept and whose signature is good, if it is the first.
    pub(super) fn keep(&self, header: &[u8], rules: &Rules) {
        self.header.get_or_init(|| (header.into(), rules.kind));
    }
}
