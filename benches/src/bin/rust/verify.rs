//! The whole check of a token that was not seen before: form, signature, issuer, audience, times.
//!
//! All begin with the token's text and end with its claims, read the clock themselves, and have their key parsed beforehand
//! as far as they can keep one parsed. The raw row is the signature alone: the same bytes, split and decoded beforehand.

use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::AlgorithmParameters as Parameters;
use jsonwebtoken::{DecodingKey, Validation, decode};
use mastra_auth_benches::report::{Bound, Table};
use mastra_auth_benches::rounds::{Rounds, repeated};
use mastra_auth_cloud::SessionToken;
use mastra_auth_cloud_core::jwt::{self, Algorithm, Algorithms, KeySet, Rules, SharedSecret};
use mastra_auth_cloud_core::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::tokens::{AUDIENCE, ISSUER, Signed};

const ROUNDS: usize = 201;
const RAW: &str = "aws-lc-rs, the signature alone";
const OWN: &str = "ours";
const KEPT: &str = "ours, and kept as a secret";
const JSONWEBTOKEN: &str = "jsonwebtoken";

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

type SignatureCheck<'a> = Box<dyn Fn() -> bool + 'a>;

pub(crate) fn table(signed: &Signed) -> Result<Table> {
    let checks = [
        (RAW, raw(signed)?),
        (OWN, ours(signed, false)?),
        (KEPT, ours(signed, true)?),
        (JSONWEBTOKEN, jsonwebtoken(signed)?),
    ];
    let algorithm = signed.algorithm;
    let mut contenders = Vec::new();
    for (name, check) in checks {
        ensure!(check(), "{name} refuses its {algorithm:?} token");
        contenders.push((name, repeated(check)));
    }
    let rounds = Rounds::run(ROUNDS, contenders)?;
    let faster = match algorithm {
        jsonwebtoken::Algorithm::HS256 => 2.0,
        jsonwebtoken::Algorithm::RS256 => 1.2,
        _ => 1.0,
    };
    let title = format!("{algorithm:?}, token of {} bytes", signed.token.len());
    let (excess, ratio) = (rounds.excess(OWN, RAW), rounds.ratio(JSONWEBTOKEN, OWN));
    let over = "microseconds over the signature alone";
    Ok(Table::new(title, OWN, &rounds)
        .goal(over, Bound::AtMost(1.0), excess)
        .goal(
            "times as fast as jsonwebtoken",
            Bound::AtLeast(faster),
            ratio,
        ))
}

fn raw(signed: &Signed) -> Result<SignatureCheck<'_>> {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text);
    let (input, signature) = signed.token.rsplit_once('.').context("no token")?;
    let (input, signature) = (input.as_bytes(), decoded(signature)?);
    let key = match &signed.key.algorithm {
        Parameters::OctetKey(key) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &decoded(&key.value)?);
            return Ok(Box::new(move || {
                hmac::verify(&key, input, &signature).is_ok()
            }));
        }
        Parameters::RSA(key) => {
            let (n, e) = (decoded(&key.n)?, decoded(&key.e)?);
            let key = RsaPublicKeyComponents { n, e };
            key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?
        }
        Parameters::EllipticCurve(key) => {
            let point = [vec![4], decoded(&key.x)?, decoded(&key.y)?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?
        }
        Parameters::OctetKeyPair(key) => ParsedPublicKey::new(&ED25519, decoded(&key.x)?)?,
        other => bail!("no key of this bench: {other:?}"),
    };
    Ok(Box::new(move || key.verify_sig(input, &signature).is_ok()))
}

/// From the text; `is_kept` first copies it into memory that is wiped afterwards, as for an identity that is cached.
fn ours(signed: &Signed, is_kept: bool) -> Result<SignatureCheck<'_>> {
    let keys = match &signed.key.algorithm {
        Parameters::OctetKey(key) => {
            KeySet::from_secret(SharedSecret::new(&URL_SAFE_NO_PAD.decode(&key.value)?)?)
        }
        _ => KeySet::parse(json!({ "keys": [signed.key] }).to_string().as_bytes())?,
    };
    let algorithm = Algorithm::parse(&format!("{:?}", signed.algorithm));
    let mut rules = Rules::new(AUDIENCE)?;
    rules.algorithms = Algorithms::new(&[algorithm.context("unknown algorithm")?])?;
    rules.issuer = Some(ISSUER.into());
    let now = || Timestamp::from(SystemTime::now());
    let token = signed.token.as_str();
    if !is_kept {
        return Ok(Box::new(move || {
            jwt::verify_text(token, &keys, &rules, now()).is_ok()
        }));
    }
    let is_good = move |token: &SessionToken| jwt::verify(token, &keys, &rules, now()).is_ok();
    Ok(Box::new(move || {
        SessionToken::parse(token).is_ok_and(|token| is_good(&token))
    }))
}

fn jsonwebtoken(signed: &Signed) -> Result<SignatureCheck<'_>> {
    let key = DecodingKey::from_jwk(&signed.key)?;
    let mut validation = Validation::new(signed.algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = 30;
    Ok(Box::new(move || {
        decode::<Claims>(&signed.token, &key, &validation).is_ok()
    }))
}
