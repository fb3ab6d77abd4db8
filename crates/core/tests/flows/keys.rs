//! Tokens that are verified by their signature, and the keys for it.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::keys::{FetchKeys, Fetched};
use mastra_auth_cloud_core::flow::logout::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Flow as _, Jitter, Step};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::identity::authority::Authority;
use mastra_auth_cloud_core::jwt::SharedSecret;
use mastra_auth_cloud_core::verification::{ByKeys, Mode, VerificationOptions};
use serde_json::json;

use crate::world::signer::{Signer, published};
use crate::world::{
    answer, at, authenticate, config, data, lost, run, said, session, status, token, with_bearer,
};

const DAY: i64 = 86_400;

pub(crate) fn deployment(mode: Mode) -> Arc<Authority> {
    let mut config = config(Dialect::V1);
    let options = VerificationOptions {
        mode,
        session_every: (mode == Mode::KeysAndSession).then_some(Duration::from_secs(60)),
        ..VerificationOptions::default()
    };
    config.policy.refresh_early = Duration::from_secs(3);
    config.verification = options.build(&config.base_url, &config.project_id).unwrap();
    Authority::new(config, Entropy::new([7; 32]))
}

pub(crate) fn by_keys() -> Arc<Authority> {
    deployment(Mode::Keys)
}

pub(crate) fn ask(
    authority: &Arc<Authority>,
    token: &str,
    seconds: u64,
    answers: Vec<Delivery>,
) -> String {
    let (said, calls) = with_bearer(authority, token, at(seconds), answers);
    format!("{said}, {calls} calls")
}

#[test]
fn keys_are_fetched_once_and_then_nobody_is_asked() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let ran = authenticate(
        &authority,
        Some(&format!("Bearer {}", key.token("usr_1", DAY))),
        None,
        at(0),
        [published(&[&key])],
    );
    assert_eq!(said(&ran.output), "user usr_1");
    assert_eq!(ran.paths(), ["/.well-known/jwks.json"]);
    assert_eq!(ran.sent[0].bearer, None, "no credential goes there");
    for (user, seconds) in [("usr_2", 1), ("usr_1", 2), ("usr_1", 500)] {
        assert_eq!(
            ask(&authority, &key.token(user, DAY), seconds, vec![]),
            format!("user {user}, 0 calls")
        );
    }
}

#[test]
fn threat_001_only_a_checked_signature_makes_an_identity() {
    let (key, other, authority) = (Signer::new("k1"), Signer::new("k1"), by_keys());
    assert_eq!(
        ask(
            &authority,
            &key.token("usr_1", DAY),
            0,
            vec![published(&[&key])]
        ),
        "user usr_1, 0 calls".replace('0', "1")
    );
    let forged = other.token("usr_1", DAY);
    assert_eq!(
        ask(&authority, &forged, 0, vec![]),
        "rejected token_signature_invalid, 0 calls"
    );
    assert_eq!(
        ask(&authority, "opaque", 0, vec![]),
        "rejected token_malformed, 0 calls"
    );
}

#[test]
fn a_token_is_good_until_its_end_and_the_leeway() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let token = key.token("usr_1", 100);
    assert_eq!(
        ask(&authority, &token, 0, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
    for (seconds, expect) in [
        (99, "user usr_1"),
        (129, "user usr_1"),
        (130, "rejected session_expired"),
        (200, "rejected session_expired"),
    ] {
        assert_eq!(
            ask(&authority, &token, seconds, vec![]),
            format!("{expect}, 0 calls"),
            "{seconds}"
        );
    }
    let late = by_keys();
    assert_eq!(
        ask(&late, &token, 130, vec![published(&[&key])]),
        "rejected session_expired, 1 calls"
    );
}

#[test]
fn a_rotation_costs_no_request() {
    let (old, new, authority) = (Signer::new("k1"), Signer::new("k2"), by_keys());
    assert_eq!(
        ask(
            &authority,
            &old.token("usr_1", DAY),
            0,
            vec![published(&[&old])]
        ),
        "user usr_1, 1 calls"
    );
    let both = published(&[&new, &old]);
    assert_eq!(
        ask(&authority, &new.token("usr_2", DAY), 31, vec![both]),
        "user usr_2, 1 calls"
    );
    assert_eq!(
        ask(&authority, &old.token("usr_3", DAY), 32, vec![]),
        "user usr_3, 0 calls"
    );
}

#[test]
fn a_key_that_was_taken_back_stops_counting_within_the_fresh_times() {
    let (old, new, authority) = (Signer::new("k1"), Signer::new("k2"), by_keys());
    let token = old.token("usr_1", DAY);
    assert_eq!(
        ask(&authority, &token, 0, vec![published(&[&old])]),
        "user usr_1, 1 calls"
    );
    // The set has grown old: this request is served, and the next look finds the new one.
    assert_eq!(
        ask(&authority, &token, 600, vec![published(&[&new])]),
        "user usr_1, 1 calls"
    );
    assert_eq!(ask(&authority, &token, 629, vec![]), "user usr_1, 0 calls");
    assert_eq!(
        ask(&authority, &token, 631, vec![published(&[&new])]),
        "rejected token_key_unknown, 1 calls"
    );
}

#[test]
fn threat_082_unknown_key_ids_cause_one_fetch_in_a_pause() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let good = key.token("usr_1", DAY);
    assert_eq!(
        ask(&authority, &good, 0, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
    let flood: Vec<Signer> = (0..100)
        .map(|at| Signer::new(Box::leak(format!("x{at}").into_boxed_str())))
        .collect();
    let mut fetches = 0;
    for second in 1..=60 {
        for signer in &flood {
            let answers = if second % 30 == 0 && fetches < second / 30 {
                vec![published(&[&key])]
            } else {
                vec![]
            };
            fetches += u64::try_from(answers.len()).unwrap();
            let said = with_bearer(&authority, &signer.token("usr_x", DAY), at(second), answers).0;
            assert_eq!(said, "rejected token_key_unknown");
        }
        assert_eq!(
            with_bearer(&authority, &good, at(second), []).0,
            "user usr_1",
            "nobody is kept out by it"
        );
    }
    assert_eq!(fetches, 2);
}

#[test]
fn an_unknown_key_is_not_refused_where_there_may_be_others() {
    let (old, new, authority) = (Signer::new("k1"), Signer::new("k2"), by_keys());
    let token = new.token("usr_2", DAY);
    assert_eq!(
        ask(
            &authority,
            &old.token("usr_1", DAY),
            0,
            vec![published(&[&old])]
        ),
        "user usr_1, 1 calls"
    );
    assert_eq!(
        ask(&authority, &token, 31, vec![status(500)]),
        "unavailable keys_unavailable, 1 calls"
    );
    assert_eq!(
        ask(&authority, &token, 40, vec![]),
        "unavailable keys_unavailable, 0 calls"
    );
    assert_eq!(
        ask(&authority, &old.token("usr_1", DAY), 41, vec![]),
        "user usr_1, 0 calls"
    );
    assert_eq!(
        ask(&authority, &token, 61, vec![published(&[&new])]),
        "user usr_2, 1 calls"
    );
}

#[test]
fn without_keys_nobody_is_refused() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let token = key.token("usr_1", DAY);
    let away = || lost(TransportError::Connect);
    assert_eq!(
        ask(&authority, &token, 0, vec![away(), away()]),
        "unavailable keys_unavailable, 2 calls"
    );
    assert_eq!(
        ask(&authority, &token, 1, vec![]),
        "unavailable keys_unavailable, 0 calls"
    );
    assert_eq!(
        ask(&authority, &token, 30, vec![away(), published(&[&key])]),
        "user usr_1, 2 calls"
    );
}

#[test]
fn threat_084_no_unusable_set_replaces_a_good_one() {
    let key = Signer::new("k1");
    let oct = json!({ "keys": [{ "kty": "oct", "kid": "k1", "k": "c2VjcmV0" }] });
    let bad = [
        answer(200, &json!({ "keys": [] })),
        Ok(Response::new(200, b"<html>".to_vec())),
        Ok(Response::new(200, b"{\"keys\":[{\"kty\"".to_vec())),
        answer(200, &oct),
        answer(404, &json!({})),
        lost(TransportError::Timeout),
        lost(TransportError::TooLarge),
    ];
    for (at, answer) in bad.into_iter().enumerate() {
        let authority = by_keys();
        let token = key.token("usr_1", DAY);
        assert_eq!(
            ask(&authority, &token, 0, vec![published(&[&key])]),
            "user usr_1, 1 calls"
        );
        assert_eq!(
            ask(&authority, &token, 600, vec![answer]),
            "user usr_1, 1 calls",
            "{at}"
        );
        // Somebody who is not remembered, while no attempt may be made: the good set is still there.
        assert_eq!(
            ask(&authority, &key.token("usr_2", DAY), 610, vec![]),
            "user usr_2, 0 calls",
            "{at}"
        );
        assert_eq!(
            ask(&authority, &token, 640, vec![published(&[&key])]),
            "user usr_1, 1 calls",
            "{at}"
        );
    }
}

#[test]
fn the_last_good_set_serves_an_hour_of_absence() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let token = key.token("usr_1", DAY);
    assert_eq!(
        ask(&authority, &token, 0, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
    let mut fetches = 0;
    for second in (600..4230).step_by(10) {
        let (said, calls) = {
            let due = second >= 600 && (second - 600) % 30 == 0;
            with_bearer(&authority, &token, at(second), due.then(|| status(503)))
        };
        assert_eq!(said, "user usr_1", "{second}");
        fetches += calls;
    }
    assert_eq!(fetches, 121, "one in a pause");
    // Remembered a moment ago and the Cloud's keys away: the stale time, then it cannot be said.
    assert_eq!(
        ask(
            &authority,
            &key.token("usr_2", DAY),
            4230,
            vec![status(503), status(503)]
        ),
        "unavailable keys_unavailable, 2 calls"
    );
    assert_eq!(
        ask(&authority, &token, 4300, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
}

#[test]
fn threat_083_a_fetch_that_was_lost_is_made_again_after_the_pause() {
    let authority = by_keys();
    let mut lost = FetchKeys::new(Arc::clone(&authority), Jitter(1));
    assert!(matches!(lost.step(Event::Start, at(0)), Step::Send(_)));
    drop(lost);
    let again = |seconds, answers: Vec<Delivery>| {
        run(
            FetchKeys::new(Arc::clone(&authority), Jitter(1)),
            at(seconds),
            answers,
        )
        .output
    };
    assert_eq!(again(29, vec![]), Fetched::NotNow);
    assert_eq!(
        again(30, vec![published(&[&Signer::new("k1")])]),
        Fetched::Brought
    );
    assert_eq!(authority.keys_age(at(40)), Some(Duration::from_secs(10)));
}

#[test]
fn a_sign_out_counts_before_the_signature() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let text = key.token("usr_1", DAY);
    assert_eq!(
        ask(&authority, &text, 0, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
    let flow = Logout::new(
        Arc::clone(&authority),
        token(&text),
        Effort::Once,
        at(1),
        Jitter(1),
    );
    let _ = run(flow, at(1), [status(500)]);
    for seconds in [1, 100, 10_000] {
        assert_eq!(
            ask(&authority, &text, seconds, vec![]),
            "rejected signed_out, 0 calls"
        );
    }
}

#[test]
fn threat_031_a_signature_proves_a_sign_out_while_the_cloud_is_away() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    assert!(authority.publish_revocations(|| {}));
    let known = key.token("usr_2", DAY);
    ask(&authority, &known, 0, vec![published(&[&key])]);
    let out = |text: &str| {
        let (authority, token) = (Arc::clone(&authority), token(text));
        let flow = Logout::new(authority, token, Effort::Once, at(1), Jitter(1));
        let _ = run(flow, at(1), [status(500)]);
    };
    // Never seen here: told all the same, and not what nobody signed.
    out(&key.token("usr_1", DAY));
    assert!(!authority.take_revocations(9).is_empty());
    out(&Signer::new("k1").token("usr_1", DAY));
    assert_eq!(authority.take_revocations(9), []);
    assert_eq!(ask(&authority, &known, 2, vec![]), "user usr_2, 0 calls");
}

#[test]
fn threat_020_with_sessions_the_cloud_is_asked_whether_they_live() {
    let (key, authority) = (Signer::new("k1"), deployment(Mode::KeysAndSession));
    let text = key.token("usr_1", DAY);
    let alive = |user| data(&json!({ "session": session("ses_1", user, 9999) }));
    let ran = authenticate(
        &authority,
        Some(&format!("Bearer {text}")),
        None,
        at(0),
        [published(&[&key]), alive("usr_1")],
    );
    assert_eq!(said(&ran.output), "user usr_1");
    assert_eq!(
        ran.paths(),
        ["/.well-known/jwks.json", "/api/v1/auth/session/validate"]
    );
    assert_eq!(ask(&authority, &text, 56, vec![]), "user usr_1, 0 calls");
    assert_eq!(
        ask(&authority, &text, 57, vec![alive("usr_1")]),
        "user usr_1, 1 calls",
        "ahead of the end"
    );
    assert_eq!(ask(&authority, &text, 61, vec![]), "user usr_1, 0 calls");
    assert_eq!(
        ask(&authority, &text, 120, vec![status(503), status(503)]),
        "user usr_1, 2 calls",
        "it was good a moment ago"
    );
    assert_eq!(
        ask(&authority, &text, 121, vec![status(401)]),
        "rejected request_failed, 1 calls"
    );
    let other = key.token("usr_2", DAY);
    assert_eq!(
        ask(&authority, &other, 121, vec![alive("usr_1")]),
        "unavailable invalid_response, 1 calls",
        "another's session"
    );
    let forged = Signer::new("k1").token("usr_3", DAY);
    assert_eq!(
        ask(&authority, &forged, 121, vec![]),
        "rejected token_signature_invalid, 0 calls",
        "junk costs no call"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let config = config(Dialect::V1);
    let build = |options: VerificationOptions| options.build(&config.base_url, &config.project_id);
    let keys = || VerificationOptions {
        mode: Mode::Keys,
        ..VerificationOptions::default()
    };
    let some = |text: &str| Some(text.to_owned());
    for (name, options) in [
        (
            "keys without their mode",
            VerificationOptions {
                issuer: some("x"),
                ..VerificationOptions::default()
            },
        ),
        (
            "plain http",
            VerificationOptions {
                key_set_url: some("http://keys.example.com/"),
                ..keys()
            },
        ),
        (
            "no usable key",
            VerificationOptions {
                key_set: some("{\"keys\":[]}"),
                ..keys()
            },
        ),
        (
            "two sources",
            VerificationOptions {
                key_set: some("{}"),
                key_set_url: some("https://k.example.com"),
                ..keys()
            },
        ),
        (
            "an unknown algorithm",
            VerificationOptions {
                algorithms: Some(vec!["none".into()]),
                ..keys()
            },
        ),
        (
            "no algorithm",
            VerificationOptions {
                algorithms: Some(vec![]),
                ..keys()
            },
        ),
        (
            "HS256 without a secret",
            VerificationOptions {
                algorithms: Some(vec!["HS256".into()]),
                ..keys()
            },
        ),
        (
            "a secret without HS256",
            VerificationOptions {
                secret: SharedSecret::new(&[7; 32]).ok(),
                algorithms: Some(vec!["ES256".into()]),
                ..keys()
            },
        ),
        (
            "an empty issuer",
            VerificationOptions {
                issuer: some(""),
                ..keys()
            },
        ),
        (
            "sessions that are asked about without end",
            VerificationOptions {
                mode: Mode::KeysAndSession,
                session_every: Some(Duration::ZERO),
                ..VerificationOptions::default()
            },
        ),
        (
            "an empty audience",
            VerificationOptions {
                audience: some(""),
                ..keys()
            },
        ),
        (
            "a long leeway",
            VerificationOptions {
                leeway: Some(Duration::from_secs(301)),
                ..keys()
            },
        ),
        (
            "sessions that are never asked about",
            VerificationOptions {
                session_every: Some(Duration::from_secs(1)),
                ..keys()
            },
        ),
    ] {
        assert_eq!(
            build(options).unwrap_err().code(),
            "invalid_configuration",
            "{name}"
        );
    }
    assert_eq!(
        Mode::parse("Keys").unwrap_err().code(),
        "invalid_configuration"
    );
    assert!(ByKeys::of_cloud(&config.base_url, "demo").is_ok());
}
