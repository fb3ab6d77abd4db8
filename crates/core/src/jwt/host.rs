//! Verification whose signatures the host checks, for a build that cannot: WebAssembly, whose host has WebCrypto.
//!
//! Every other check is made here, in the same order and with the same reasons. The host is asked once, after form, header,
//! algorithm and key, and before the claims are read. A signature by the shared secret is checked here in any build.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::compact::{self, Compact};
use super::key_set::KeySet;
use super::known_key::KnownKey;
use super::reason::Reason;
use super::rules::Rules;
use super::verified::Verified;
use super::{Algorithm, Claims, key};
use crate::time::Timestamp;

/// A signature that the host is to check.
#[derive(Clone, Copy)]
pub struct Signature<'t> {
    /// RS256, ES256 or EdDSA with Ed25519.
    pub algorithm: Algorithm,
    /// The public key as a JSON Web Key: its type and numbers alone.
    pub key: &'t str,
    /// The key's number, by which a host can keep what it imported: no other key of the process has it. A key set that is read anew
    /// has new numbers.
    pub key_number: u32,
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

/// How far a token can be verified without the host.
pub(crate) enum Begun {
    /// To its end: it is signed with the shared secret.
    Verified(Verified<Claims>),
    /// Up to its signature.
    Asks(Asked),
}

/// What the host is asked of a token, and what is left to check: its claims, which are unread.
pub(crate) struct Asked {
    key: Arc<KnownKey>,
    signature: Box<[u8]>,
    claims: Box<[u8]>,
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
    match begin(token, keys, rules, now)? {
        Begun::Verified(verified) => Ok(verified),
        Begun::Asks(asked) => {
            check(asked.signature(token))?;
            asked.signed(token, rules, now)
        }
    }
}

/// Makes every check up to the signature.
pub(crate) fn begin(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    now: Timestamp,
) -> Result<Begun, Reason> {
    let mut room = compact::room();
    let mut token = Compact::read(token, &mut room)?;
    let known = key(&mut token, keys, rules)?;
    let Some(public) = known.key.public() else {
        let claims = known.verify(&token, rules, now)?;
        return Ok(Begun::Verified(claims));
    };
    // Hosts differ here: workerd throws for Ed25519.
    if token.signature.len() != public.signature_bytes {
        return Err(Reason::BadSignature);
    }
    Ok(Begun::Asks(Asked {
        key: Arc::clone(known),
        signature: token.signature.into(),
        claims: token.claims.into(),
    }))
}

impl Asked {
    /// What the host is asked of this token, which is the one that it was begun with.
    pub(crate) fn signature<'t>(&'t self, token: &'t str) -> Signature<'t> {
        let key = &self.key.key;
        Signature {
            algorithm: key.algorithm(),
            key: key.public().map_or("", |public| &public.jwk),
            key_number: key.number(),
            // The text has two dots: it was read as a token.
            input: token
                .rsplit_once('.')
                .map_or(b"", |(input, _)| input.as_bytes()),
            signature: &self.signature,
        }
    }

    /// Checks the claims of this token, whose signature the host found good.
    pub(crate) fn signed(
        &self,
        token: &str,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Verified<Claims>, Reason> {
        let header = token.split_once('.').map_or("", |(header, _)| header);
        self.key.keep(header.as_bytes(), rules);
        Claims::read(&self.claims, rules, now).map(Verified::new)
    }
}

redacted!(Signature<'_>);
