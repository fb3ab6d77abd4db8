//! Checks that a driver takes to another thread: what comes back counts for one token, one deployment, one key set and one moment.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{
    Authenticate, CheckedSignature, Credentials, Next, Turn,
};
use mastra_auth_cloud_core::flow::keys::FetchKeys;
use mastra_auth_cloud_core::flow::logout::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Jitter, Outcome, Source};
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::verification::{Mode, VerificationOptions};
use serde_json::json;

use crate::keys::{ask, by_keys};
use crate::world::signer::{Signer, published};
use crate::world::{at, config, run, said, status, token};

const DAY: i64 = 86_400;

/// A deployment that has these keys.
fn knowing(keys: &[&Signer]) -> Arc<Engine> {
    let engine = by_keys();
    fetch(&engine, keys, 0);
    engine
}

fn fetch(engine: &Arc<Engine>, keys: &[&Signer], second: u64) {
    let flow = FetchKeys::new(Arc::clone(engine), Jitter(1));
    run(flow, at(second), [published(keys)]);
}

fn search(engine: &Arc<Engine>, text: &str) -> Authenticate<'static> {
    Authenticate::new(engine, Credentials::token(text)).into_owned()
}

/// A look whose check is under way, and what will come of it.
fn handed_out(engine: &Arc<Engine>, text: &str) -> (Authenticate<'static>, CheckedSignature) {
    let mut search = search(engine, text);
    match search.turn(None, at(1), Jitter(1)) {
        Turn::Check(check) => (search, check.run()),
        Turn::Next(next) => panic!("{next:?}"),
    }
}

fn told(turn: Turn) -> String {
    match turn {
        Turn::Next(Next::Done(answer)) => said(&answer),
        Turn::Next(next) => panic!("{next:?}"),
        Turn::Check(_) => "to be checked".to_owned(),
    }
}

fn from_keys(engine: &Arc<Engine>) -> u64 {
    let is_it = |(outcome, source, _): &(_, _, u64)| {
        (*outcome, *source) == (Outcome::Authenticated, Source::Keys)
    };
    let mut rows = engine.counters().requests().filter(is_it);
    rows.next().unwrap().2
}

#[test]
fn threat_087_what_takes_long_is_handed_out_and_nothing_else() {
    let (quick, long) = (Signer::new("quick"), Signer::p256("long"));
    let engine = knowing(&[&quick, &long]);
    let mut at_once = search(&engine, &quick.token("usr_1", DAY));
    assert_eq!(told(at_once.turn(None, at(1), Jitter(1))), "user usr_1");
    let (mut handed, checked) = handed_out(&engine, &long.token("usr_2", DAY));
    let answer = told(handed.checked(checked, at(1), Jitter(1)));
    assert_eq!(
        (answer.as_str(), handed.source()),
        ("user usr_2", Source::Keys)
    );
    assert_eq!(from_keys(&engine), 2);
    // What names a key of ours without being a token of ours takes no thread either.
    for text in [
        "opaque",
        "e30.e30.c2ln",
        &Signer::p256("unknown").token("usr_1", DAY),
    ] {
        let answer = told(search(&engine, text).turn(None, at(1), Jitter(1)));
        assert!(answer.starts_with("rejected token_"), "{answer}");
    }
}

#[test]
fn whoever_has_no_thread_to_spare_is_handed_nothing() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let answer = ask(&engine, &long.token("usr_1", DAY), 1, vec![]);
    assert_eq!(answer, "user usr_1, 0 calls");
}

#[test]
fn what_is_handed_out_is_refused_as_anywhere() {
    let (long, other) = (Signer::p256("long"), Signer::p256("long"));
    let engine = knowing(&[&long]);
    for (text, code) in [
        (other.token("usr_1", DAY), "token_signature_invalid"),
        (long.token("usr_1", -60), "session_expired"),
    ] {
        let (mut search, checked) = handed_out(&engine, &text);
        let answer = told(search.checked(checked, at(1), Jitter(1)));
        assert_eq!(answer, format!("rejected {code}"));
    }
}

#[test]
fn threat_031_a_sign_out_during_a_check_wins() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let text = long.token("usr_1", DAY);
    let (mut search, checked) = handed_out(&engine, &text);
    let here = Arc::clone(&engine);
    let flow = Logout::new(here, token(&text), Effort::Once, at(1), Jitter(1));
    run(flow, at(1), [status(401)]);
    let answer = told(search.checked(checked, at(1), Jitter(1)));
    assert_eq!(answer, "rejected signed_out");
}

#[test]
fn threat_031_the_end_of_a_user_during_a_check_wins() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (mut search, checked) = handed_out(&engine, &long.token("usr_1", DAY));
    engine.end_user(&UserId::parse("usr_1").unwrap(), at(1));
    let answer = told(search.checked(checked, at(1), Jitter(1)));
    assert_eq!(answer, "rejected signed_out");
}

#[test]
fn threat_079_a_check_counts_for_its_own_token_only() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (_, of_ada) = handed_out(&engine, &long.token("usr_ada", DAY));
    let (mut bob, of_bob) = handed_out(&engine, &long.token("usr_bob", DAY));
    assert_eq!(told(bob.checked(of_ada, at(1), Jitter(1))), "to be checked");
    assert_eq!(told(bob.checked(of_bob, at(1), Jitter(1))), "user usr_bob");
}

#[test]
fn threat_078_a_check_counts_for_its_own_deployment_only() {
    let long = Signer::p256("long");
    let mut config = config(Dialect::V1);
    let options = VerificationOptions {
        mode: Mode::Keys,
        key_set: Some(json!({ "keys": [long.jwk()] }).to_string()),
        ..VerificationOptions::default()
    };
    config.verification = options.build(&config.base_url, &config.project_id).unwrap();
    // The very same keys, and yet what the one found out is not the other's.
    let [here, there] = [1, 2].map(|seed| Engine::new(config.clone(), Entropy::new([seed; 32])));
    let text = long.token("usr_1", DAY);
    let (_, checked_there) = handed_out(&there, &text);
    let (mut search, _) = handed_out(&here, &text);
    let answer = told(search.checked(checked_there, at(1), Jitter(1)));
    assert_eq!(answer, "to be checked");
}

#[test]
fn a_check_by_keys_that_were_replaced_counts_for_nothing() {
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    let engine = knowing(&[&old]);
    let (mut search, checked) = handed_out(&engine, &old.token("usr_1", DAY));
    fetch(&engine, &[&new], 700);
    let answer = told(search.checked(checked, at(701), Jitter(1)));
    assert_eq!(answer, "rejected token_key_unknown");
}

#[test]
fn an_end_that_comes_during_a_check_is_seen() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (mut search, checked) = handed_out(&engine, &long.token("usr_1", 60));
    // Thirty seconds of leeway beyond the end.
    let answer = told(search.checked(checked, at(91), Jitter(1)));
    assert_eq!(answer, "rejected session_expired");
}

#[test]
fn a_check_that_was_lost_is_made_where_nothing_is_left_to_wait_for() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (mut search, _) = handed_out(&engine, &long.token("usr_1", DAY));
    let Next::Done(answer) = search.next(None, at(1), Jitter(1)) else {
        panic!("nobody is to be asked");
    };
    assert_eq!(said(&answer), "user usr_1");
}

#[test]
fn one_check_serves_all_who_bring_the_same_token() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let text = long.token("usr_1", DAY);
    let (mut first, checked) = handed_out(&engine, &text);
    let (mut second, _) = handed_out(&engine, &text);
    assert_eq!(
        told(first.checked(checked.clone(), at(1), Jitter(1))),
        "user usr_1"
    );
    assert_eq!(
        told(second.checked(checked, at(1), Jitter(1))),
        "user usr_1"
    );
    assert_eq!(
        (first.source(), second.source()),
        (Source::Keys, Source::Cache)
    );
    assert_eq!(engine.remembered(), (1, 0));
}

#[test]
fn a_search_keeps_what_is_left_of_it_without_the_headers() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (bearer, cookie) = (
        format!("Bearer {}", Signer::p256("long").token("usr_1", DAY)),
        format!("__Host-mastra_session={}", long.token("usr_2", DAY)),
    );
    let credentials = Credentials::read(&engine, Some(&bearer), Some(&cookie)).unwrap();
    let mut search = Authenticate::new(&engine, credentials);
    let Turn::Check(forged) = search.turn(None, at(1), Jitter(1)) else {
        panic!("the bearer is to be checked");
    };
    let mut search = search.into_owned();
    drop((bearer, cookie));
    let Turn::Check(good) = search.checked(forged.run(), at(1), Jitter(1)) else {
        panic!("the cookie is to be checked");
    };
    assert_eq!(
        told(search.checked(good.run(), at(1), Jitter(1))),
        "user usr_2"
    );
}
