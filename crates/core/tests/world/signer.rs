//! Who signs tokens: keys of a Cloud, and the set it publishes.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::http::Delivery;
use serde_json::{Value, json};

use super::{START, answer};

/// One key of the Cloud's.
pub(crate) struct Signer {
    kid: &'static str,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn new(kid: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        Self { kid, pair }
    }

    fn jwk(&self) -> Value {
        let x = base64url(self.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "alg": "EdDSA", "use": "sig", "x": x })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.kid, "typ": "JWT" });
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let input = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(input.as_bytes());
        format!("{input}.{}", base64url(signature.as_ref()))
    }

    /// A token of somebody, good for a number of seconds from the start.
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
