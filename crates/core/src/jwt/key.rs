//! A verification key: a public key, or the configured secret.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;

use super::algorithm::Algorithm;
use super::length::Length;
use super::reason::Reason;

/// A key, ready for verification. Its algorithm was fixed when it was parsed.
pub(super) struct Key {
    algorithm: Algorithm,
    length: Length,
    material: Material,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl Key {
    pub(super) const fn public(
        algorithm: Algorithm,
        length: Length,
        parsed: ParsedPublicKey,
    ) -> Self {
        Self {
            algorithm,
            length,
            material: Material::Public(parsed),
        }
    }

    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            length: Length::Short,
            material: Material::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
        }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How long verifying with this key takes.
    pub(super) const fn length(&self) -> Length {
        self.length
    }

    /// Signature lengths are fixed by the algorithm (ES256: 64 bytes, never DER). A secret's signature is compared in
    /// constant time.
    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), Reason> {
        match &self.material {
            Material::Public(key) => key.verify_sig(signed, signature),
            Material::Secret(key) => hmac::verify(key, signed, signature),
        }
        .map_err(|_| Reason::BadSignature)
    }
}
