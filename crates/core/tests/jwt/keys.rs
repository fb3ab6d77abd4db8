//! Which keys of a set are used, and for which tokens.

use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::jwt::{
    Algorithm, KeyRefusal, KeySet, KeySetError, KeyWarning, MAX_KEYS, Reason, lint,
};
use serde_json::{Value, json};

use crate::signer::{
    PUBLIC, check, compact, good_claims, key_set, keys, named_jwk, rules, signer, token,
};

/// A modulus with the fingerprint, of a key that was made to test for it (Project Wycheproof, Apache-2.0).
const ROCA: &str = "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iMUSP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE";

/// The key of an algorithm with one member changed; `null` takes it out.
fn with(algorithm: Algorithm, name: &str, value: &Value) -> Value {
    let mut jwk = named_jwk(algorithm);
    match value {
        Value::Null => _ = jwk.as_object_mut().unwrap().remove(name),
        value => jwk[name] = value.clone(),
    }
    jwk
}

fn usable(jwk: &Value) -> Result<Algorithm, KeyRefusal> {
    let text = json!({ "keys": [jwk] }).to_string();
    let report = lint(text.as_bytes());
    let parsed = KeySet::parse(text.as_bytes());
    // Both ways to read a set agree.
    assert_eq!(report.error, parsed.err());
    report.keys[0].usable
}

#[test]
fn threat_012_a_key_says_that_it_may_verify() {
    use KeyRefusal::{MalformedMember, OtherAlgorithm, OtherOperations, OtherUse};
    for algorithm in PUBLIC {
        for (name, value, refusal) in [
            ("use", json!("sig"), None),
            ("use", json!("enc"), Some(OtherUse)),
            ("use", json!("SIG"), Some(OtherUse)),
            ("use", json!(""), Some(OtherUse)),
            ("use", json!(["sig"]), Some(MalformedMember)),
            ("key_ops", json!(["verify"]), None),
            ("key_ops", json!(["sign", "verify"]), None),
            ("key_ops", json!([]), Some(OtherOperations)),
            ("key_ops", json!(["sign"]), Some(OtherOperations)),
            ("key_ops", json!(["Verify"]), Some(OtherOperations)),
            (
                "key_ops",
                json!(["encrypt", "wrapKey"]),
                Some(OtherOperations),
            ),
            ("key_ops", json!("verify"), Some(MalformedMember)),
            ("key_ops", json!(["verify", 7]), Some(MalformedMember)),
            ("alg", json!(algorithm.as_str()), None),
            ("alg", json!("none"), Some(OtherAlgorithm)),
            ("alg", json!("HS256"), Some(OtherAlgorithm)),
            ("alg", json!("RS512"), Some(OtherAlgorithm)),
            ("alg", json!("ES384"), Some(OtherAlgorithm)),
            ("alg", json!("RSA-OAEP"), Some(OtherAlgorithm)),
            ("alg", json!(7), Some(MalformedMember)),
            ("kid", json!("k"), None),
            ("kid", Value::Null, None),
            ("kid", json!(""), Some(MalformedMember)),
            ("kid", json!("k".repeat(256)), None),
            ("kid", json!("k".repeat(257)), Some(MalformedMember)),
            ("kid", json!(7), Some(MalformedMember)),
            ("d", json!("AA"), Some(KeyRefusal::PrivateKey)),
            ("k", json!("AA"), Some(KeyRefusal::Symmetric)),
            ("kty", json!("oct"), Some(KeyRefusal::Symmetric)),
            ("kty", json!("XYZ"), Some(KeyRefusal::UnknownType)),
            ("kty", json!("rsa"), Some(KeyRefusal::UnknownType)),
            ("kty", json!(7), Some(MalformedMember)),
            ("kty", Value::Null, Some(MalformedMember)),
            ("x5c", json!(["ignored"]), None),
            ("x5t", json!("ignored"), None),
        ] {
            let verdict = usable(&with(algorithm, name, &value));
            assert_eq!(verdict.err(), refusal, "{algorithm:?} {name} {value}");
            assert!(refusal.is_some() || verdict == Ok(algorithm));
        }
        for other in PUBLIC {
            let said = usable(&with(algorithm, "alg", &json!(other.as_str())));
            let expect = if other == algorithm {
                Ok(algorithm)
            } else {
                Err(OtherAlgorithm)
            };
            assert_eq!(said, expect);
        }
    }
}

#[test]
fn threat_012_types_and_curves_are_not_mixed() {
    use KeyRefusal::{MalformedMember, NotOnCurve, OtherCurve};
    for (algorithm, name, value, refusal) in [
        (Algorithm::Es256, "crv", json!("P-384"), OtherCurve),
        (Algorithm::Es256, "crv", json!("P-521"), OtherCurve),
        (Algorithm::Es256, "crv", json!("secp256k1"), OtherCurve),
        (Algorithm::Es256, "crv", json!("Ed25519"), OtherCurve),
        (Algorithm::Es256, "crv", json!("p-256"), OtherCurve),
        (Algorithm::Es256, "crv", Value::Null, MalformedMember),
        (Algorithm::EdDsa, "crv", json!("X25519"), OtherCurve),
        (Algorithm::EdDsa, "crv", json!("Ed448"), OtherCurve),
        (Algorithm::EdDsa, "crv", json!("P-256"), OtherCurve),
        (Algorithm::EdDsa, "kty", json!("EC"), OtherCurve),
        (Algorithm::Es256, "kty", json!("OKP"), OtherCurve),
        (Algorithm::Es256, "kty", json!("RSA"), MalformedMember),
        (Algorithm::Rs256, "kty", json!("EC"), MalformedMember),
        (
            Algorithm::Es256,
            "x",
            json!(base64url(&[1; 32])),
            NotOnCurve,
        ),
        (
            Algorithm::Es256,
            "y",
            json!(base64url(&[0; 32])),
            NotOnCurve,
        ),
        (
            Algorithm::Es256,
            "x",
            json!(base64url(&[0xff; 32])),
            NotOnCurve,
        ),
        (
            Algorithm::Es256,
            "x",
            json!(base64url(&[1; 31])),
            MalformedMember,
        ),
        (
            Algorithm::Es256,
            "y",
            json!(base64url(&[0; 33])),
            MalformedMember,
        ),
        (Algorithm::Es256, "y", Value::Null, MalformedMember),
        (Algorithm::Es256, "x", json!(7), MalformedMember),
        (Algorithm::Es256, "x", json!("not base64"), MalformedMember),
        (
            Algorithm::EdDsa,
            "x",
            json!(base64url(&[0; 32])),
            NotOnCurve,
        ),
        (
            Algorithm::EdDsa,
            "x",
            json!(base64url(&[2; 31])),
            MalformedMember,
        ),
        (
            Algorithm::EdDsa,
            "x",
            json!(base64url(&[2; 64])),
            MalformedMember,
        ),
        (Algorithm::EdDsa, "x", Value::Null, MalformedMember),
        (Algorithm::Rs256, "n", Value::Null, MalformedMember),
        (Algorithm::Rs256, "e", Value::Null, MalformedMember),
        (Algorithm::Rs256, "e", json!("AQAB="), MalformedMember),
        (Algorithm::Rs256, "e", json!("AAEAAQ"), MalformedMember),
        (
            Algorithm::Rs256,
            "e",
            json!("AQ"),
            KeyRefusal::UnsoundExponent,
        ),
        (Algorithm::Rs256, "e", json!("AAAA"), MalformedMember),
        (Algorithm::Rs256, "e", json!(65_537), MalformedMember),
        (
            Algorithm::Rs256,
            "n",
            json!(base64url(&[0xff; 128])),
            KeyRefusal::ModulusTooSmall,
        ),
        (
            Algorithm::Rs256,
            "n",
            json!(base64url(&[0xff; 1025])),
            KeyRefusal::ModulusTooLarge,
        ),
        (
            Algorithm::Rs256,
            "n",
            json!(ROCA),
            KeyRefusal::RocaFingerprint,
        ),
    ] {
        let verdict = usable(&with(algorithm, name, &value));
        assert_eq!(verdict, Err(refusal), "{algorithm:?} {name} {value}");
    }
}

/// What a token of this algorithm, with the id `k`, is told by such keys in either order.
fn told(keys: &[Value], algorithm: Algorithm) -> Result<(), Reason> {
    let header = json!({ "alg": algorithm.as_str(), "kid": "k" });
    let text = compact(
        &header.to_string(),
        &good_claims().to_string(),
        signer(algorithm),
    );
    let verdict = |keys: &[Value]| check(&text, &key_set(keys), &rules(algorithm)).map(|_| ());
    let reversed: Vec<_> = keys.iter().rev().cloned().collect();
    let said = verdict(keys);
    assert_eq!(verdict(&reversed), said, "the order counts");
    said
}

fn called_k(algorithm: Algorithm) -> Value {
    with(algorithm, "kid", &json!("k"))
}

#[test]
fn threat_012_two_keys_of_one_id_and_algorithm_mean_nothing() {
    let mut other = called_k(Algorithm::EdDsa);
    // Of the second test of RFC 8032, section 7.1.
    other["x"] = json!("PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw");
    let keys = [
        called_k(Algorithm::EdDsa),
        other.clone(),
        called_k(Algorithm::EdDsa),
        named_jwk(Algorithm::Rs256),
    ];
    assert_eq!(told(&keys, Algorithm::EdDsa), Err(Reason::UnknownKey));
    let report = lint(json!({ "keys": keys }).to_string().as_bytes());
    let refusals: Vec<_> = report.keys.iter().map(|key| key.usable.err()).collect();
    let double = Some(KeyRefusal::DuplicateKeyId);
    assert_eq!(refusals, [double, double, double, None]);
    let set = key_set(&keys);
    assert_eq!((set.len(), set.has_kid("k")), (1, false));
    // One of them for another use is left out before.
    other["use"] = json!("enc");
    assert_eq!(
        told(&[called_k(Algorithm::EdDsa), other], Algorithm::EdDsa),
        Ok(())
    );
}

#[test]
fn one_id_may_stand_for_keys_of_several_types_and_uses() {
    let all = PUBLIC.map(called_k);
    for algorithm in PUBLIC {
        assert_eq!(told(&all, algorithm), Ok(()));
        let own = called_k(algorithm);
        for (name, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("alg", json!("RSA-OAEP")),
            ("d", json!("AA")),
            ("kty", json!("AKP")),
            ("crv", json!("P-521")),
        ] {
            let mut odd = own.clone();
            odd[name] = value;
            if name == "crv" && algorithm == Algorithm::Rs256 {
                continue;
            }
            assert_eq!(told(&[own.clone(), odd], algorithm), Ok(()), "{name}");
        }
        let others: Vec<_> = PUBLIC
            .into_iter()
            .filter(|other| *other != algorithm)
            .collect();
        let others: Vec<_> = others.into_iter().map(called_k).collect();
        assert_eq!(told(&others, algorithm), Err(Reason::KeyMismatch));
    }
}

#[test]
fn the_same_key_twice_is_one_key() {
    for algorithm in PUBLIC {
        let (own, unnamed) = (called_k(algorithm), with(algorithm, "kid", &Value::Null));
        let mut said_more = own.clone();
        said_more["use"] = json!("sig");
        said_more["alg"] = json!(algorithm.as_str());
        let keys = [own, said_more];
        assert_eq!(told(&keys, algorithm), Ok(()));
        assert_eq!(key_set(&keys).len(), 1);
        let report = lint(json!({ "keys": keys }).to_string().as_bytes());
        assert!(report.keys.iter().all(|key| key.usable == Ok(algorithm)));
        assert_eq!(report.keys[0].warnings, []);
        assert_eq!(report.keys[1].warnings, [KeyWarning::Repeated]);
        let header = json!({ "alg": algorithm.as_str() }).to_string();
        let text = compact(&header, &good_claims().to_string(), signer(algorithm));
        let twice = key_set(&[unnamed.clone(), unnamed]);
        assert!(check(&text, &twice, &rules(algorithm)).is_ok());
    }
}

#[test]
fn an_entry_that_is_no_object_is_left_out_and_told() {
    let none = [json!(null), json!(1), json!("x"), json!([]), json!(true)];
    let all: Vec<_> = none
        .iter()
        .cloned()
        .chain([called_k(Algorithm::EdDsa)])
        .collect();
    assert_eq!(told(&all, Algorithm::EdDsa), Ok(()));
    let report = lint(json!({ "keys": all }).to_string().as_bytes());
    assert_eq!((report.keys.len(), report.error), (6, None));
    for entry in &report.keys[..5] {
        assert_eq!(entry.usable, Err(KeyRefusal::NotAnObject));
        assert_eq!((&entry.kid, entry.warnings.len()), (&None, 0));
    }
    let text = json!({ "keys": none }).to_string();
    let parsed = KeySet::parse(text.as_bytes());
    assert_eq!(parsed.err(), Some(KeySetError::NoUsableKey));
}

#[test]
fn null_members_of_a_key_are_none() {
    for algorithm in PUBLIC {
        let mut key = named_jwk(algorithm);
        // Some libraries write the members of every type.
        for name in ["alg", "use", "key_ops", "kid", "d", "k", "p", "oth"] {
            key[name] = Value::Null;
        }
        assert_eq!(usable(&key), Ok(algorithm));
    }
}

#[test]
fn ed25519_has_two_names() {
    for (said, asked) in [
        ("Ed25519", "EdDSA"),
        ("EdDSA", "Ed25519"),
        ("Ed25519", "Ed25519"),
    ] {
        let mut key = called_k(Algorithm::EdDsa);
        key["alg"] = json!(said);
        let header = json!({ "alg": asked, "kid": "k" }).to_string();
        let text = compact(
            &header,
            &good_claims().to_string(),
            signer(Algorithm::EdDsa),
        );
        assert!(check(&text, &key_set(&[key]), &rules(Algorithm::EdDsa)).is_ok());
    }
    // The key says the curve; the name alone makes none.
    for name in ["Ed448", "ed25519"] {
        let key = with(Algorithm::EdDsa, "alg", &json!(name));
        assert_eq!(usable(&key), Err(KeyRefusal::OtherAlgorithm));
    }
    let key = with(Algorithm::Es256, "alg", &json!("Ed25519"));
    assert_eq!(usable(&key), Err(KeyRefusal::OtherAlgorithm));
}

#[test]
fn a_byte_order_mark_before_a_set_is_passed_over() {
    let text = format!(
        "\u{feff}{}",
        json!({ "keys": [named_jwk(Algorithm::EdDsa)] })
    );
    assert_eq!(KeySet::parse(text.as_bytes()).unwrap().len(), 1);
    assert_eq!(lint(text.as_bytes()).error, None);
}

#[test]
fn a_key_that_is_not_used_spoils_no_other() {
    let odd = [
        json!({}),
        json!({ "kty": "oct", "k": "AA", "kid": "oct" }),
        with(Algorithm::Rs256, "use", &json!("enc")),
        with(Algorithm::Es256, "crv", &json!("P-384")),
    ];
    let text = json!({ "keys": odd }).to_string();
    assert_eq!(
        KeySet::parse(text.as_bytes()).err(),
        Some(KeySetError::NoUsableKey)
    );
    let all: Vec<_> = odd
        .into_iter()
        .chain([named_jwk(Algorithm::EdDsa)])
        .collect();
    let set = key_set(&all);
    assert_eq!(
        (set.len(), set.has_kid("EdDSA"), set.has_kid("oct")),
        (1, true, false)
    );
    assert!(
        check(
            &token(Algorithm::EdDsa, &good_claims()),
            &set,
            &rules(Algorithm::EdDsa)
        )
        .is_ok()
    );
}

#[test]
fn a_set_is_an_object_with_a_list() {
    for bad in [
        "",
        "<html>",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]}x"#,
    ] {
        assert_eq!(
            KeySet::parse(bad.as_bytes()).err(),
            Some(KeySetError::Malformed),
            "{bad}"
        );
        assert_eq!(
            lint(bad.as_bytes()).error,
            Some(KeySetError::Malformed),
            "{bad}"
        );
    }
    let empty = KeySet::parse(br#"{"keys":[]}"#);
    assert_eq!(empty.err(), Some(KeySetError::NoUsableKey));
    let text = json!({ "keys": [named_jwk(Algorithm::EdDsa)], "other": 1 }).to_string();
    assert!(KeySet::parse(text.as_bytes()).is_ok());
    let twice = text.replacen("\"kid\"", "\"kid\":\"x\",\"kid\"", 1);
    assert_eq!(
        KeySet::parse(twice.as_bytes()).err(),
        Some(KeySetError::Malformed)
    );
}

#[test]
fn a_set_has_a_hundred_keys_at_most() {
    let many = |count: usize| {
        let keys: Vec<_> = (0..count)
            .map(|at| with(Algorithm::EdDsa, "kid", &json!(format!("k{at}"))))
            .collect();
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    };
    assert_eq!(many(MAX_KEYS).unwrap().len(), 100);
    assert_eq!(many(MAX_KEYS + 1).err(), Some(KeySetError::TooManyKeys));
}

#[test]
fn a_key_is_found_by_its_id_or_as_the_only_one() {
    let claims = good_claims().to_string();
    for algorithm in PUBLIC {
        let unnamed = with(algorithm, "kid", &Value::Null);
        let second = with(algorithm, "kid", &json!("second"));
        let named = named_jwk(algorithm);
        let kid = algorithm.as_str();
        for (set, asked, expect) in [
            (vec![named.clone()], Some(kid), None),
            (vec![named.clone()], None, None),
            (vec![named.clone()], Some("other"), Some(Reason::UnknownKey)),
            (vec![named.clone()], Some(""), Some(Reason::UnknownKey)),
            (vec![unnamed.clone()], None, None),
            (vec![unnamed.clone()], Some(kid), Some(Reason::UnknownKey)),
            (vec![named.clone(), second.clone()], Some(kid), None),
            (vec![named.clone(), second.clone()], Some("second"), None),
            (
                vec![named.clone(), second.clone()],
                None,
                Some(Reason::AmbiguousKey),
            ),
            (
                vec![unnamed.clone(), second],
                None,
                Some(Reason::AmbiguousKey),
            ),
            (PUBLIC.map(named_jwk).to_vec(), None, None),
        ] {
            let mut header = json!({ "alg": algorithm.as_str() });
            if let Some(asked) = asked {
                header["kid"] = asked.into();
            }
            let text = compact(&header.to_string(), &claims, signer(algorithm));
            let verdict = check(&text, &key_set(&set), &rules(algorithm));
            assert_eq!(
                verdict.err(),
                expect,
                "{algorithm:?} {asked:?} of {}",
                set.len()
            );
        }
        let others: Vec<_> = PUBLIC
            .into_iter()
            .filter(|other| *other != algorithm)
            .collect();
        let others: Vec<_> = others.into_iter().map(named_jwk).collect();
        let text = compact(
            &json!({ "alg": kid }).to_string(),
            &claims,
            signer(algorithm),
        );
        let verdict = check(&text, &key_set(&others), &rules(algorithm));
        assert_eq!(verdict.err(), Some(Reason::UnknownKey));
    }
    // A configured secret is meant whatever the token calls it.
    let header = json!({ "alg": "HS256", "kid": "any" }).to_string();
    let text = compact(&header, &claims, signer(Algorithm::Hs256));
    let secret = keys(Algorithm::Hs256);
    assert!(check(&text, &secret, &rules(Algorithm::Hs256)).is_ok());
    assert_eq!((secret.len(), secret.has_kid("any")), (1, false));
}

#[test]
fn a_report_has_a_row_for_each_key() {
    let exponent = with(Algorithm::Rs256, "e", &json!("Aw"));
    let unnamed = with(Algorithm::EdDsa, "kid", &Value::Null);
    let set = json!({ "keys": [exponent, unnamed, { "kty": "oct", "alg": "HS256", "kid": "s", "k": "AA" }] });
    let report = lint(set.to_string().as_bytes());
    assert_eq!(report.error, None);
    let [exponent, unnamed, oct] = report.keys.as_slice() else {
        panic!("three rows");
    };
    assert_eq!(exponent.usable, Ok(Algorithm::Rs256));
    assert_eq!(exponent.warnings, [KeyWarning::UnusualExponent]);
    assert_eq!(unnamed.usable, Ok(Algorithm::EdDsa));
    assert_eq!(unnamed.warnings, [KeyWarning::NoKeyId]);
    assert_eq!(oct.usable, Err(KeyRefusal::Symmetric));
    assert_eq!(
        (oct.kid.as_deref(), oct.kty.as_deref(), oct.alg.as_deref()),
        (Some("s"), Some("oct"), Some("HS256"))
    );
    let mut codes: Vec<_> = KeyRefusal::ALL
        .iter()
        .map(|refusal| refusal.code())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), KeyRefusal::ALL.len());
}

#[test]
fn a_key_set_shows_no_key() {
    assert_eq!(
        format!("{:?}", keys(Algorithm::EdDsa)),
        "KeySet { keys: 3, .. }"
    );
    assert_eq!(
        format!("{:?}", keys(Algorithm::Hs256)),
        "KeySet { keys: 1, .. }"
    );
}
