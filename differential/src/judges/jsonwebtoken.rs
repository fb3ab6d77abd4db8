//! `jsonwebtoken`, on its own choice of crates for signatures.
//!
//! It reads the system's clock and takes no other. Where that is `k` seconds behind the time of judgement, two settings make up for
//! it to the second: a leeway longer by `k`, and refusing tokens that end in less than `2k`. So a run can be repeated.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp,
};
use serde::Deserialize;

use super::Verdict;
use crate::make::Case;
use crate::setting::{AUDIENCE, Deployment, ISSUER, LEEWAY, NOW, SECRET, Setting};

#[derive(Deserialize)]
struct Claims {
    #[allow(dead_code, reason = "read so that it must be text")]
    sub: String,
}

struct Key {
    algorithm: Algorithm,
    key: DecodingKey,
}

pub(crate) struct Jsonwebtoken {
    secret: Key,
    keys: HashMap<String, Key>,
}

impl Jsonwebtoken {
    pub(crate) fn new(setting: &Setting) -> Result<Self> {
        ensure!(
            get_current_timestamp() < NOW,
            "this clock is past the time of judgement"
        );
        let set: JwkSet = serde_json::from_value(setting.jwks.clone())?;
        let mut keys = HashMap::new();
        for jwk in &set.keys {
            keys.insert(
                jwk.common.key_id.clone().context("a key has no id")?,
                key(jwk)?,
            );
        }
        let secret = Key {
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(SECRET),
        };
        Ok(Self { secret, keys })
    }

    pub(crate) fn judge(&self, case: &Case<'_>) -> Verdict {
        let key = match case.deployment {
            Deployment::Secret => &self.secret,
            Deployment::Keys => {
                let header = decode_header(&case.token).map_err(|error| said(&error))?;
                match header.kid {
                    Some(kid) => self.keys.get(&kid),
                    None => self.keys.values().find(|key| key.algorithm == header.alg),
                }
                .ok_or("no such key")?
            }
        };
        loop {
            let clock = get_current_timestamp();
            let verdict = decode::<Claims>(
                &case.token,
                &key.key,
                &validation(key.algorithm, NOW - clock),
            );
            // The clock stood still meanwhile, or the question is put again.
            if get_current_timestamp() == clock {
                return verdict.map(|_| ()).map_err(|error| said(&error));
            }
        }
    }
}

fn key(jwk: &Jwk) -> Result<Key> {
    let algorithm = jwk.common.key_algorithm.context("a key has no algorithm")?;
    Ok(Key {
        algorithm: algorithm.to_string().parse()?,
        key: DecodingKey::from_jwk(jwk)?,
    })
}

fn validation(algorithm: Algorithm, behind: u64) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY + behind;
    validation.reject_tokens_expiring_in_less_than = 2 * behind;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation
}

/// The kind of its error, without what the error holds.
fn said(error: &jsonwebtoken::errors::Error) -> String {
    let text = format!("{:?}", error.kind());
    text.split(['(', ' ', '{'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
