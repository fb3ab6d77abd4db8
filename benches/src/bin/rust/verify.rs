//! The whole check of a token that was not seen before: form, signature, issuer, audience, times.
//!
//! All begin with the token's text and end with its claims, read the clock themselves, and have their key parsed beforehand
//! as far as they can keep one parsed. The raw row is the signature alone: the same bytes, split and decoded beforehand.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as TheirAlgorithm, DecodingKey, Validation, decode};
use jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike as _, ES256PublicKey, Ed25519PublicKey,
    EdDSAPublicKeyLike as _, HS256Key, MACLike as _, RS256PublicKey, RSAPublicKeyLike as _,
    VerificationOptions,
};
use mastra_auth_benches::report::{Bound, Table};
use mastra_auth_benches::rounds::{Contender, Rounds};
use mastra_auth_cloud::SessionToken;
use mastra_auth_cloud_core::jwt::{self, Algorithm, Algorithms, KeySet, Rules, SharedSecret};
use mastra_auth_cloud_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tokens::{AUDIENCE, ISSUER, Key, Signed};

const ROUNDS: usize = 201;
const RAW: &str = "aws-lc-rs, the signature alone";
const OWN: &str = "ours";
const KEPT: &str = "ours, and kept as a secret";
const JSONWEBTOKEN: &str = "jsonwebtoken";
const JWT_SIMPLE: &str = "jwt-simple";

/// The claims as an application reads them.
#[derive(Deserialize)]
#[allow(dead_code, reason = "read so that they are parsed")]
struct Claims {
    sub: String,
    sid: String,
    email: String,
    name: String,
    roles: Vec<String>,
    exp: u64,
    iat: u64,
}

/// The same without the registered ones, which jwt-simple reads itself.
#[derive(Deserialize, Serialize)]
struct Others {
    sid: String,
    email: String,
    name: String,
    roles: Vec<String>,
}

type SignatureCheck<'a> = Box<dyn Fn() -> bool + 'a>;

pub(crate) fn table(signed: &Signed) -> Result<Table> {
    let checks = [
        (RAW, raw(signed)?),
        (OWN, ours(signed, From::Text)?),
        (KEPT, ours(signed, From::Kept)?),
        (JSONWEBTOKEN, jsonwebtoken(signed)?),
        (JWT_SIMPLE, jwt_simple(signed)?),
    ];
    let mut contenders = Vec::new();
    for (name, check) in checks {
        ensure!(check(), "{name} refuses its {} token", signed.algorithm);
        contenders.push(Contender::repeated(name, check));
    }
    let rounds = Rounds::run(ROUNDS, contenders)?;
    let title = format!(
        "{}, token of {} bytes",
        signed.algorithm,
        signed.token.len()
    );
    let faster = match signed.algorithm {
        "HS256" => 2.0,
        "RS256" => 1.2,
        _ => 1.0,
    };
    Ok(Table::new(title, OWN, rounds)
        .goal(
            "microseconds over the signature alone",
            Bound::AtMost(1.5),
            |rounds| rounds.excess(OWN, RAW),
        )
        .goal(
            "times as fast as jsonwebtoken",
            Bound::AtLeast(faster),
            |rounds| rounds.ratio(JSONWEBTOKEN, OWN),
        ))
}

fn raw(signed: &Signed) -> Result<SignatureCheck<'_>> {
    let (input, signature) = signed.parts()?;
    let input = input.as_bytes();
    let key = match &signed.key {
        Key::Secret(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            return Ok(Box::new(move || {
                hmac::verify(&key, input, &signature).is_ok()
            }));
        }
        Key::Rsa { n, e } => {
            let key = RsaPublicKeyComponents { n, e };
            key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?
        }
        Key::P256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?,
        Key::Ed25519(x) => ParsedPublicKey::new(&ED25519, x)?,
    };
    Ok(Box::new(move || key.verify_sig(input, &signature).is_ok()))
}

/// What a check begins with.
enum From {
    /// The text, as every other row.
    Text,
    /// The text, copied into memory that is wiped afterwards, as for an identity that is cached.
    Kept,
}

fn ours(signed: &Signed, from: From) -> Result<SignatureCheck<'_>> {
    let keys = match &signed.key {
        Key::Secret(secret) => KeySet::from_secret(SharedSecret::new(secret)?),
        _ => KeySet::parse(signed.key_set().to_string().as_bytes())?,
    };
    let algorithm = Algorithm::parse(signed.algorithm).context("unknown algorithm")?;
    let mut rules = Rules::new(AUDIENCE)?;
    rules.algorithms = Algorithms::new(&[algorithm])?;
    rules.issuer = Some(ISSUER.into());
    Ok(match from {
        From::Text => {
            Box::new(move || jwt::verify_text(&signed.token, &keys, &rules, now()).is_ok())
        }
        From::Kept => {
            let is_good =
                move |token: &SessionToken| jwt::verify(token, &keys, &rules, now()).is_ok();
            Box::new(move || SessionToken::parse(&signed.token).is_ok_and(|token| is_good(&token)))
        }
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or_default())
}

fn jsonwebtoken(signed: &Signed) -> Result<SignatureCheck<'_>> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (algorithm, key) = match &signed.key {
        Key::Secret(secret) => (TheirAlgorithm::HS256, DecodingKey::from_secret(secret)),
        Key::Rsa { n, e } => (
            TheirAlgorithm::RS256,
            DecodingKey::from_rsa_raw_components(n, e),
        ),
        Key::P256(point) => {
            let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
            let key = DecodingKey::from_ec_components(&encode(x), &encode(y))?;
            (TheirAlgorithm::ES256, key)
        }
        Key::Ed25519(x) => (
            TheirAlgorithm::EdDSA,
            DecodingKey::from_ed_components(&encode(x))?,
        ),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = 30;
    Ok(Box::new(move || {
        decode::<Claims>(&signed.token, &key, &validation).is_ok()
    }))
}

fn jwt_simple(signed: &Signed) -> Result<SignatureCheck<'_>> {
    let options = VerificationOptions {
        allowed_issuers: Some([ISSUER.to_owned()].into()),
        allowed_audiences: Some([AUDIENCE.to_owned()].into()),
        time_tolerance: Some(Duration::from_secs(30)),
        ..VerificationOptions::default()
    };
    let token = signed.token.as_str();
    let options = move || Some(options.clone());
    Ok(match &signed.key {
        Key::Secret(secret) => {
            let key = HS256Key::from_bytes(secret);
            Box::new(move || key.verify_token::<Others>(token, options()).is_ok())
        }
        Key::Rsa { n, e } => {
            let key = RS256PublicKey::from_components(n, e)?;
            Box::new(move || key.verify_token::<Others>(token, options()).is_ok())
        }
        Key::P256(point) => {
            let key = ES256PublicKey::from_bytes(point)?;
            Box::new(move || key.verify_token::<Others>(token, options()).is_ok())
        }
        Key::Ed25519(x) => {
            let key = Ed25519PublicKey::from_bytes(x)?;
            Box::new(move || key.verify_token::<Others>(token, options()).is_ok())
        }
    })
}
