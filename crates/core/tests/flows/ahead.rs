//! An identity in use is refreshed in the background before its fresh time ends; no request waits for it.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::config::Policy;
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{self, RawCredentials};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::{Authentication, Event, Jitter, Step as CoreStep, Work};

use crate::world::{Step, Stepped, at, config, run, said, status, verified, with_bearer};

fn deployment() -> Arc<Engine> {
    let mut config = config(Dialect::V1);
    config.policy = Policy::default();
    Engine::new(config, Entropy::new([7; 32]))
}

/// What a look says, and what it leaves to be done.
fn look(engine: &Arc<Engine>, seconds: u64) -> (String, Option<Stepped<Authentication>>) {
    let request = Authenticate::new(engine, Credentials::token("t").into_owned());
    let mut step = request.into_task(Jitter(1)).step(Event::Start, at(seconds));
    let mut left = None;
    if let CoreStep::Spawn(Work::Verify(verify), rest) = step {
        left = Some(verify.into());
        step = rest.step(Event::Start, at(seconds));
    }
    match step {
        CoreStep::Done(verdict) => (said(&verdict.answer), left),
        other => panic!("{other:?}"),
    }
}

fn known() -> Arc<Engine> {
    let engine = deployment();
    let first = with_bearer(&engine, "t", at(0), [verified("usr_1", &["member"])]);
    assert_eq!(first, ("user usr_1".to_owned(), 1));
    engine
}

#[test]
fn one_request_is_given_the_task_and_nobody_waits_for_it() {
    let engine = known();
    assert!(look(&engine, 26).1.is_none());
    let raw = RawCredentials {
        authorization: Some("Bearer t"),
        ..RawCredentials::default()
    };
    let is_fast = |second| fast_path::known(&engine, &raw, at(second)).is_ok();
    assert_eq!([26, 27].map(is_fast), [true, false]);
    let (told, task) = look(&engine, 27);
    assert_eq!(told, "user usr_1");
    assert!(look(&engine, 28).1.is_none(), "it is given once");
    let Some(mut flow) = task else {
        panic!("a task to ask");
    };
    assert!(matches!(flow.step(Event::Start, at(28)), Step::Send(_)));
    let step = flow.step(Event::Delivered(verified("usr_1", &["owner"])), at(29));
    assert!(matches!(step, Step::Done(Authentication::Authenticated(_))));
    assert_eq!(
        look(&engine, 55).0,
        "user usr_1",
        "no request had to ask at 30"
    );
}

#[test]
fn what_is_found_out_ahead_counts() {
    let engine = known();
    let Some(flow) = look(&engine, 27).1 else {
        panic!("a task to ask");
    };
    let ran = run(flow, at(27), [status(401)]);
    assert_eq!(said(&ran.output), "rejected request_failed");
    assert_eq!(look(&engine, 28).0, "rejected request_failed");
}

#[test]
fn what_cannot_be_found_out_ahead_changes_nothing() {
    let engine = known();
    let Some(flow) = look(&engine, 27).1 else {
        panic!("a task to ask");
    };
    let ran = run(flow, at(27), [status(503)]);
    assert_eq!(
        (said(&ran.output).as_str(), ran.sent.len()),
        ("user usr_1", 1),
        "made once"
    );
    let (told, task) = look(&engine, 29);
    assert_eq!((told.as_str(), task.is_none()), ("user usr_1", true));
    assert_eq!(
        with_bearer(&engine, "t", at(30), [status(503), status(503)]).0,
        "user usr_1"
    );
    assert_eq!(Policy::default().refresh_early, Duration::from_secs(3));
}
