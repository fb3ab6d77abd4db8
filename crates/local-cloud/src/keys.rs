//! The Cloud's signing keys and the tokens they sign (RFC 7515, RFC 7519): three algorithms, rotation, a public key set.
//!
//! The database stores the keys, so sessions survive a restart. Rotation keeps the old public keys, so that tokens they
//! signed stay valid. The key set holds public keys only.

mod pinned;

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub use pinned::{PinnedKey, PinnedKeyError};

/// The signature algorithm of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    #[default]
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
}

impl Algorithm {
    /// The name in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Rs256]
            .into_iter()
            .find(|own| own.as_str().eq_ignore_ascii_case(name))
    }
}

/// A key could not be created or read.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a signing key could not be made or read")]
pub(crate) struct KeyError;

impl From<aws_lc_rs::error::Unspecified> for KeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl From<aws_lc_rs::error::KeyRejected> for KeyError {
    fn from(_: aws_lc_rs::error::KeyRejected) -> Self {
        Self
    }
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Pair {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa(_) => Algorithm::Rs256,
        }
    }
}

/// One signing key and its public half.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pair: Pair,
}

impl SigningKey {
    /// Generates a key, and returns it with its serialized form (PKCS #8).
    pub(crate) fn generate(algorithm: Algorithm) -> Result<(Self, Vec<u8>), KeyError> {
        let pkcs8 = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?
                .as_ref()
                .to_vec(),
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &SystemRandom::new(),
            )?
            .as_ref()
            .to_vec(),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)?
                .as_der()?
                .as_ref()
                .to_vec(),
        };
        let kid = random_id("key_")?;
        Ok((Self::read(kid, algorithm, &pkcs8)?, pkcs8))
    }

    pub(crate) fn read(kid: String, algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8)?),
            Algorithm::Es256 => Pair::P256(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                pkcs8,
            )?),
            Algorithm::Rs256 => Pair::Rsa(RsaKeyPair::from_pkcs8(pkcs8)?),
        };
        Ok(Self {
            kid,
            algorithm,
            pair,
        })
    }

    /// A compact JWS over these claims.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let header = json!({ "alg": self.algorithm.as_str(), "kid": self.kid, "typ": "JWT" });
        let input = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&random, input.as_bytes())?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)?;
                signature
            }
        };
        Ok(format!("{input}.{}", encode(&signature)))
    }

    fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        match &self.pair {
            Pair::Ed25519(pair) => UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
                .verify(input, signature),
            Pair::P256(pair) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
                    .verify(input, signature)
            }
            Pair::Rsa(pair) => {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
                    .verify(input, signature)
            }
        }
        .is_ok()
    }

    /// The public half, as a JSON Web Key (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
            Pair::P256(pair) => {
                // An uncompressed point: a 4, then both coordinates.
                let point = pair.public_key().as_ref();
                let (x, y) = point
                    .get(1..)
                    .unwrap_or_default()
                    .split_at_checked(32)
                    .unwrap_or_default();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA",
                    "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero()),
                })
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".into(), self.kid.clone().into());
            members.insert("alg".into(), self.algorithm.as_str().into());
            members.insert("use".into(), "sig".into());
        }
        jwk
    }
}

/// The claims of a token that one of these keys signed. Checks nothing but the signature.
pub(crate) fn verified(keys: &[Arc<SigningKey>], token: &str) -> Option<Value> {
    let (input, signature) = token.rsplit_once('.')?;
    let (header, claims) = input.split_once('.')?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    let kid = header.get("kid")?.as_str()?;
    let key = keys.iter().find(|key| key.kid == kid)?;
    let is_its_algorithm =
        header.get("alg").and_then(Value::as_str) == Some(key.algorithm.as_str());
    (is_its_algorithm && key.verifies(input.as_bytes(), &decode(signature)?))
        .then(|| serde_json::from_slice(&decode(claims)?).ok())?
}

/// An id of 128 random bits.
pub(crate) fn random_id(prefix: &str) -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(format!("{prefix}{}", encode(&bytes)))
}

/// A secret of 256 random bits.
pub(crate) fn random_secret(prefix: &str) -> Result<String, KeyError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(format!("{prefix}{}", encode(&bytes)))
}

/// The digest under which a secret is stored.
pub(crate) fn digest(text: &str) -> String {
    encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_signs_what_its_key_verifies() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let (key, _) = SigningKey::generate(algorithm).unwrap();
            let (other, _) = SigningKey::generate(algorithm).unwrap();
            let token = key.sign(&json!({ "sub": "usr_1" })).unwrap();
            let forged = token.replacen("eyJ", "eyK", 1);
            let keys = [other, key].map(Arc::new);
            assert_eq!(verified(&keys, &token).unwrap()["sub"], "usr_1");
            assert!(
                verified(&keys[..1], &token).is_none(),
                "another key does not"
            );
            assert!(verified(&keys, &forged).is_none());
            let jwk = keys[1].jwk();
            assert_eq!(jwk["alg"], algorithm.as_str());
            assert!(jwk.get("d").is_none(), "public only");
        }
    }
}
