//! The public vectors for key sets (Project Wycheproof, 26 of them). Their tokens hold `foo`, which is no claims: a token
//! whose signature is accepted is refused for that alone.
//!
//! Where the verdict here is another than theirs, the reason stands in [`OTHERWISE`].

use mastra_auth_cloud_core::encoding::base64url_decode;
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, KeySet, KeySetError, Reason, Rules, SharedSecret,
};
use serde_json::Value;

use crate::signer::{EVERY, check};

const A_SECRET_IS_CONFIGURED: &str = "a shared secret is configured, never taken from a key set";
const NOT_OFFERED: &str = "HS384 and HS512 are not offered";
/// The four that are valid there and refused here.
const OTHERWISE: [(u64, &str); 4] = [
    (2, A_SECRET_IS_CONFIGURED),
    (13, A_SECRET_IS_CONFIGURED),
    (14, NOT_OFFERED),
    (15, NOT_OFFERED),
];

fn tests() -> Vec<Value> {
    let text = include_str!("../data/wycheproof_json_web_key.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["tests"].as_array().unwrap().clone()
}

fn rules() -> Rules {
    let mut rules = Rules::new("demo").unwrap();
    rules.algorithms = Algorithms::new(&EVERY).unwrap();
    rules
}

fn is_signed(jws: &str, keys: &KeySet) -> bool {
    check(jws, keys, &rules()).unwrap_err() == Reason::MalformedClaims
}

#[test]
fn threat_012_the_public_vectors_are_decided_rightly() {
    let tests = tests();
    assert_eq!(tests.len(), 26);
    let mut otherwise = vec![];
    for test in tests {
        let accepted = match KeySet::parse(test["keys"].to_string().as_bytes()) {
            Ok(keys) => is_signed(test["jws"].as_str().unwrap(), &keys),
            Err(error) => {
                assert_eq!(error, KeySetError::NoUsableKey);
                false
            }
        };
        if accepted != (test["result"] == "valid") {
            assert!(!accepted, "{test}");
            otherwise.push(test["tcId"].as_u64().unwrap());
        }
    }
    assert_eq!(otherwise, OTHERWISE.map(|(id, _)| id));
}

/// Their shared secrets, as an operator would configure them.
#[test]
fn threat_012_a_secret_is_long_enough() {
    let mut seen = vec![];
    for test in tests() {
        let key = &test["keys"]["keys"][0];
        if key["alg"] != Algorithm::Hs256.as_str() {
            continue;
        }
        let bytes = base64url_decode(key["k"].as_str().unwrap()).unwrap();
        let accepted = SharedSecret::new(&bytes).is_ok_and(|secret| {
            is_signed(test["jws"].as_str().unwrap(), &KeySet::from_secret(secret))
        });
        seen.push((test["tcId"].as_u64().unwrap(), accepted));
    }
    // 1 and 4 are wrong as sets alone: one mixes kinds, in the other an id stands twice.
    let expect = [
        (1, true),
        (2, true),
        (3, false),
        (4, true),
        (10, false),
        (13, true),
        (16, false),
    ];
    assert_eq!(seen, expect);
}
