//! Tokens as an issuer makes them: the same 398 bytes of claims under each algorithm, which gives 651 to 950 bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://cloud.mastra.ai";
pub(crate) const AUDIENCE: &str = "demo";
const KID: &str = "key_0123456789abcdef";
const CLAIMS_BYTES: usize = 398;

/// A token, and the key that says it is good.
pub(crate) struct Signed {
    pub(crate) algorithm: &'static str,
    pub(crate) token: String,
    pub(crate) key: Key,
}

/// The half of a key that verifies.
pub(crate) enum Key {
    Secret(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The point, uncompressed: 4, x, y.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Signed {
    /// What is signed, and the signature.
    pub(crate) fn parts(&self) -> Result<(&str, Vec<u8>)> {
        let (input, signature) = self.token.rsplit_once('.').unwrap_or_default();
        Ok((input, URL_SAFE_NO_PAD.decode(signature)?))
    }

    /// The key as the only one of a set (RFC 7517); empty for a secret, which is in no set.
    pub(crate) fn key_set(&self) -> Value {
        let common = json!({ "kid": KID, "alg": self.algorithm, "use": "sig" });
        let own = match &self.key {
            Key::Secret(_) => return json!({ "keys": [] }),
            Key::Rsa { n, e } => json!({ "kty": "RSA", "n": encode(n), "e": encode(e) }),
            Key::P256(point) => {
                let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Key::Ed25519(x) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) }),
        };
        let members = [common, own].into_iter().filter_map(|one| match one {
            Value::Object(members) => Some(members),
            _ => None,
        });
        json!({ "keys": [members.flatten().collect::<serde_json::Map<_, _>>()] })
    }
}

/// One token for each of the four algorithms.
pub(crate) fn of_every_algorithm() -> Result<[Signed; 4]> {
    let random = SystemRandom::new();
    let secret = vec![0x5a; 32];
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let ed25519 = Ed25519KeyPair::generate()?;

    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let components = PublicKeyComponents::<Vec<u8>>::from(rsa.public_key());
    Ok([
        signed("HS256", Key::Secret(secret), |input| {
            Ok(hmac::sign(&hmac_key, input).as_ref().to_vec())
        })?,
        signed(
            "RS256",
            Key::Rsa {
                n: components.n,
                e: components.e,
            },
            |input| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature)?;
                Ok(signature)
            },
        )?,
        signed(
            "ES256",
            Key::P256(p256.public_key().as_ref().to_vec()),
            |input| Ok(p256.sign(&random, input)?.as_ref().to_vec()),
        )?,
        signed(
            "EdDSA",
            Key::Ed25519(ed25519.public_key().as_ref().to_vec()),
            |input| Ok(ed25519.sign(input).as_ref().to_vec()),
        )?,
    ])
}

fn signed(
    algorithm: &'static str,
    key: Key,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>>,
) -> Result<Signed> {
    let header = json!({ "alg": algorithm, "kid": KID, "typ": "JWT" }).to_string();
    let input = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims()?.as_bytes())
    );
    let token = format!("{input}.{}", encode(&sign(input.as_bytes())?));
    ensure!(
        (650..=950).contains(&token.len()),
        "a token of {} bytes is not what this bench is about",
        token.len()
    );
    Ok(Signed {
        algorithm,
        token,
        key,
    })
}

/// The claims as text, filled up to their length by the token's own id.
fn claims() -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let text = |id: &str| {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "usr_0123456789abcdef", "sid": "ses_0123456789abcdef",
            "email": "ada.lovelace@example.com", "name": "Ada Lovelace", "roles": ["member", "viewer"],
            "avatar_url": "https://example.com/avatars/usr_0123456789abcdef.png",
            "iat": now, "nbf": now, "exp": now + 86_400, "jti": id,
        })
        .to_string()
    };
    let rest = CLAIMS_BYTES.saturating_sub(text("").len());
    Ok(text(&"j".repeat(rest)))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
