//! Who signs tokens: keys of a Cloud, and the set it publishes.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::http::Delivery;
use serde_json::{Value, json};

use super::{START, answer};

/// One key of the Cloud's.
pub(crate) struct Signer {
    kid: &'static str,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    pub(crate) fn new(kid: &'static str) -> Self {
        let pair = Pair::Ed25519(Ed25519KeyPair::generate().unwrap());
        Self { kid, pair }
    }

    /// One whose signatures take long to check.
    pub(crate) fn p256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pair = Pair::P256(pair);
        Self { kid, pair }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut key = match &self.pair {
            Pair::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x })
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": base64url(x), "y": base64url(y) })
            }
        };
        key["kid"] = json!(self.kid);
        key["use"] = json!("sig");
        key
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let algorithm = match &self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        };
        let header = json!({ "alg": algorithm, "kid": self.kid, "typ": "JWT" });
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let input = format!("{}.{}", part(&header), part(claims));
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
            Pair::P256(pair) => {
                #[allow(
                    clippy::disallowed_methods,
                    reason = "a signer of the tests, not the core"
                )]
                let random = SystemRandom::new();
                pair.sign(&random, input.as_bytes())
                    .unwrap()
                    .as_ref()
                    .to_vec()
            }
        };
        format!("{input}.{}", base64url(&signature))
    }

    /// A token of a user, valid for a number of seconds from the start.
    pub(crate) fn token(&self, user: &str, seconds: i64) -> String {
        self.sign(&json!({
            "iss": "https://cloud.mastra.ai", "aud": "demo", "sub": user, "sid": format!("ses-{user}"),
            "email": "ada@example.com", "role": "member", "iat": START, "exp": START + seconds,
        }))
    }
}

/// What the Cloud publishes.
pub(crate) fn published(signers: &[&Signer]) -> Delivery {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    answer(200, &json!({ "keys": keys }))
}
