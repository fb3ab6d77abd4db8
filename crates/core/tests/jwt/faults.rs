//! Any fault, and any number of them at once, is refused; the first check that fails is the answer.

use mastra_auth_cloud_core::jwt::{Algorithm, Reason, TokenCheck, verify};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::signer::{
    EVERY, NOW, check, compact, good_claims, good_header, key_set, keys, named_jwk, rules, signer,
    token,
};

#[test]
fn threat_001_no_bit_of_a_token_can_be_flipped() {
    for algorithm in EVERY {
        let good = token(algorithm, &good_claims());
        let (keys, rules) = (keys(algorithm), rules(algorithm));
        assert!(check(&good, &keys, &rules).is_ok());
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // What is not UTF-8, or has another byte than tokens have, is no token at all.
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                let verdict = check(&changed, &keys, &rules);
                assert!(verdict.is_err(), "{algorithm:?}: byte {at}, bit {bit}");
            }
        }
    }
}

proptest! {
    /// One part of one token never fits another, and no edit is overlooked.
    #[test]
    fn threat_001_an_edited_token_is_refused(
        which in 0..4_usize,
        at in any::<prop::sample::Index>(),
        length in 0..6_usize,
        put in "[A-Za-z0-9_.=-]{0,6}",
    ) {
        let algorithm = EVERY[which];
        thread_local! {
            static GOOD: [String; 4] = EVERY.map(|algorithm| token(algorithm, &good_claims()));
        }
        let good = GOOD.with(|good| good[which].clone());
        let begin = at.index(good.len());
        let end = (begin + length).min(good.len());
        let mut edited = good.clone();
        edited.replace_range(begin..end, &put);
        prop_assume!(edited != good);
        prop_assert!(check(&edited, &keys(algorithm), &rules(algorithm)).is_err());
    }

    /// Whatever text comes, there is an answer.
    #[test]
    fn threat_098_no_text_ends_the_program(
        header in "[{}\\[\\]\":,a-z0-9\\\\u]{0,60}",
        claims in ".{0,60}",
    ) {
        let token = compact(&header, &claims, signer(Algorithm::EdDsa));
        prop_assert!(check(&token, &keys(Algorithm::EdDsa), &rules(Algorithm::EdDsa)).is_err());
    }
}

/// One fault for each check, and four for the claims, in the order in which they are looked at.
const FAULTS: [Reason; 10] = [
    Reason::MalformedToken,
    Reason::RefusedHeader,
    Reason::WrongKind,
    Reason::RefusedAlgorithm,
    Reason::UnknownKey,
    Reason::BadSignature,
    Reason::Expired,
    Reason::WrongIssuer,
    Reason::WrongAudience,
    Reason::BadSubject,
];

fn faulty(algorithm: Algorithm, has: impl Fn(Reason) -> bool) -> String {
    let mut header = good_header(algorithm);
    let mut claims = good_claims();
    let mut fault = |reason, target: &str, value: Value| {
        if has(reason) {
            match target.split_once('.') {
                Some(("header", name)) => header[name] = value,
                Some((_, name)) => claims[name] = value,
                None => panic!("{target}"),
            }
        }
    };
    fault(Reason::RefusedHeader, "header.crit", json!(["exp"]));
    fault(Reason::WrongKind, "header.typ", json!("logout+jwt"));
    fault(Reason::RefusedAlgorithm, "header.alg", json!("PS256"));
    fault(Reason::UnknownKey, "header.kid", json!("nobody"));
    fault(Reason::Expired, "claims.exp", json!(NOW - 31));
    fault(
        Reason::WrongIssuer,
        "claims.iss",
        json!("https://evil.example"),
    );
    fault(Reason::WrongAudience, "claims.aud", json!("other"));
    fault(Reason::BadSubject, "claims.sub", json!(""));
    let mut token = compact(&header.to_string(), &claims.to_string(), signer(algorithm));
    if has(Reason::BadSignature) {
        let at = token.len() - 10;
        let other = if token.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        token.replace_range(at..=at, other);
    }
    if has(Reason::MalformedToken) {
        token.push('=');
    }
    token
}

#[test]
fn threat_017_the_first_check_that_fails_is_the_answer() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (keys, rules) = (keys(algorithm), rules(algorithm));
        for faults in 0..1_u32 << FAULTS.len() {
            let has = |reason| {
                let at = FAULTS.iter().position(|fault| *fault == reason).unwrap();
                faults & 1 << at != 0
            };
            let first = FAULTS.into_iter().find(|reason| has(*reason));
            let verdict = check(&faulty(algorithm, has), &keys, &rules);
            assert_eq!(verdict.err(), first, "{algorithm:?} {faults:b}");
        }
    }
}

/// A token that is expired, not for us, without a subject, and with a wrong signature: the error names the signature.
#[test]
fn threat_017_a_wrong_signature_hides_every_fault_of_the_claims() {
    let claims = json!({ "sub": 7, "exp": "soon", "aud": [], "iss": null, "events": {} });
    for algorithm in EVERY {
        let good = token(algorithm, &claims);
        let (input, _) = good.rsplit_once('.').unwrap();
        let other = token(algorithm, &good_claims());
        let (_, signature) = other.rsplit_once('.').unwrap();
        let verdict = check(
            &format!("{input}.{signature}"),
            &keys(algorithm),
            &rules(algorithm),
        );
        assert_eq!(verdict.err(), Some(Reason::BadSignature), "{algorithm:?}");
    }
}

#[test]
fn reasons_are_in_the_order_of_their_checks() {
    let steps: Vec<TokenCheck> = Reason::ALL.iter().map(|reason| reason.check()).collect();
    assert!(steps.is_sorted());
    assert!(TokenCheck::ALL.iter().all(|step| steps.contains(step)));
    let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len(), "each has a code of its own");
    assert_eq!(Reason::Expired.code(), "session_expired");
    assert_eq!(Reason::UnknownKey.to_string(), "token_key_unknown");
}

/// A header of thousands of members, before any signature: it costs no more than its length.
#[test]
fn threat_099_many_members_and_much_nesting_are_read_once() {
    let many: Vec<_> = (0..500).map(|at| format!("\"m{at}\":{at}")).collect();
    let header = format!("{{\"alg\":\"EdDSA\",\"kid\":\"EdDSA\",{}}}", many.join(","));
    let token = compact(
        &header,
        &good_claims().to_string(),
        signer(Algorithm::EdDsa),
    );
    let (keys, rules) = (keys(Algorithm::EdDsa), rules(Algorithm::EdDsa));
    assert!(token.len() > 7000 && check(&token, &keys, &rules).is_ok());
    let deep = format!("{{\"alg\":\"EdDSA\",\"x\":{}", "[".repeat(5000));
    let token = compact(&deep, "{}", signer(Algorithm::EdDsa));
    assert_eq!(
        check(&token, &keys, &rules).err(),
        Some(Reason::MalformedHeader)
    );
}

#[test]
fn a_clock_at_either_end_of_time_is_no_surprise() {
    let algorithm = Algorithm::EdDsa;
    let text = SessionToken::parse(&token(algorithm, &good_claims())).unwrap();
    for (millis, reason) in [(i64::MIN, Reason::NotYetValid), (i64::MAX, Reason::Expired)] {
        let now = Timestamp::from_unix_millis(millis);
        let verdict = verify(&text, &keys(algorithm), &rules(algorithm), now);
        assert_eq!(verdict.err(), Some(reason));
    }
    let only = key_set(&[named_jwk(algorithm)]);
    assert!(check(text.expose(), &only, &rules(algorithm)).is_ok());
}
