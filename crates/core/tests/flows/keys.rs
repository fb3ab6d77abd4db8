//! Tokens that are verified by their signature, and the keys for it.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Fetched;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::json;

use crate::world::signer::{Signer, published};
use crate::world::{
    Step, answer, at, authenticate, config, data, fetching, lost, open, run, said, session, status,
    token, with_bearer,
};

const DAY: i64 = 86_400;

pub(crate) fn deployment(mode: VerificationMode) -> Arc<Engine> {
    let mut config = config(Dialect::V1);
    let options = VerificationOptions {
        mode,
        session_every: (mode == VerificationMode::KeysAndSession)
            .then_some(Duration::from_secs(60)),
        ..VerificationOptions::default()
    };
    config.policy.refresh_early = Duration::from_secs(3);
    config.verification = options.build(&config.base_url, &config.project_id).unwrap();
    open(config, Entropy::new([7; 32]))
}

pub(crate) fn by_keys() -> Arc<Engine> {
    deployment(VerificationMode::Keys)
}

pub(crate) fn ask(
    engine: &Arc<Engine>,
    token: &str,
    seconds: u64,
    answers: Vec<Delivery>,
) -> String {
    let (said, calls) = with_bearer(engine, token, at(seconds), answers);
    format!("{said}, {calls} calls")
}

/// Asks one time after another: with which token, at which second, what comes back, and what is said.
pub(crate) fn course<'t>(
    engine: &Arc<Engine>,
    steps: impl IntoIterator<Item = (&'t str, u64, Vec<Delivery>, &'t str)>,
) {
    for (at, (token, seconds, answers, expect)) in steps.into_iter().enumerate() {
        let said = ask(engine, token, seconds, answers);
        assert_eq!(said, expect, "step {at}, second {seconds}");
    }
}

/// A deployment that fetched this key, and the token of a day that it did so for.
fn known(key: &Signer) -> (Arc<Engine>, String) {
    let (engine, token) = (by_keys(), key.token("usr_1", DAY));
    let fetched = ask(&engine, &token, 0, vec![published(&[key])]);
    assert_eq!(fetched, "user usr_1, 1 calls");
    (engine, token)
}

#[test]
fn keys_are_fetched_once_and_then_nobody_is_asked() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let ran = authenticate(
        &engine,
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
            ask(&engine, &key.token(user, DAY), seconds, vec![]),
            format!("user {user}, 0 calls")
        );
    }
}

#[test]
fn threat_001_only_a_checked_signature_makes_an_identity() {
    let (key, other) = (Signer::new("k1"), Signer::new("k1"));
    let (engine, _) = known(&key);
    let forged = other.token("usr_1", DAY);
    course(
        &engine,
        [
            (
                &*forged,
                0,
                vec![],
                "rejected token_signature_invalid, 0 calls",
            ),
            ("opaque", 0, vec![], "rejected token_malformed, 0 calls"),
        ],
    );
}

#[test]
fn a_token_is_good_until_its_end_and_the_leeway() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let token = &*key.token("usr_1", 100);
    let keys = || vec![published(&[&key])];
    course(
        &engine,
        [
            (token, 0, keys(), "user usr_1, 1 calls"),
            (token, 99, vec![], "user usr_1, 0 calls"),
            (token, 129, vec![], "user usr_1, 0 calls"),
            (token, 130, vec![], "rejected session_expired, 0 calls"),
            (token, 200, vec![], "rejected session_expired, 0 calls"),
        ],
    );
    let late = [(token, 130, keys(), "rejected session_expired, 1 calls")];
    course(&by_keys(), late);
}

#[test]
fn a_rotation_costs_no_request() {
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let (engine, _) = known(&old);
    let (second, third) = (new.token("usr_2", DAY), old.token("usr_3", DAY));
    let both = vec![published(&[&new, &old])];
    course(
        &engine,
        [
            (&*second, 31, both, "user usr_2, 1 calls"),
            (&*third, 32, vec![], "user usr_3, 0 calls"),
        ],
    );
}

#[test]
fn a_key_that_was_taken_back_stops_counting_within_the_fresh_times() {
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let (engine, token) = known(&old);
    let (token, other) = (&*token, || vec![published(&[&new])]);
    course(
        &engine,
        [
            // The set has grown old: this request is served, and the next look finds the new one.
            (token, 600, other(), "user usr_1, 1 calls"),
            (token, 629, vec![], "user usr_1, 0 calls"),
            (token, 631, other(), "rejected token_key_unknown, 1 calls"),
        ],
    );
}

#[test]
fn threat_082_unknown_key_ids_cause_one_fetch_in_a_pause() {
    let key = Signer::new("k1");
    let (engine, good) = known(&key);
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
            let said = with_bearer(&engine, &signer.token("usr_x", DAY), at(second), answers).0;
            assert_eq!(said, "rejected token_key_unknown");
        }
        assert_eq!(
            with_bearer(&engine, &good, at(second), []).0,
            "user usr_1",
            "nobody is kept out by it"
        );
    }
    assert_eq!(fetches, 2);
}

#[test]
fn an_unknown_key_is_not_refused_where_there_may_be_others() {
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let (engine, known) = known(&old);
    let (token, brought) = (&*new.token("usr_2", DAY), vec![published(&[&new])]);
    let unavailable = |calls| format!("unavailable keys_unavailable, {calls} calls");
    course(
        &engine,
        [
            (token, 31, vec![status(500)], &*unavailable(1)),
            (token, 40, vec![], &unavailable(0)),
            (&known, 41, vec![], "user usr_1, 0 calls"),
            (token, 61, brought, "user usr_2, 1 calls"),
        ],
    );
}

#[test]
fn without_keys_nobody_is_refused() {
    let key = Signer::new("k1");
    let token = &*key.token("usr_1", DAY);
    let away = || lost(TransportError::Connect);
    let back = vec![away(), published(&[&key])];
    let unavailable = |calls| format!("unavailable keys_unavailable, {calls} calls");
    course(
        &by_keys(),
        [
            (token, 0, vec![away(), away()], &*unavailable(2)),
            (token, 1, vec![], &unavailable(0)),
            (token, 30, back, "user usr_1, 2 calls"),
        ],
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
        let (engine, token) = known(&key);
        let other = key.token(&format!("usr_{at}"), DAY);
        let expect = format!("user usr_{at}, 0 calls");
        course(
            &engine,
            [
                (&*token, 600, vec![answer], "user usr_1, 1 calls"),
                // A user who is not cached, while no fetch may be retried: the good set is still there.
                (&other, 610, vec![], &expect),
                (&token, 640, vec![published(&[&key])], "user usr_1, 1 calls"),
            ],
        );
    }
}

#[test]
fn the_last_good_set_serves_an_hour_of_absence() {
    let key = Signer::new("k1");
    let (engine, token) = known(&key);
    let mut fetches = 0;
    for second in (600..4230).step_by(10) {
        let (said, calls) = {
            let due = second >= 600 && (second - 600) % 30 == 0;
            with_bearer(&engine, &token, at(second), due.then(|| status(503)))
        };
        assert_eq!(said, "user usr_1", "{second}");
        fetches += calls;
    }
    assert_eq!(fetches, 121, "one in a pause");
    // Cached a moment ago and the key set unreachable: the stale time, then it cannot be said.
    assert_eq!(
        ask(
            &engine,
            &key.token("usr_2", DAY),
            4230,
            vec![status(503), status(503)]
        ),
        "unavailable keys_unavailable, 2 calls"
    );
    assert_eq!(
        ask(&engine, &token, 4300, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
}

#[test]
fn entries_that_are_no_keys_are_counted_and_keep_nobody_out() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let set = json!({ "keys": [null, 1, key.jwk(), "x", [], { "kty": "FUTURE" }] });
    let flow = fetching(&engine);
    let fetched = run(flow, at(0), [answer(200, &set)]).output;
    assert_eq!(fetched, Fetched::UpdatedInPart(4));
    let good = ask(&engine, &key.token("usr_1", DAY), 1, vec![]);
    assert_eq!(good, "user usr_1, 0 calls");
}

#[test]
fn threat_083_a_fetch_that_was_lost_is_made_again_after_the_pause() {
    let engine = by_keys();
    let mut lost = fetching(&engine);
    assert!(matches!(lost.step(Event::Start, at(0)), Step::Send(_)));
    drop(lost);
    let again =
        |seconds, answers: Vec<Delivery>| run(fetching(&engine), at(seconds), answers).output;
    assert_eq!(again(29, vec![]), Fetched::NotDue);
    assert_eq!(
        again(30, vec![published(&[&Signer::new("k1")])]),
        Fetched::Updated
    );
    assert_eq!(engine.keys_age(at(40)), Some(Duration::from_secs(10)));
}

#[test]
fn a_sign_out_counts_before_the_signature() {
    let key = Signer::new("k1");
    let (engine, text) = known(&key);
    let flow = Logout::new(
        Arc::clone(&engine),
        token(&text),
        Effort::Once,
        at(1),
        Jitter(1),
    );
    let _ = run(flow, at(1), [status(500)]);
    for seconds in [1, 100, 10_000] {
        assert_eq!(
            ask(&engine, &text, seconds, vec![]),
            "rejected signed_out, 0 calls"
        );
    }
}

#[test]
fn threat_031_a_signature_proves_a_sign_out_while_the_cloud_is_away() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    assert!(engine.publish_revocations(|| {}));
    let known = key.token("usr_2", DAY);
    ask(&engine, &known, 0, vec![published(&[&key])]);
    let out = |text: &str| {
        let (engine, token) = (Arc::clone(&engine), token(text));
        let flow = Logout::new(engine, token, Effort::Once, at(1), Jitter(1));
        let _ = run(flow, at(1), [status(500)]);
    };
    // Never seen here: published all the same, unless its signature is wrong.
    out(&key.token("usr_1", DAY));
    assert!(!engine.take_revocations(9).is_empty());
    out(&Signer::new("k1").token("usr_1", DAY));
    assert_eq!(engine.take_revocations(9), []);
    assert_eq!(ask(&engine, &known, 2, vec![]), "user usr_2, 0 calls");
}

#[test]
fn threat_020_with_sessions_the_cloud_is_asked_whether_they_live() {
    let (key, engine) = (
        Signer::new("k1"),
        deployment(VerificationMode::KeysAndSession),
    );
    let text = key.token("usr_1", DAY);
    let alive = |user| data(&json!({ "session": session("ses_1", user, 9999) }));
    let ran = authenticate(
        &engine,
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
    assert_eq!(ask(&engine, &text, 56, vec![]), "user usr_1, 0 calls");
    assert_eq!(
        ask(&engine, &text, 57, vec![alive("usr_1")]),
        "user usr_1, 1 calls",
        "ahead of the end"
    );
    assert_eq!(ask(&engine, &text, 61, vec![]), "user usr_1, 0 calls");
    assert_eq!(
        ask(&engine, &text, 120, vec![status(503), status(503)]),
        "user usr_1, 2 calls",
        "it was good a moment ago"
    );
    assert_eq!(
        ask(&engine, &text, 121, vec![status(401)]),
        "rejected request_failed, 1 calls"
    );
    let other = key.token("usr_2", DAY);
    assert_eq!(
        ask(&engine, &other, 121, vec![alive("usr_1")]),
        "unavailable invalid_response, 1 calls",
        "another's session"
    );
    let forged = Signer::new("k1").token("usr_3", DAY);
    assert_eq!(
        ask(&engine, &forged, 121, vec![]),
        "rejected token_signature_invalid, 0 calls",
        "junk costs no call"
    );
}
