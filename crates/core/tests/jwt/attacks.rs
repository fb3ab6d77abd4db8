//! What attackers try with keys, algorithms and signatures.

use aws_lc_rs::hmac;
use mastra_auth_cloud_core::encoding::{base64url, base64url_decode};
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, KeySet, Reason, Rules, TokenKind, verify_text,
};
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Value, json};

use crate::signer::{
    EVERY, NOW, PUBLIC, Signer, check, compact, good_claims, good_header, key_set, keys, named_jwk,
    rules, signer, token,
};

/// Rules that allow every algorithm there is, so that only the key is in the way.
fn lax() -> Rules {
    let mut rules = rules(Algorithm::EdDsa);
    rules.algorithms = Algorithms::new(&EVERY).unwrap();
    rules
}

fn secret(bytes: &[u8]) -> Signer {
    Signer::Secret(hmac::Key::new(hmac::HMAC_SHA256, bytes))
}

/// Every way to write down a public key, which is no secret.
fn spellings(algorithm: Algorithm) -> Vec<Vec<u8>> {
    let der = signer(algorithm).der();
    let lines = base64::engine::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let lines: Vec<_> = lines.as_bytes().chunks(64).collect();
    let pem = [
        b"-----BEGIN PUBLIC KEY-----",
        &*lines.join(&b'\n'),
        b"-----END PUBLIC KEY-----",
    ];
    let jwk = named_jwk(algorithm);
    let mut all = vec![
        pem.join(&b'\n'),
        [pem.join(&b'\n').as_slice(), b"\n"].concat(),
        der,
    ];
    all.push(jwk.to_string().into_bytes());
    all.push(json!({ "keys": [jwk] }).to_string().into_bytes());
    for member in ["n", "e", "x", "y"] {
        if let Some(text) = jwk[member].as_str() {
            all.push(text.as_bytes().to_vec());
            all.push(base64url_decode(text).unwrap());
        }
    }
    all.push(vec![]);
    all
}

#[test]
fn threat_003_a_public_key_is_no_secret() {
    let set = key_set(&PUBLIC.map(named_jwk));
    for algorithm in PUBLIC {
        for bytes in spellings(algorithm) {
            for kid in [Some(algorithm.as_str()), Some("HS256"), None] {
                let mut header = json!({ "alg": "HS256" });
                if let Some(kid) = kid {
                    header["kid"] = kid.into();
                }
                let forged = compact(
                    &header.to_string(),
                    &good_claims().to_string(),
                    &secret(&bytes),
                );
                let expect = match kid {
                    Some("HS256") | None => Reason::UnknownKey,
                    Some(_) => Reason::KeyMismatch,
                };
                assert_eq!(check(&forged, &set, &lax()).err(), Some(expect));
                let usual = check(&forged, &set, &rules(algorithm));
                assert_eq!(usual.err(), Some(Reason::RefusedAlgorithm));
            }
        }
    }
}

#[test]
fn threat_003_a_secret_never_comes_from_a_key_set() {
    let mut oct = signer(Algorithm::Hs256).jwk();
    oct["kid"] = "HS256".into();
    oct["alg"] = "HS256".into();
    assert!(KeySet::parse(json!({ "keys": [oct] }).to_string().as_bytes()).is_err());
    let set = key_set(&[oct, named_jwk(Algorithm::EdDsa)]);
    let text = token(Algorithm::Hs256, &good_claims());
    assert_eq!(check(&text, &set, &lax()).err(), Some(Reason::UnknownKey));
}

/// The other way round: what a private key signed is nothing where a secret is configured.
#[test]
fn threat_003_a_secret_is_no_public_key() {
    let keys = keys(Algorithm::Hs256);
    for algorithm in PUBLIC {
        let text = token(algorithm, &good_claims());
        assert_eq!(check(&text, &keys, &lax()).err(), Some(Reason::KeyMismatch));
    }
}

#[test]
fn threat_004_a_key_is_for_the_algorithm_of_its_type() {
    let names = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES256K", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448", "none", "RSA1_5", "dir", "A128KW",
    ];
    // None of the keys says what it is for.
    let set = key_set(&PUBLIC.map(named_jwk));
    for key in PUBLIC {
        for signed_by in EVERY {
            for name in names {
                let header = json!({ "alg": name, "kid": key.as_str() }).to_string();
                let text = compact(&header, &good_claims().to_string(), signer(signed_by));
                let fits = Algorithm::parse(name) == Some(key);
                let expect = match Algorithm::parse(name) {
                    None => Some(Reason::RefusedAlgorithm),
                    Some(_) if !fits => Some(Reason::KeyMismatch),
                    Some(_) if signed_by != key => Some(Reason::BadSignature),
                    Some(_) => None,
                };
                let verdict = check(&text, &set, &lax());
                assert_eq!(verdict.err(), expect, "{key:?} {signed_by:?} {name}");
            }
        }
    }
}

#[test]
fn threat_002_an_unsigned_token_is_refused() {
    let claims = good_claims().to_string();
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", "AA", "bm9uZQ"] {
            let header = json!({ "alg": name, "kid": "EdDSA" }).to_string();
            let input = format!(
                "{}.{}",
                base64url(header.as_bytes()),
                base64url(claims.as_bytes())
            );
            let verdict = check(
                &format!("{input}.{signature}"),
                &keys(Algorithm::EdDsa),
                &lax(),
            );
            let expect = if signature.is_empty() {
                Reason::MalformedToken
            } else {
                Reason::RefusedAlgorithm
            };
            assert_eq!(verdict.err(), Some(expect), "{name:?} {signature:?}");
        }
    }
    // A good algorithm without its signature is no better.
    for algorithm in EVERY {
        let good = token(algorithm, &good_claims());
        let (input, _) = good.rsplit_once('.').unwrap();
        for signature in ["AA", "AAAA"] {
            let verdict = check(&format!("{input}.{signature}"), &keys(algorithm), &lax());
            assert_eq!(verdict.err(), Some(Reason::BadSignature));
        }
    }
}

/// The token brings a key that fits its signature; the one that counts is ours.
#[test]
fn threat_011_a_key_in_the_token_is_not_used() {
    let mine = Signer::Ed25519(aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap());
    for (member, value) in [
        ("jwk", mine.jwk()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        for kid in [Some("EdDSA"), Some("mine"), None] {
            let mut header = json!({ "alg": "EdDSA", member: value });
            header["kid"] = kid.into();
            if kid.is_none() {
                header.as_object_mut().unwrap().remove("kid");
            }
            let text = compact(&header.to_string(), &good_claims().to_string(), &mine);
            let verdict = check(&text, &keys(Algorithm::EdDsa), &lax());
            assert_eq!(
                verdict.err(),
                Some(Reason::RefusedHeader),
                "{member} {kid:?}"
            );
        }
    }
}

/// The order of P-256, and numbers beside it.
fn edge_numbers() -> Vec<[u8; 32]> {
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let ending = |number: [u8; 32], last| {
        let mut number = number;
        number[31] = last;
        number
    };
    let zero = [0; 32];
    vec![
        zero,
        ending(zero, 1),
        ending(order, 0x50),
        order,
        ending(order, 0x52),
        [0xff; 32],
    ]
}

#[test]
fn threat_014_edge_values_are_no_signature() {
    let algorithm = Algorithm::Es256;
    let good = token(algorithm, &good_claims());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let signature = base64url_decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let check = |signature: &[u8]| {
        let text = format!("{input}.{}", base64url(signature));
        check(&text, &keys(algorithm), &rules(algorithm)).err()
    };
    assert_eq!(check(&signature), None);
    let bad = Some(Reason::BadSignature);
    for one in edge_numbers() {
        for other in edge_numbers() {
            assert_eq!(check(&[one, other].concat()), bad);
        }
        assert_eq!(check(&[r, &one].concat()), bad);
        assert_eq!(check(&[&one, s].concat()), bad);
    }
    // Lengths: one byte less or more, halves padded, twice the whole.
    assert_eq!(check(&signature[..63]), bad);
    assert_eq!(check(&signature[1..]), bad);
    assert_eq!(check(&[&signature, &[0][..]].concat()), bad);
    assert_eq!(check(&[&[0][..], &signature].concat()), bad);
    assert_eq!(check(&[&[0][..], r, &[0], s].concat()), bad);
    assert_eq!(check(&[signature.clone(), signature.clone()].concat()), bad);
    assert_eq!(check(&der(r, s)), bad, "the DER form is another form");
}

/// `SEQUENCE { INTEGER r, INTEGER s }`.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut number = number[zeros..].to_vec();
        if number[0] & 0x80 != 0 {
            number.insert(0, 0);
        }
        [&[2, u8::try_from(number.len()).unwrap()], &*number].concat()
    };
    let inner = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(inner.len()).unwrap()], &*inner].concat()
}

#[test]
fn threat_014_signatures_have_the_length_of_their_key() {
    for algorithm in EVERY {
        let good = token(algorithm, &good_claims());
        let (input, signature) = good.rsplit_once('.').unwrap();
        let signature = base64url_decode(signature).unwrap();
        let longer = [&signature[..], &[0]].concat();
        let padded = [&[0], &signature[..]].concat();
        for wrong in [
            &signature[1..],
            &signature[..signature.len() - 1],
            &longer,
            &padded,
        ] {
            let text = format!("{input}.{}", base64url(wrong));
            let verdict = check(&text, &keys(algorithm), &rules(algorithm));
            assert_eq!(verdict.err(), Some(Reason::BadSignature), "{algorithm:?}");
        }
    }
}

/// A signature that the identity as a key would let pass for any message: R is the base point, S is 1.
#[test]
fn threat_012_a_point_that_proves_nothing_is_no_key() {
    let mut base = [0x66; 32];
    base[0] = 0x58;
    let mut one = [0; 32];
    one[0] = 1;
    let forged = [base, one].concat();
    let key =
        aws_lc_rs::signature::ParsedPublicKey::new(&aws_lc_rs::signature::ED25519, one).unwrap();
    assert!(
        key.verify_sig(b"any message", &forged).is_ok(),
        "so it must be refused as a key"
    );
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": base64url(&one) });
    let text = json!({ "keys": [jwk] }).to_string();
    assert!(KeySet::parse(text.as_bytes()).is_err());
}

/// Encrypted tokens have five parts; nothing of them is decrypted, derived or unpacked.
#[test]
fn threat_097_an_encrypted_token_is_not_read() {
    let header = json!({ "alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "zip": "DEF", "p2c": 2_000_000_000_u32 });
    let header = base64url(header.to_string().as_bytes());
    for parts in [5, 4, 6] {
        let rest = ["AAAA"].repeat(parts - 1).join(".");
        let verdict = check(&format!("{header}.{rest}"), &keys(Algorithm::EdDsa), &lax());
        assert_eq!(verdict.err(), Some(Reason::MalformedToken), "{parts} parts");
    }
    // In three parts its header is refused for what it asks.
    let verdict = check(
        &format!("{header}.AAAA.AAAA"),
        &keys(Algorithm::EdDsa),
        &lax(),
    );
    assert_eq!(verdict.err(), Some(Reason::RefusedHeader));
}

#[test]
fn threat_015_a_token_in_a_token_is_refused() {
    let inner = token(Algorithm::EdDsa, &good_claims());
    let mut header = good_header(Algorithm::EdDsa);
    header["cty"] = Value::from("JWT");
    let nested = compact(&header.to_string(), &inner, signer(Algorithm::EdDsa));
    let verdict = check(&nested, &keys(Algorithm::EdDsa), &lax());
    assert_eq!(verdict.err(), Some(Reason::RefusedHeader));
    // And where it does not say so, its claims are no object.
    let header = good_header(Algorithm::EdDsa).to_string();
    let nested = compact(&header, &inner, signer(Algorithm::EdDsa));
    let verdict = check(&nested, &keys(Algorithm::EdDsa), &lax());
    assert_eq!(verdict.err(), Some(Reason::MalformedClaims));
}

#[test]
fn threat_096_a_text_of_any_length_is_judged_by_its_form() {
    let (set, rules) = (keys(Algorithm::EdDsa), rules(Algorithm::EdDsa));
    let judge =
        |text: &str| verify_text(text, &set, &rules, Timestamp::from_unix_seconds(NOW)).map(|_| ());
    let good = token(Algorithm::EdDsa, &good_claims());
    assert_eq!(judge(&good), Ok(()));
    for text in [
        String::new(),
        ".".repeat(1_000_000),
        "a".repeat(1 << 20),
        format!("{good}{}", "A".repeat(8 * 1024)),
        format!("{good} "),
        format!(" {good}"),
        good.replace('.', "\u{2e}\u{fe52}"),
    ] {
        assert!(judge(&text).is_err(), "{} bytes", text.len());
    }
}

/// A key keeps the header of the first token that it verified. What other rules refuse of that header is refused as before.
#[test]
fn a_kept_header_is_judged_by_the_rules_of_each_call() {
    for algorithm in EVERY {
        let (set, usual) = (keys(algorithm), rules(algorithm));
        let token = token(algorithm, &good_claims());
        let (text, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{text}.{}", "A".repeat(signature.len()));
        assert_eq!(
            check(&forged, &set, &usual).err(),
            Some(Reason::BadSignature)
        );
        for _ in 0..2 {
            assert!(check(&token, &set, &usual).is_ok(), "{algorithm:?}");
        }
        assert_eq!(
            check(&forged, &set, &usual).err(),
            Some(Reason::BadSignature)
        );
        let mut others = rules(algorithm);
        let other = EVERY.into_iter().find(|one| *one != algorithm);
        others.algorithms = Algorithms::new(&[other.unwrap()]).unwrap();
        assert_eq!(
            check(&token, &set, &others).err(),
            Some(Reason::RefusedAlgorithm)
        );
        let mut access = rules(algorithm);
        access.kind = TokenKind::AccessToken;
        assert_eq!(check(&token, &set, &access).err(), Some(Reason::WrongKind));
        assert!(check(&token, &set, &usual).is_ok());
    }
}

/// Two tokens of one key may have different headers: each is read as it is.
#[test]
fn a_kept_header_stands_for_no_other() {
    for algorithm in EVERY {
        let (set, rules) = (keys(algorithm), rules(algorithm));
        let signed = |change: &dyn Fn(&mut Value)| {
            let mut header = good_header(algorithm);
            change(&mut header);
            compact(
                &header.to_string(),
                &good_claims().to_string(),
                signer(algorithm),
            )
        };
        assert!(check(&signed(&|_| ()), &set, &rules).is_ok());
        let more = signed(&|header| header["x"] = json!(1));
        assert!(check(&more, &set, &rules).is_ok(), "{algorithm:?}");
        let critical = signed(&|header| header["crit"] = json!(["x"]));
        assert_eq!(
            check(&critical, &set, &rules).err(),
            Some(Reason::RefusedHeader)
        );
        let other_kind = signed(&|header| header["typ"] = json!("logout+jwt"));
        assert_eq!(
            check(&other_kind, &set, &rules).err(),
            Some(Reason::WrongKind)
        );
    }
}
