//! When the Cloud is left alone, and who cannot bring that about.

use std::sync::Arc;

use mastra_auth_cloud_core::flow::identify::Identify;
use mastra_auth_cloud_core::flow::logout::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::session::LiveSession;
use mastra_auth_cloud_core::flow::{Event, Flow as _, Jitter, Step};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use serde_json::json;

use crate::world::{answer, at, data, jwt, lost, run, status, token, v1, verified, with_bearer};

#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
fn page(status: u16) -> Delivery {
    Ok(Response::new(status, b"<html>no</html>".to_vec()))
}

#[test]
fn what_says_nothing_of_the_clouds_health_never_opens_it() {
    let odd: [fn() -> Delivery; 8] = [
        || page(403),
        || page(200),
        || page(404),
        || status(401),
        || answer(200, &json!({ "ok": true })),
        || answer(200, &json!({ "ok": true, "data": { "user": { "id": 7 } } })),
        || answer(200, &json!({ "ok": false })),
        || lost(TransportError::TooLarge),
    ];
    for (n, odd) in odd.into_iter().enumerate() {
        let authority = v1();
        for attempt in 0..20 {
            with_bearer(&authority, &format!("junk{attempt}"), at(0), [odd()]);
        }
        let good = with_bearer(&authority, "good", at(0), [verified("usr_1", &[])]);
        assert_eq!(good, ("user usr_1".to_owned(), 1), "case {n}");
    }
}

#[test]
fn what_does_opens_it_after_five() {
    let failing: [fn() -> Delivery; 4] = [
        || page(500),
        || status(501),
        || status(429),
        || lost(TransportError::Timeout),
    ];
    for failing in failing {
        let authority = v1();
        for attempt in 0..5 {
            let asked = with_bearer(&authority, &format!("t{attempt}"), at(0), [failing()]);
            assert_eq!(asked.1, 1);
        }
        let next = with_bearer(&authority, "good", at(0), []);
        assert_eq!(next, ("unavailable circuit_open".to_owned(), 0));
        let trial = with_bearer(&authority, "good", at(5), [verified("usr_1", &[])]);
        assert_eq!(trial, ("user usr_1".to_owned(), 1));
    }
}

#[test]
fn a_trial_that_was_dropped_is_handed_to_the_next() {
    let authority = v1();
    for attempt in 0..5 {
        with_bearer(&authority, &format!("t{attempt}"), at(0), [status(500)]);
    }
    for _ in 0..10 {
        let mut flow = Identify::new(Arc::clone(&authority), token("junk"), Jitter(1));
        assert!(
            matches!(flow.step(Event::Start, at(6)), Step::Send(_)),
            "it has the trial"
        );
        let waits = with_bearer(&authority, "good", at(6), []);
        assert_eq!(
            waits,
            ("unavailable circuit_open".to_owned(), 0),
            "which is the only one"
        );
        // Whoever sent it hangs up.
        drop(flow);
    }
    let good = with_bearer(&authority, "good", at(6), [verified("usr_1", &[])]);
    assert_eq!(good, ("user usr_1".to_owned(), 1));
}

#[test]
fn a_sign_out_leaves_an_absent_cloud_alone_too_and_denies_all_the_same() {
    let authority = v1();
    let end = |text: &str, seconds, answers: Vec<Delivery>| {
        let flow = Logout::new(
            Arc::clone(&authority),
            token(text),
            Effort::Once,
            at(seconds),
            Jitter(1),
        );
        run(flow, at(seconds), answers).output
    };
    for attempt in 0..5 {
        let own = jwt(&json!({ "sid": format!("ses_{attempt}") }));
        assert!(matches!(
            end(&own, 0, vec![status(500)]),
            SignOut::NotConfirmed(_)
        ));
    }
    let own = jwt(&json!({ "sid": "ses_9" }));
    match end(&own, 0, vec![]) {
        SignOut::NotConfirmed(error) => assert_eq!(error.code(), "circuit_open"),
        other => panic!("{other:?}"),
    }
    let denied = with_bearer(&authority, &own, at(0), []);
    assert_eq!(denied, ("rejected signed_out".to_owned(), 0));
    // A confirmation says that the Cloud is back.
    assert_eq!(end(&own, 6, vec![data(&json!({}))]), SignOut::Ended);
    let good = with_bearer(&authority, "good", at(6), [verified("usr_1", &[])]);
    assert_eq!(good.0, "user usr_1");
}

#[test]
fn a_session_that_was_just_refused_is_not_asked_about_to_be_ended() {
    let authority = v1();
    let end = |text: &str, answers: Vec<Delivery>| {
        let flow = Logout::new(
            Arc::clone(&authority),
            token(text),
            Effort::Full,
            at(1),
            Jitter(1),
        );
        run(flow, at(1), answers).output
    };
    for text in ["junk", "other"] {
        with_bearer(&authority, text, at(0), [status(401)]);
    }
    // That may have been for its end, and the session may stand.
    assert_eq!(end("junk", vec![status(401)]), SignOut::AlreadyGone);
    let flow = LiveSession::new(Arc::clone(&authority), token("other"), Jitter(1));
    assert!(run(flow, at(0), [status(401)]).output.unwrap().is_none());
    assert_eq!(end("other", vec![]), SignOut::AlreadyGone);
}
