//! Hashes, HMAC, encryption and comparison by RustCrypto.

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::Aead as _;
use ctutils::CtEq as _;
use hmac::{KeyInit as _, Mac as _};
use sha2::Digest as _;
use zeroize::Zeroizing;

use super::{Digest, Nonce};

/// SHA-256 hashes blocks of so many bytes.
const BLOCK: usize = 64;

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    sha2::Sha256::digest(bytes).into()
}

/// SHA-256 of bytes that come in pieces.
pub(crate) struct Sha256(sha2::Sha256);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.finalize().into()
    }
}

/// A key of HMAC-SHA-256.
pub(crate) struct HmacKey(hmac::Hmac<sha2::Sha256>);

impl HmacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        // RFC 2104 section 2: a key longer than a block is hashed, a shorter one is filled up with zeros.
        let hashed = (key.len() > BLOCK).then(|| sha256(key));
        let key = hashed.as_ref().map_or(key, |digest| digest.as_slice());
        let mut block = Zeroizing::new([0; BLOCK]);
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Self(hmac::Hmac::new((&*block).into()))
    }

    /// Begins a code for bytes that come in pieces.
    pub(crate) fn begin(&self) -> Hmac {
        Hmac(self.0.clone())
    }

    /// Whether the code is the message's, compared in constant time.
    pub(crate) fn verify(&self, message: &[u8], code: &[u8]) -> bool {
        let mut own = self.begin();
        own.update(message);
        same(&own.finish(), code)
    }
}

/// A code of HMAC-SHA-256 in the making.
pub(crate) struct Hmac(hmac::Hmac<sha2::Sha256>);

impl Hmac {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.finalize().into_bytes().into()
    }
}

/// Encrypts by ChaCha20-Poly1305 (RFC 8439): the bytes, then the tag.
pub(crate) fn encrypt(key: &Digest, nonce: Nonce, text: &[u8]) -> Option<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.encrypt(&nonce.into(), text).ok()
}

/// Decrypts what [`encrypt`] returned; `None` for anything else.
pub(crate) fn decrypt(key: &Digest, nonce: Nonce, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher
        .decrypt(&nonce.into(), bytes)
        .ok()
        .map(Zeroizing::new)
}

/// Whether two byte strings are the same, in time that depends on their length only.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// Stands for a public key, which the host imports and uses.
#[cfg(any(target_family = "wasm", miri))]
pub(crate) struct PublicKey;

#[cfg(any(target_family = "wasm", miri))]
#[allow(clippy::unnecessary_wraps, reason = "as in the native build")]
impl PublicKey {
    pub(crate) const fn rsa(_n: &[u8], _e: &[u8]) -> Option<Self> {
        Some(Self)
    }

    pub(crate) const fn p256(_x: &[u8; 32], _y: &[u8; 32]) -> Option<Self> {
        Some(Self)
    }

    pub(crate) const fn ed25519(_x: &[u8; 32]) -> Option<Self> {
        Some(Self)
    }

    pub(crate) const fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }
}
