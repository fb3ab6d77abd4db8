//! Whether a session is alive.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::SessionId;
use mastra_auth_cloud_core::time::Now;
use serde_json::json;

use crate::keys::by_keys;
use crate::world::{
    at, data, lost, run, session, sign_in, status, token, v1, validating, verified, with_bearer,
};

/// What a look says, and how many calls it took.
fn look(engine: &Arc<Engine>, text: &str, now: Now, answers: Vec<Delivery>) -> (String, usize) {
    let flow = validating(engine, token(text));
    let ran = run(flow, now, answers);
    let said = match &ran.output {
        Ok(Some(session)) => session.id().to_string(),
        Ok(None) => "none".to_owned(),
        Err(error) => error.code().to_owned(),
    };
    (said, ran.sent.len())
}

fn alive() -> Delivery {
    data(&json!({ "session": session("ses_7", "usr_1", 60) }))
}

#[test]
fn the_cloud_says_whether_it_is_alive() {
    assert_eq!(
        look(&v1(), "t", at(0), vec![alive()]),
        ("ses_7".to_owned(), 1)
    );
    let gone = look(&by_keys(), "t", at(61), vec![alive()]);
    assert_eq!(gone, ("none".to_owned(), 1), "it is past its end");
}

#[test]
fn a_dead_token_is_asked_about_once() {
    let engine = v1();
    let none = |calls| ("none".to_owned(), calls);
    assert_eq!(look(&engine, "t", at(0), vec![status(401)]), none(1));
    assert_eq!(look(&engine, "t", at(1), vec![]), none(0));
    assert_eq!(with_bearer(&engine, "t", at(1), []).1, 0);
    assert_eq!(
        look(&engine, "t", at(6), vec![status(401)]),
        none(1),
        "a refusal is forgotten"
    );
}

#[test]
fn what_was_signed_out_here_is_over_whatever_the_cloud_says() {
    let engine = v1();
    sign_in(&engine, "usr_1", "t");
    let flow = Logout::new(
        Arc::clone(&engine),
        token("t"),
        Effort::Once,
        at(1),
        Jitter(1),
    );
    let _ = run(flow, at(1), [lost(TransportError::Connect)]);
    assert_eq!(look(&engine, "t", at(2), vec![]), ("none".to_owned(), 0));
}

#[test]
fn an_outage_is_an_error_and_opens_the_breaker() {
    let engine = v1();
    for call in 0..5 {
        let text = format!("t{call}");
        let said = look(&engine, &text, at(0), vec![lost(TransportError::Timeout)]);
        assert_eq!(said, ("timeout".to_owned(), 1));
    }
    let said = look(&engine, "t", at(0), vec![]);
    assert_eq!(said, ("circuit_open".to_owned(), 0));
}

#[test]
fn threat_078_the_session_of_another_user_is_not_told_and_ends_none() {
    let theirs = || data(&json!({ "session": session("ses_2", "usr_2", 60) }));
    let engine = v1();
    with_bearer(&engine, "t", at(0), [verified("usr_1", &[])]);
    let mixed_up = ("invalid_response".to_owned(), 1);
    assert_eq!(look(&engine, "t", at(1), vec![theirs()]), mixed_up);
    engine.end_session(&SessionId::parse("ses_2").unwrap(), at(2));
    assert_eq!(look(&engine, "t", at(3), vec![theirs()]), mixed_up);
    let told = with_bearer(&engine, "t", at(4), []);
    assert_eq!(told, ("user usr_1".to_owned(), 0));
}
