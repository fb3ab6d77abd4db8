//! An issuer: one key for each algorithm, made once for all tests, and the tokens they sign.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::jwt::host::{self, HostVerdict, Signature};
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, Claims, KeySet, Reason, Rules, SharedSecret, Verified, verify,
};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Value, json};

use crate::world_host::verdict;

/// 2026-01-28T10:00:00Z.
pub(crate) const NOW: i64 = 1_769_594_400;
pub(crate) const SECRET: &[u8] = b"a secret of the tests, 32 bytes.";
pub(crate) const PUBLIC: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
pub(crate) const EVERY: [Algorithm; 4] = [
    Algorithm::Hs256,
    Algorithm::Rs256,
    Algorithm::Es256,
    Algorithm::EdDsa,
];

pub(crate) enum Signer {
    Secret(hmac::Key),
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

static HS256: LazyLock<Signer> =
    LazyLock::new(|| Signer::Secret(hmac::Key::new(hmac::HMAC_SHA256, SECRET)));
static RS256: LazyLock<Signer> =
    LazyLock::new(|| Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
static ES256: LazyLock<Signer> = LazyLock::new(|| {
    Signer::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
});
static EDDSA: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ed25519(Ed25519KeyPair::generate().unwrap()));

pub(crate) fn signer(algorithm: Algorithm) -> &'static Signer {
    match algorithm {
        Algorithm::Hs256 => &HS256,
        Algorithm::Rs256 => &RS256,
        Algorithm::Es256 => &ES256,
        Algorithm::EdDsa => &EDDSA,
        other => panic!("{other:?} has no signer"),
    }
}

impl Signer {
    pub(crate) fn sign(&self, input: &[u8]) -> Vec<u8> {
        match self {
            Self::Secret(key) => hmac::sign(key, input).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    input,
                    &mut signature,
                )
                .unwrap();
                signature
            }
            Self::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), input).unwrap();
                signature.as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// The public half, as a JSON Web Key without id, use and algorithm.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Secret(_) => json!({ "kty": "oct", "k": base64url(SECRET) }),
            Self::Rsa(pair) => {
                // PKCS #1: two heads and a zero, the 256 bytes of the modulus, and 65537.
                let der = pair.public_key().as_ref();
                assert_eq!((der.len(), &der[265..]), (270, &[2, 3, 1, 0, 1][..]));
                json!({ "kty": "RSA", "n": base64url(&der[9..265]), "e": "AQAB" })
            }
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
            }
            Self::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        }
    }

    /// The public half as DER (SubjectPublicKeyInfo).
    pub(crate) fn der(&self) -> Vec<u8> {
        match self {
            Self::Secret(_) => vec![],
            Self::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::P256(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        }
    }
}

/// The key of an algorithm under its own name as the id.
pub(crate) fn named_jwk(algorithm: Algorithm) -> Value {
    let mut jwk = signer(algorithm).jwk();
    jwk["kid"] = algorithm.as_str().into();
    jwk
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The keys a token of this algorithm is checked with: the secret, or all public keys.
pub(crate) fn keys(algorithm: Algorithm) -> KeySet {
    match algorithm {
        Algorithm::Hs256 => KeySet::from_secret(SharedSecret::new(SECRET).unwrap()),
        _ => key_set(&PUBLIC.map(named_jwk)),
    }
}

pub(crate) fn rules(algorithm: Algorithm) -> Rules {
    let mut rules = Rules::new("demo").unwrap();
    rules.algorithms = Algorithms::new(&[algorithm]).unwrap();
    rules.issuer = Some("https://cloud.example".into());
    rules
}

/// Claims that hold in every respect.
pub(crate) fn good_claims() -> Value {
    json!({
        "iss": "https://cloud.example", "aud": "demo", "sub": "usr_1", "sid": "ses_1",
        "email": "ada@example.com", "name": "Ada", "avatar_url": "https://img.example/a.png",
        "roles": ["admin", "member"], "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 900,
    })
}

pub(crate) fn good_header(algorithm: Algorithm) -> Value {
    json!({ "alg": algorithm.as_str(), "kid": algorithm.as_str(), "typ": "JWT" })
}

pub(crate) fn compact(header: &str, claims: &str, signer: &Signer) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let signature = base64url(&signer.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

pub(crate) fn token(algorithm: Algorithm, claims: &Value) -> String {
    compact(
        &good_header(algorithm).to_string(),
        &claims.to_string(),
        signer(algorithm),
    )
}

pub(crate) fn check(token: &str, keys: &KeySet, rules: &Rules) -> Result<Verified<Claims>, Reason> {
    let token = SessionToken::parse(token).map_err(|_| Reason::MalformedToken)?;
    let now = Timestamp::from_unix_seconds(NOW);
    let here = verify(&token, keys, rules, now);
    let there = host::verify(token.expose(), keys, rules, now, by_host);
    let subject = |found: &Result<Verified<Claims>, Reason>| {
        let subject = found
            .as_ref()
            .map(|claims| claims.as_inner().subject().clone());
        subject.map_err(|reason| *reason)
    };
    assert_eq!(subject(&here), subject(&there), "a host finds the same");
    here
}

/// A host's verdict on a signature.
fn by_host(asked: Signature<'_>) -> Result<(), Reason> {
    match verdict(asked) {
        HostVerdict::Valid => Ok(()),
        HostVerdict::Invalid => Err(Reason::BadSignature),
        other => panic!("{other:?}: the core refused the key already"),
    }
}
