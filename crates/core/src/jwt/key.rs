//! A verification key: a public key, or the configured secret.

use super::algorithm::Algorithm;
use super::length::Length;
use super::reason::Reason;
use crate::crypto::{HmacKey, PublicKey};

/// A key, ready for verification. Its algorithm was fixed when it was parsed.
pub(super) struct Key {
    algorithm: Algorithm,
    length: Length,
    material: Material,
}

enum Material {
    /// With its numbers as a JSON Web Key.
    Public(PublicKey, Box<str>),
    Secret(Box<HmacKey>),
}

impl Key {
    pub(super) const fn of_public(
        algorithm: Algorithm,
        length: Length,
        parsed: PublicKey,
        jwk: Box<str>,
    ) -> Self {
        Self {
            algorithm,
            length,
            material: Material::Public(parsed, jwk),
        }
    }

    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            length: Length::Short,
            material: Material::Secret(Box::new(HmacKey::new(secret))),
        }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How long verifying with this key takes.
    pub(super) const fn length(&self) -> Length {
        self.length
    }

    /// A public key's type and numbers, as a JSON Web Key: two keys with the same text are the same key. `None` for a secret.
    pub(super) fn public(&self) -> Option<&str> {
        match &self.material {
            Material::Public(_, jwk) => Some(jwk),
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
