//! What every judge is told: two deployments, their keys, and what a token must say.
//!
//! One deployment holds a secret, the other three public keys. The keys come from fixed seeds, so the same run has the same
//! tokens, and no private key has to be committed.

use anyhow::{Result, anyhow};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use rand::SeedableRng as _;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

/// When the tokens are judged: 2033-05-18T03:33:20Z, ahead of every clock (see the judge of `jsonwebtoken`).
pub(crate) const NOW: u64 = 2_000_000_000;
pub(crate) const LEEWAY: u64 = 30;
pub(crate) const AUDIENCE: &str = "demo";
pub(crate) const ISSUER: &str = "https://cloud.example";
pub(crate) const SECRET: &[u8] = b"a secret of mutated tokens: 32..";

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// Who is asked about a token: the deployment with the secret, or the one with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployment {
    Secret,
    Keys,
}

pub(crate) struct Setting {
    rsa: RsaKeyPair,
    p256: p256::ecdsa::SigningKey,
    ed25519: Ed25519KeyPair,
    pub(crate) jwks: Value,
    /// Every spelling of a public key that could be mistaken for a shared secret.
    pub(crate) spellings: Vec<Vec<u8>>,
    /// Modulus and exponent, to make other numbers that mean the same signature.
    pub(crate) modulus: Vec<u8>,
}

impl Setting {
    pub(crate) fn new() -> Result<Self> {
        let made = rsa::RsaPrivateKey::new(&mut rand::rngs::StdRng::seed_from_u64(7), 2048)?;
        let rsa = RsaKeyPair::from_pkcs8(made.to_pkcs8_der()?.as_bytes())
            .map_err(|error| anyhow!("the RSA key: {error}"))?;
        let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32])?;
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[7; 32])
            .map_err(|error| anyhow!("the Ed25519 key: {error}"))?;

        let public = made.to_public_key();
        let point = p256.verifying_key().to_encoded_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let x_of_ed25519 = ed25519.public_key().as_ref().to_vec();
        let modulus = public.n().to_bytes_be();
        let keys = json!([
            { "kty": "RSA", "kid": "RS256", "alg": "RS256", "use": "sig",
              "n": base64url(&modulus), "e": base64url(&public.e().to_bytes_be()) },
            { "kty": "EC", "kid": "ES256", "alg": "ES256", "use": "sig", "crv": "P-256",
              "x": base64url(x), "y": base64url(y) },
            { "kty": "OKP", "kid": "EdDSA", "alg": "EdDSA", "use": "sig", "crv": "Ed25519",
              "x": base64url(&x_of_ed25519) },
        ]);
        let pem = public.to_public_key_pem(LineEnding::LF)?;
        let mut spellings = vec![
            pem.trim_end().as_bytes().to_vec(),
            pem.into_bytes(),
            public.to_public_key_der()?.as_bytes().to_vec(),
            modulus.clone(),
            x.to_vec(),
            point.as_bytes().to_vec(),
            x_of_ed25519,
            vec![],
        ];
        spellings.extend(
            keys.as_array()
                .into_iter()
                .flatten()
                .map(|key| key.to_string().into_bytes()),
        );
        Ok(Self {
            rsa,
            p256,
            ed25519,
            jwks: json!({ "keys": keys }),
            spellings,
            modulus,
        })
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
        match algorithm {
            Algorithm::Hs256 => sign_with(SECRET, input),
            Algorithm::Rs256 => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                let _ = self.rsa.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    input,
                    &mut signature,
                );
                signature
            }
            Algorithm::Es256 => {
                let signature: p256::ecdsa::Signature = self.p256.sign(input);
                signature.to_bytes().to_vec()
            }
            Algorithm::EdDsa => self.ed25519.sign(input).as_ref().to_vec(),
        }
    }

    /// What the judges outside of this program are told, on one line.
    pub(crate) fn line(&self) -> String {
        json!({
            "jwks": self.jwks, "secret": base64url(SECRET), "now": NOW, "leeway": LEEWAY,
            "audience": AUDIENCE, "issuer": ISSUER,
        })
        .to_string()
    }
}

/// An HMAC under whatever bytes.
pub(crate) fn sign_with(secret: &[u8], input: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input)
        .as_ref()
        .to_vec()
}
