//! The compact form (RFC 7515 section 7.1): three parts of strict base64url, and nothing else.
//!
//! A token has one spelling: no padding, no other alphabet, no bits left over. Five parts (an encrypted token), the JSON form
//! and detached payloads are rejected by their shape.

use alloc::vec::Vec;

use base64::Engine as _;
use memchr::memchr_iter;

use super::reason::Reason;
use crate::secret::MAX_TOKEN_BYTES;

/// As strict as any other engine. Decoding many digits at a time saves a seventh of a token's cost besides its signature.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64URL: std::sync::LazyLock<base64::engine::Simd> = std::sync::LazyLock::new(|| {
    base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD)
});
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

/// The parts, and the text that was signed.
pub(super) struct Compact<'t> {
    pub(super) signed: &'t [u8],
    /// As it came, and not decoded.
    pub(super) header: &'t [u8],
    pub(super) claims: &'t [u8],
    pub(super) signature: &'t [u8],
    /// Where the header is decoded to.
    rest: &'t mut [u8],
}

/// Longest token whose parts are decoded on the stack. Clearing a buffer for the longest possible token costs as much as
/// hashing a usual one.
const USUAL_TOKEN_BYTES: usize = 2 * 1024;

/// Buffers for all parts of one token.
pub(super) struct Room {
    usual: [u8; USUAL_TOKEN_BYTES / 4 * 3],
    long: Vec<u8>,
}

pub(super) const fn room() -> Room {
    Room {
        usual: [0; USUAL_TOKEN_BYTES / 4 * 3],
        long: Vec::new(),
    }
}

impl Room {
    fn of(&mut self, token: &[u8]) -> &mut [u8] {
        if token.len() <= USUAL_TOKEN_BYTES {
            return &mut self.usual;
        }
        self.long.resize(MAX_TOKEN_BYTES / 4 * 3, 0);
        &mut self.long
    }
}

impl<'t> Compact<'t> {
    pub(super) fn read(token: &'t str, room: &'t mut Room) -> Result<Self, Reason> {
        let text = token.as_bytes();
        // Stops at a third dot, however many there are.
        let mut dots = memchr_iter(b'.', text);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Reason::MalformedToken);
        };
        Self::cut(text, first, second, room.of(text)).ok_or(Reason::MalformedToken)
    }

    /// The decoded header. Every token of one key has the same header, so a known one need not be decoded.
    pub(super) fn decode_header(&mut self) -> Result<&[u8], Reason> {
        let (header, _) = decode(self.header, self.rest).ok_or(Reason::MalformedToken)?;
        Ok(header)
    }

    fn cut(text: &'t [u8], first: usize, second: usize, room: &'t mut [u8]) -> Option<Self> {
        let signed = text.get(..second)?;
        let (claims, room) = decode(signed.get(first.checked_add(1)?..)?, room)?;
        let (signature, rest) = decode(text.get(second.checked_add(1)?..)?, room)?;
        Some(Self {
            signed,
            header: text.get(..first)?,
            claims,
            signature,
            rest,
        })
    }
}

/// Decodes one non-empty part into the front of `room`; returns it and the rest of `room`.
fn decode<'r>(part: &[u8], room: &'r mut [u8]) -> Option<(&'r [u8], &'r mut [u8])> {
    let size = BASE64URL.decode_slice(part, room).ok()?;
    if size == 0 {
        return None;
    }
    let (decoded, rest) = room.split_at_mut_checked(size)?;
    Some((decoded, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(token: &str) -> bool {
        let mut room = room();
        Compact::read(token, &mut room).is_ok_and(|mut read| read.decode_header().is_ok())
    }

    #[test]
    fn three_parts_are_cut() {
        let mut room = room();
        let mut read = Compact::read("e30.e30.c2ln", &mut room).ok().unwrap();
        assert_eq!(read.signed, b"e30.e30");
        assert_eq!((read.header, read.claims), (&b"e30"[..], &b"{}"[..]));
        assert_eq!(read.decode_header(), Ok(&b"{}"[..]));
        assert_eq!(read.signature, b"sig");
    }

    #[test]
    fn the_longest_token_fits() {
        let token = |claims: usize| format!("e30.{}.c2ln", "A".repeat(claims));
        for size in [USUAL_TOKEN_BYTES, USUAL_TOKEN_BYTES + 4] {
            assert!(is_read(&token(size - 9)), "{size}");
        }
        assert_eq!(token(MAX_TOKEN_BYTES - 9).len(), MAX_TOKEN_BYTES);
        assert!(is_read(&token(MAX_TOKEN_BYTES - 9)));
        assert!(
            !is_read(&token(MAX_TOKEN_BYTES - 11)),
            "one digit is no byte"
        );
    }

    #[test]
    fn threat_013_a_token_has_one_spelling() {
        assert!(is_read("e30.e30.c2ln"));
        for other in [
            "e30=.e30.c2ln",
            "e30.e30=.c2ln",
            "e30.e30.c2ln=",
            "e30.e30.c2ln==",
            "e31.e30.c2ln",
            "e30.e31.c2ln",
            "e30.e30.c2lnZ",
            "e30.e30.c2l",
            "e30.e30.+/8",
            " e30.e30.c2ln",
            "e30.e30.c2ln\n",
            "e3 0.e30.c2ln",
        ] {
            assert!(!is_read(other), "{other:?}");
        }
    }

    #[test]
    fn threat_015_no_other_form_is_a_token() {
        for other in [
            "",
            ".",
            "..",
            "...",
            "e30",
            "e30.e30",
            "e30.e30.",
            "e30..c2ln",
            ".e30.c2ln",
            "e30.e30.c2ln.",
            "e30.e30.e30.e30.c2ln",
            r#"{"payload":"e30","protected":"e30","signature":"c2ln"}"#,
        ] {
            assert!(!is_read(other), "{other:?}");
        }
    }

    /// What no `SessionToken` can hold is rejected here too, before anything is decoded.
    #[test]
    fn threat_096_dots_are_not_taken_apart() {
        assert!(!is_read(&".".repeat(1_000_000)));
        assert!(!is_read(&format!("e30.{}.c2ln", "A".repeat(1 << 20))));
    }
}
