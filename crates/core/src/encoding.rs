//! Encodings and digests: strict unpadded base64url, hexadecimal, percent-encoding, SHA-256 and HMAC over framed parts.
//!
//! Everything that is hashed goes in as length-prefixed parts, so that `("ab", "c")` and `("a", "bc")` differ.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub use crate::crypto::Digest;
use crate::crypto::{self, HmacKey, Sha256};

/// What JavaScript's `encodeURIComponent` leaves alone: letters, digits and `- _ . ! ~ * ' ( )`.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Percent-encodes one component of a URL: a path segment or a query value, as `encodeURIComponent` does.
pub fn encode_component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// Undoes [`encode_component`]; `None` where the bytes are not UTF-8.
pub fn decode_component(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// Base64url without padding (RFC 4648 section 5).
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url strictly: no padding, no white space, canonical trailing bits; `None` otherwise.
pub fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(
        String::with_capacity(bytes.len().saturating_mul(2)),
        |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        },
    )
}

/// SHA-256 of bytes as they are.
pub fn sha256(bytes: &[u8]) -> Digest {
    crypto::sha256(bytes)
}

/// SHA-256 over length-prefixed parts.
pub fn sha256_parts(parts: &[&[u8]]) -> Digest {
    short(parts).unwrap_or_else(|| {
        let mut context = Sha256::new();
        for part in parts {
            context.update(&length(part));
            context.update(part);
        }
        context.finish()
    })
}

/// SHA-256 over parts that fit into a buffer: hashing in one go saves a context, which costs as much as 200 bytes.
fn short(parts: &[&[u8]]) -> Option<Digest> {
    let mut buffer = [0; 1024];
    let mut free = buffer.as_mut_slice();
    for part in parts {
        for bytes in [length(part).as_slice(), part] {
            let (place, after) = free.split_at_mut_checked(bytes.len())?;
            place.copy_from_slice(bytes);
            free = after;
        }
    }
    let left = free.len();
    let used = buffer.get(..buffer.len().saturating_sub(left))?;
    Some(sha256(used))
}

/// HMAC-SHA-256 over length-prefixed parts (RFC 2104).
pub fn hmac_parts(key: &[u8], parts: &[&[u8]]) -> Digest {
    let mut context = HmacKey::new(key).begin();
    for part in parts {
        context.update(&length(part));
        context.update(part);
    }
    context.finish()
}

/// Whether two byte strings are the same, in time that depends on their length only.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    crypto::same(left, right)
}

fn length(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_encoded_as_javascript_does() {
        assert_eq!(encode_component("../x"), "..%2Fx");
        assert_eq!(encode_component("a/b?c#d%e"), "a%2Fb%3Fc%23d%25e");
        assert_eq!(encode_component("-_.!~*'()"), "-_.!~*'()");
        assert_eq!(encode_component("ü "), "%C3%BC%20");
        assert_eq!(
            decode_component("%2Fagents%3Fa%3D1").as_deref(),
            Some("/agents?a=1")
        );
        assert_eq!(decode_component("%ff"), None);
    }

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
        assert_eq!(base64url_decode("-_8"), Some(vec![0xfb, 0xff]));
        for bad in ["-_8=", "-_9", " -_8", "+/8", "-_8\n"] {
            assert_eq!(base64url_decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn digests_match_published_values() {
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_ne!(sha256_parts(&[b"ab", b"c"]), sha256_parts(&[b"a", b"bc"]));
        // Around the buffer's end both ways give the same digest.
        for size in [0, 1, 1000, 1008, 1009, 4096] {
            let part = vec![7_u8; size];
            let mut joined = vec![];
            for part in [part.as_slice(), b"x"] {
                joined.extend_from_slice(&length(part));
                joined.extend_from_slice(part);
            }
            assert_eq!(sha256_parts(&[&part, b"x"]), sha256(&joined), "{size}");
        }
        assert_ne!(
            hmac_parts(b"k", &[b"ab", b"c"]),
            hmac_parts(b"k", &[b"a", b"bc"])
        );
    }
}
