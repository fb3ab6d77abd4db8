//! A verification key: a public key, or the configured secret.

use core::sync::atomic::{AtomicU32, Ordering};

use super::algorithm::Algorithm;
use super::length::Length;
use super::reason::Reason;
use crate::crypto::{HmacKey, PublicKey};

/// A key, ready for verification. Its algorithm was fixed when it was parsed.
pub(super) struct Key {
    algorithm: Algorithm,
    length: Length,
    material: Material,
    number: u32,
}

enum Material {
    Public(PublicKey, PublicText),
    Secret(Box<HmacKey>),
}

/// A public key as a host that checks its signatures needs it.
#[derive(PartialEq, Eq)]
pub(super) struct PublicText {
    /// The key's type and numbers, as a JSON Web Key: two keys with the same text are the same key.
    pub(super) jwk: Box<str>,
    /// How long each signature by the key is.
    pub(super) signature_bytes: usize,
}

impl Key {
    pub(super) fn of_public(
        algorithm: Algorithm,
        length: Length,
        parsed: PublicKey,
        text: PublicText,
    ) -> Self {
        Self {
            algorithm,
            length,
            material: Material::Public(parsed, text),
            number: number(),
        }
    }

    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            length: Length::Short,
            material: Material::Secret(Box::new(HmacKey::new(secret))),
            number: number(),
        }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How long verifying with this key takes.
    pub(super) const fn length(&self) -> Length {
        self.length
    }

    /// A number that no other key has.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// `None` for a secret.
    pub(super) fn public(&self) -> Option<&PublicText> {
        match &self.material {
            Material::Public(_, text) => Some(text),
            Material::Secret(_) => None,
        }
    }

    /// Whether the signature is the key's. In WebAssembly no public key's is: the host checks it.
    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), Reason> {
        let is_good = match &self.material {
            Material::Public(key, _) => key.verify(signed, signature),
            Material::Secret(key) => key.verify(signed, signature),
        };
        is_good.then_some(()).ok_or(Reason::BadSignature)
    }
}

/// The next number for a key: enough for a set of 100 keys each second, for a year.
fn number() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_number_of_its_own() {
        let keys = [
            Key::secret(b"one"),
            Key::secret(b"one"),
            Key::secret(b"two"),
        ];
        let [first, second, third] = keys.map(|key| key.number());
        assert!(first < second && second < third);
    }
}
