//! Verification whose signatures the host checks, for a build that cannot: WebAssembly, whose host has WebCrypto.
//!
//! Every other check is made here, in the same order and with the same reasons. The host is asked once, after form, header,
//! algorithm and key, and before the claims are read. A signature by the shared secret is checked here in any build.

use super::key_set::KeySet;
use super::reason::Reason;
use super::rules::Rules;
use super::verified::Verified;
use super::{Algorithm, Claims, verify_by};
use crate::time::Timestamp;

/// A signature that the host is to check.
#[derive(Clone, Copy)]
pub struct Signature<'t> {
    /// RS256, ES256 or EdDSA with Ed25519.
    pub algorithm: Algorithm,
    /// The public key as a JSON Web Key: its type and numbers alone. The same key always has the same text, so that a host
    /// can keep what it imported.
    pub key: &'t str,
    /// The bytes that are signed.
    pub input: &'t [u8],
    /// The signature in the form of RFC 7518 section 3, as long as each of the key's: for ES256 both numbers, 64 bytes.
    pub signature: &'t [u8],
}

/// The host's verdict on a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostVerdict {
    /// It is the key's.
    Valid,
    /// It is not the key's.
    Invalid,
    /// The key cannot be imported: a point that is not on its curve. The key counts as unknown.
    BadKey,
    /// The host could not check.
    Unchecked,
}

/// Verifies the text of a token, for whose signature the host is asked.
///
/// # Errors
///
/// As [`verify_text`](super::verify_text), and what `check` returns: [`Reason::BadSignature`], or [`Reason::UnknownKey`] for
/// a key that the host refuses.
pub fn verify(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    now: Timestamp,
    check: impl FnOnce(Signature<'_>) -> Result<(), Reason>,
) -> Result<Verified<Claims>, Reason> {
    verify_by(token, keys, rules, now, |key, input, signature| {
        match key.public() {
            None => key.verify(input, signature),
            // Hosts differ here: workerd throws for Ed25519.
            Some(text) if signature.len() != text.signature_bytes => Err(Reason::BadSignature),
            Some(text) => check(Signature {
                algorithm: key.algorithm(),
                key: &text.jwk,
                input,
                signature,
            }),
        }
    })
}

redacted!(Signature<'_>);
