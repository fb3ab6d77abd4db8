//! Cryptography by aws-lc.

use aws_lc_rs::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use aws_lc_rs::{constant_time, digest, hmac};
use zeroize::Zeroizing;

use super::{Digest, Nonce};

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    to_array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 of bytes that come in pieces.
pub(crate) struct Sha256(digest::Context);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        to_array(self.0.finish().as_ref())
    }
}

/// A key of HMAC-SHA-256.
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Begins a code for bytes that come in pieces.
    pub(crate) fn begin(&self) -> Hmac {
        Hmac(hmac::Context::with_key(&self.0))
    }

    /// Whether the code is the message's, compared in constant time.
    pub(crate) fn verify(&self, message: &[u8], code: &[u8]) -> bool {
        hmac::verify(&self.0, message, code).is_ok()
    }
}

/// A code of HMAC-SHA-256 in the making.
pub(crate) struct Hmac(hmac::Context);

impl Hmac {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        to_array(self.0.sign().as_ref())
    }
}

/// Encrypts by ChaCha20-Poly1305 (RFC 8439): the bytes, then the tag.
pub(crate) fn encrypt(key: &Digest, nonce: Nonce, text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    cipher(key)?
        .seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes)
        .ok()?;
    Some(bytes)
}

/// Decrypts what [`encrypt`] returned; `None` for anything else.
pub(crate) fn decrypt(key: &Digest, nonce: Nonce, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(bytes.to_vec());
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let size = cipher(key)?
        .open_in_place(nonce, Aad::empty(), &mut text)
        .ok()?
        .len();
    text.truncate(size);
    Some(text)
}

fn cipher(key: &Digest) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).ok()?;
    Some(LessSafeKey::new(key))
}

/// Whether two byte strings are the same, in time that depends on their length only.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// A public key, parsed. `None` from a constructor: aws-lc refuses the numbers.
pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// For RSASSA-PKCS1-v1_5 with SHA-256; both numbers big-endian.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .ok()
            .map(Self)
    }

    /// For ECDSA on P-256 with SHA-256. `None` also for a point that is not on the curve.
    pub(crate) fn p256(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let uncompressed: Vec<u8> = [4].iter().chain(x).chain(y).copied().collect();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed)
            .ok()
            .map(Self)
    }

    /// For Ed25519.
    pub(crate) fn ed25519(x: &[u8; 32]) -> Option<Self> {
        ParsedPublicKey::new(&ED25519, x).ok().map(Self)
    }

    /// Whether the signature is the message's. Its length is fixed by the algorithm (ES256: 64 bytes, never DER).
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

fn to_array(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    // Both algorithms return exactly 32 bytes.
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}
