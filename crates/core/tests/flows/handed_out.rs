//! Checks that a driver takes to another thread: what comes back counts for one token, one deployment, one key set and one moment.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::{CheckedSignature, Engine, SignatureCheck};
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Verdict};
use mastra_auth_cloud_core::flow::refresh_session::refresh_session;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Finished, Jitter, Outcome, Source, Step, Task, Work};
use mastra_auth_cloud_core::http::TransportError;
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::json;

use crate::keys::{ask, by_keys};
use crate::renew::{self, alive, handed_out as handed_out_for};
use crate::world::signer::{Signer, published};
use crate::world::{
    at, config, fetching, host, lost, open, refreshing, run, said, status, token, verified,
};

const DAY: i64 = 86_400;

/// A deployment that has these keys.
fn knowing(keys: &[&Signer]) -> Arc<Engine> {
    let engine = by_keys();
    fetch(&engine, keys, 0);
    engine
}

fn fetch(engine: &Arc<Engine>, keys: &[&Signer], second: u64) {
    let flow = fetching(engine);
    run(flow, at(second), [published(keys)]);
}

type Search = Task<'static, Verdict>;

/// A request of a driver that has a thread to spare, until it hands something out or is answered.
fn search(engine: &Arc<Engine>, text: &str) -> Step<'static, Verdict> {
    let credentials = Credentials::token(text).into_owned();
    let request = Authenticate::new(engine, credentials).offloading();
    request.into_task(Jitter(1)).step(Event::Start, at(1))
}

/// A request whose check is under way, and what will come of it.
fn handed_out(engine: &Arc<Engine>, text: &str) -> (Search, CheckedSignature) {
    match search(engine, text) {
        Step::Check(check, rest) => (rest, check.run()),
        other => panic!("{other:?}"),
    }
}

fn told(step: Step<'_, Verdict>) -> String {
    match step {
        Step::Done(verdict) => said(&verdict.answer),
        Step::Check(..) => "to be checked".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// What a request is answered by the result of a check.
fn checked(search: Search, checked: CheckedSignature, second: u64) -> String {
    told(search.step(Event::Checked(checked), at(second)))
}

fn source(step: Step<'_, Verdict>) -> Source {
    match step {
        Step::Done(verdict) => verdict.source,
        other => panic!("{other:?}"),
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
    assert_eq!(
        told(search(&engine, &quick.token("usr_1", DAY))),
        "user usr_1"
    );
    let (handed, result) = handed_out(&engine, &long.token("usr_2", DAY));
    assert_eq!(checked(handed, result, 1), "user usr_2");
    assert_eq!(from_keys(&engine), 2);
    // What names a key of ours without being a token of ours takes no thread either.
    for text in [
        "opaque",
        "e30.e30.c2ln",
        &Signer::p256("unknown").token("usr_1", DAY),
    ] {
        let answer = told(search(&engine, text));
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
        let (search, result) = handed_out(&engine, &text);
        let answer = checked(search, result, 1);
        assert_eq!(answer, format!("rejected {code}"));
    }
}

#[test]
fn threat_031_a_sign_out_during_a_check_wins() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let text = long.token("usr_1", DAY);
    let (search, result) = handed_out(&engine, &text);
    let here = Arc::clone(&engine);
    let flow = Logout::new(here, token(&text), Effort::Once, at(1), Jitter(1));
    run(flow, at(1), [status(401)]);
    let answer = checked(search, result, 1);
    assert_eq!(answer, "rejected signed_out");
}

#[test]
fn threat_031_the_end_of_a_user_during_a_check_wins() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (search, result) = handed_out(&engine, &long.token("usr_1", DAY));
    engine.end_user(&UserId::parse("usr_1").unwrap(), at(1));
    let answer = checked(search, result, 1);
    assert_eq!(answer, "rejected signed_out");
}

#[test]
fn threat_079_a_check_counts_for_its_own_token_only() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (_, of_ada) = handed_out(&engine, &long.token("usr_ada", DAY));
    let (bob, of_bob) = handed_out(&engine, &long.token("usr_bob", DAY));
    let Step::Check(_, bob) = bob.step(Event::Checked(of_ada), at(1)) else {
        panic!("it is to be checked");
    };
    assert_eq!(checked(bob, of_bob, 1), "user usr_bob");
}

#[test]
fn threat_078_a_check_counts_for_its_own_deployment_only() {
    let long = Signer::p256("long");
    let mut config = config(Dialect::V1);
    let options = VerificationOptions {
        mode: VerificationMode::Keys,
        key_set: Some(json!({ "keys": [long.jwk()] }).to_string()),
        ..VerificationOptions::default()
    };
    config.verification = options.build(&config.base_url, &config.project_id).unwrap();
    // The very same keys, and yet what the one found out is not the other's.
    let [here, there] = [1, 2].map(|seed| open(config.clone(), Entropy::new([seed; 32])));
    let text = long.token("usr_1", DAY);
    let (_, result_there) = handed_out(&there, &text);
    let (search, _) = handed_out(&here, &text);
    let answer = checked(search, result_there, 1);
    assert_eq!(answer, "to be checked");
}

#[test]
fn a_check_by_keys_that_were_replaced_counts_for_nothing() {
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    let engine = knowing(&[&old]);
    let (search, result) = handed_out(&engine, &old.token("usr_1", DAY));
    fetch(&engine, &[&new], 700);
    let answer = checked(search, result, 701);
    assert_eq!(answer, "rejected token_key_unknown");
}

#[test]
fn an_end_that_comes_during_a_check_is_seen() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (search, result) = handed_out(&engine, &long.token("usr_1", 60));
    // Thirty seconds of leeway beyond the end.
    let answer = checked(search, result, 91);
    assert_eq!(answer, "rejected session_expired");
}

#[test]
fn a_check_that_was_lost_is_made_where_nothing_is_left_to_wait_for() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let (search, _) = handed_out(&engine, &long.token("usr_1", DAY));
    assert_eq!(told(search.step(Event::Lost, at(1))), "user usr_1");
}

#[test]
fn one_check_serves_all_who_bring_the_same_token() {
    let long = Signer::p256("long");
    let engine = knowing(&[&long]);
    let text = long.token("usr_1", DAY);
    let (first, result) = handed_out(&engine, &text);
    let (second, _) = handed_out(&engine, &text);
    let first = first.step(Event::Checked(result.clone()), at(1));
    assert_eq!(source(first), Source::Keys);
    let second = second.step(Event::Checked(result), at(1));
    assert_eq!(source(second), Source::Cache);
    assert_eq!(engine.cached(), (1, 0));
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
    let request = Authenticate::new(&engine, credentials).offloading();
    let search = request.into_owned().into_task(Jitter(1));
    drop((bearer, cookie));
    let Step::Check(forged, search) = search.step(Event::Start, at(1)) else {
        panic!("the bearer is to be checked");
    };
    let Step::Check(good, search) = search.step(Event::Checked(forged.run()), at(1)) else {
        panic!("the cookie is to be checked");
    };
    assert_eq!(checked(search, good.run(), 1), "user usr_2");
}

/// A deployment that has this key, and a host that checks the signature of each token.
fn at_host(mode: VerificationMode, key: &Signer) -> Arc<Engine> {
    let mut config = config(Dialect::V1);
    let every = (mode == VerificationMode::KeysAndSession).then_some(Duration::from_secs(60));
    let options = VerificationOptions {
        mode,
        key_set: Some(json!({ "keys": [key.jwk()] }).to_string()),
        session_every: every,
        ..VerificationOptions::default()
    };
    config.policy.refresh_early = Duration::from_secs(3);
    config.verification = options.build(&config.base_url, &config.project_id).unwrap();
    Engine::asking_host(config, Entropy::new([7; 32]))
}

fn by_host(check: SignatureCheck) -> CheckedSignature {
    let check = check.for_host().unwrap_or_else(|_| panic!("a check"));
    let verdict = host::verdict(check.signature());
    check.finish(verdict)
}

#[test]
fn threat_031_the_end_of_a_user_while_a_known_token_is_checked_by_the_host_wins() {
    let key = Signer::new("k1");
    let engine = at_host(VerificationMode::KeysAndSession, &key);
    let text = key.token("usr_1", DAY);
    let to_check = |seconds| {
        let request = Authenticate::new(&engine, Credentials::token(&text).into_owned());
        match request.into_task(Jitter(1)).step(Event::Start, at(seconds)) {
            Step::Check(check, rest) => (by_host(check), rest),
            other => panic!("{other:?}"),
        }
    };
    let (result, rest) = to_check(0);
    let Step::Share(Work::Verify(verify), rest) = rest.step(Event::Checked(result), at(0)) else {
        panic!("its session is asked about");
    };
    let known = run(verify, at(0), [alive("usr_1", 3600)]).output;
    let answered = rest.step(Event::Shared(Finished::Verified(known)), at(0));
    assert_eq!(told(answered), "user usr_1");
    for (seconds, is_ended) in [(58, false), (116, true)] {
        let (result, rest) = to_check(seconds);
        if is_ended {
            engine.end_user(&UserId::parse("usr_1").unwrap(), at(seconds));
        }
        let Step::Spawn(Work::Verify(verify), rest) =
            rest.step(Event::Checked(result), at(seconds))
        else {
            panic!("its session is asked about ahead");
        };
        let expect = if is_ended {
            "rejected signed_out"
        } else {
            "user usr_1"
        };
        assert_eq!(told(rest.step(Event::Start, at(seconds))), expect);
        let answers = (!is_ended).then(|| alive("usr_1", 3600));
        run(verify, at(seconds), answers);
    }
}

#[test]
fn threat_020_a_held_token_that_is_over_once_the_host_has_checked_it_lets_no_user_in() {
    for (seconds, is_over) in [(89, false), (90, true)] {
        let key = Signer::new("k1");
        let engine = at_host(VerificationMode::Keys, &key);
        let [old, new] = [20, 60].map(|end| key.token("usr_1", end));
        let answers = [handed_out_for("usr_1", &new), lost(TransportError::Timeout)];
        run(refreshing(&engine, token(&old)), at(10), answers);
        let task = refresh_session(&engine, token(&old), Jitter(1)).into_task();
        let Step::Send(_, task) = task.step(Event::Start, at(80)) else {
            panic!("the Cloud is asked");
        };
        let good = Event::Delivered(verified("usr_1", &[]));
        let Step::Check(check, task) = task.step(good, at(89)) else {
            panic!("the host is asked");
        };
        let Step::Done(renewal) = task.step(Event::Checked(by_host(check)), at(seconds)) else {
            panic!("an end");
        };
        let expect = if is_over {
            "unavailable timeout".to_owned()
        } else {
            format!("usr_1 has {new}")
        };
        assert_eq!(renew::said(&renewal), expect);
    }
}
