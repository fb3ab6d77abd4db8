//! When the Cloud is left alone, and who cannot bring that about.

use std::sync::Arc;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::BreakerState;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::time::Now;
use serde_json::json;

use crate::world::{
    Step, Stepped, answer, at, data, jwt, looking_up, lost, refreshing, run, said, session,
    sign_in, status, token, v1, validating, verified, verifying, with_bearer,
};

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
        let engine = v1();
        for attempt in 0..20 {
            with_bearer(&engine, &format!("junk{attempt}"), at(0), [odd()]);
        }
        let good = with_bearer(&engine, "good", at(0), [verified("usr_1", &[])]);
        assert_eq!(good, ("user usr_1".to_owned(), 1), "case {n}");
    }
    // Each is made again once, for the request that still waits.
    let engine = v1();
    for attempt in 0..20 {
        let twice = [(); 2].map(|()| lost(TransportError::Cancelled));
        let told = with_bearer(&engine, &format!("junk{attempt}"), at(0), twice);
        assert_eq!(told, ("unavailable timeout".to_owned(), 2));
    }
    let good = with_bearer(&engine, "good", at(0), [verified("usr_1", &[])]);
    assert_eq!(good, ("user usr_1".to_owned(), 1));
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
        let engine = v1();
        for attempt in 0..5 {
            let asked = with_bearer(&engine, &format!("t{attempt}"), at(0), [failing()]);
            assert_eq!(asked.1, 1);
        }
        let next = with_bearer(&engine, "good", at(0), []);
        assert_eq!(next, ("unavailable circuit_open".to_owned(), 0));
        let trial = with_bearer(&engine, "good", at(5), [verified("usr_1", &[])]);
        assert_eq!(trial, ("user usr_1".to_owned(), 1));
    }
}

#[test]
fn a_refusal_between_failures_is_an_answer_and_what_says_nothing_is_none() {
    let good = || vec![verified("usr_1", &[])];
    for (between, answers, expect) in [
        (status(401), good(), ("user usr_1", 1)),
        (page(200), vec![], ("unavailable circuit_open", 0)),
    ] {
        let engine = v1();
        let ask = |text: &str, answers| with_bearer(&engine, text, at(0), answers);
        for text in ["t0", "t1", "t2", "t3"] {
            ask(text, vec![status(500)]);
        }
        ask("between", vec![between]);
        ask("t4", vec![status(500)]);
        assert_eq!(ask("good", answers), (expect.0.to_owned(), expect.1));
    }
}

#[test]
fn a_trial_that_was_dropped_is_handed_to_the_next() {
    let engine = v1();
    for attempt in 0..5 {
        with_bearer(&engine, &format!("t{attempt}"), at(0), [status(500)]);
    }
    for _ in 0..10 {
        let mut flow = verifying(&engine, &token("junk"));
        assert!(
            matches!(flow.step(Event::Start, at(6)), Step::Send(_)),
            "it has the trial"
        );
        let waits = with_bearer(&engine, "good", at(6), []);
        assert_eq!(
            waits,
            ("unavailable circuit_open".to_owned(), 0),
            "which is the only one"
        );
        // The client disconnects.
        drop(flow);
    }
    let good = with_bearer(&engine, "good", at(6), [verified("usr_1", &[])]);
    assert_eq!(good, ("user usr_1".to_owned(), 1));
}

/// One call of each kind for this token, and what it is told.
fn asked(engine: &Arc<Engine>, text: &str, seconds: u64, failing: &str) -> [String; 3] {
    let now = at(seconds);
    let failing = failing.to_owned();
    let answering = |path: &str| {
        if path.ends_with(&failing) {
            status(500)
        } else if path.ends_with("verify") {
            verified(text, &[])
        } else if path.ends_with("validate") {
            data(&json!({ "session": session("ses_1", text, 3600) }))
        } else {
            data(&json!({ "permissions": ["agents:read"] }))
        }
    };
    let told = |error: &CloudApiError| error.code().to_owned();
    let who = answered(verifying(engine, &token(text)), now, answering);
    let session = answered(validating(engine, token(text)), now, answering);
    let identity = sign_in(&v1(), text, text).identity;
    let grants = answered(looking_up(engine, identity.user()), now, answering);
    [
        said(&who),
        session.map_or_else(|error| told(&error), |_| "alive".to_owned()),
        grants.map_or_else(|error| told(&error), |_| "granted".to_owned()),
    ]
}

fn answered<T>(mut flow: Stepped<T>, now: Now, answer: impl Fn(&str) -> Delivery) -> T {
    let mut event = Event::Start;
    loop {
        event = match flow.step(event, now) {
            Step::Send(request) => Event::Delivered(answer(request.url())),
            Step::Wait(_) => Event::Woken,
            Step::Done(output) => return output,
        }
    }
}

#[test]
fn an_endpoint_that_is_down_costs_what_it_is_for() {
    for (at, failing) in ["/verify", "/validate", "/permissions"]
        .into_iter()
        .enumerate()
    {
        let engine = v1();
        for n in 0..10 {
            asked(&engine, &format!("t{n}"), 0, failing);
        }
        let told = asked(&engine, "good", 0, failing);
        let mut expect = ["user good", "alive", "granted"];
        expect[at] = ["unavailable circuit_open", "circuit_open", "circuit_open"][at];
        assert_eq!(told, expect);
        assert_eq!(
            engine.breaker_state(crate::world::at(0)),
            BreakerState::Open
        );
        let back = asked(&engine, "good", 5, "nothing");
        assert_eq!(back, ["user good", "alive", "granted"]);
        assert_eq!(
            engine.breaker_state(crate::world::at(5)),
            BreakerState::Closed
        );
    }
}

#[test]
fn one_account_that_fails_costs_itself_only() {
    for failing in ["/verify", "/validate", "/permissions"] {
        let engine = v1();
        let mut turned_away = 0;
        for second in 0..60 {
            // Ten requests a second of the one, and one of a new user.
            for _ in 0..10 {
                let told = asked(&engine, "odd", second, failing).concat();
                turned_away += usize::from(told.contains("circuit_open"));
            }
            let other = asked(&engine, &format!("t{second}"), second, "nothing");
            assert_eq!(other, [&format!("user t{second}"), "alive", "granted"]);
        }
        assert!(turned_away > 500, "the one is slowed: {turned_away} of 600");
    }
}

#[test]
fn a_cloud_that_is_away_is_left_alone_also_where_one_user_is_there() {
    let engine = v1();
    let mut waited = 0;
    for second in 0..60 {
        let late = vec![lost(TransportError::Timeout)];
        let flow = verifying(&engine, &token("only"));
        let answers = if second < 5 || second % 5 == 4 {
            late
        } else {
            vec![]
        };
        waited += answers.len();
        let told = run(flow, at(second), answers).output;
        assert!(matches!(told, Authentication::Unavailable(_)));
    }
    assert_eq!(waited, 16, "one in a pause");
    assert_eq!(engine.breaker_state(at(60)), BreakerState::Open);
    let back = with_bearer(&engine, "only", at(64), [verified("usr_1", &[])]);
    assert_eq!(back, ("user usr_1".to_owned(), 1));
    assert_eq!(engine.breaker_state(at(64)), BreakerState::Closed);
}

#[test]
fn a_newer_token_that_cannot_be_verified_is_its_sessions_failure() {
    let engine = v1();
    let old = crate::renew::short("odd", 0, 60);
    for second in 61..100 {
        let newer = crate::renew::short("odd", second, second + 60);
        let answering = |path: &str| {
            if path.ends_with("verify") {
                status(500)
            } else {
                crate::renew::handed_out("odd", &newer)
            }
        };
        let now = at(second.unsigned_abs());
        let flow = refreshing(&engine, token(&old));
        assert!(matches!(
            answered(flow, now, answering),
            Renewal::Unavailable(_)
        ));
        if second == 66 {
            let good = with_bearer(&engine, "good", now, [verified("usr_1", &[])]);
            assert_eq!(good, ("user usr_1".to_owned(), 1));
        }
    }
}

#[test]
fn a_sign_out_is_told_to_a_cloud_that_is_left_alone_and_denies_all_the_same() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let engine = crate::world::engine(dialect);
        let own = jwt(&json!({ "sid": "ses_9" }));
        for attempt in 0..5 {
            with_bearer(&engine, &format!("t{attempt}"), at(0), [status(500)]);
        }
        let waits = with_bearer(&engine, "good", at(0), []);
        assert_eq!(waits, ("unavailable circuit_open".to_owned(), 0));
        let end = |answer: Delivery| {
            let flow = Logout::new(
                Arc::clone(&engine),
                token(&own),
                Effort::Once,
                at(0),
                Jitter(1),
            );
            run(flow, at(0), [answer]).output
        };
        assert!(matches!(end(status(500)), SignOut::NotConfirmed(_)));
        let denied = with_bearer(&engine, &own, at(0), []);
        assert_eq!(denied, ("rejected signed_out".to_owned(), 0));
        assert_eq!(end(answer(200, &json!({ "ok": true }))), SignOut::Ended);
    }
}

#[test]
fn a_session_that_was_just_refused_is_not_asked_about_to_be_ended() {
    let engine = v1();
    let end = |text: &str, answers: Vec<Delivery>| {
        let flow = Logout::new(
            Arc::clone(&engine),
            token(text),
            Effort::Full,
            at(1),
            Jitter(1),
        );
        run(flow, at(1), answers).output
    };
    for text in ["junk", "other"] {
        with_bearer(&engine, text, at(0), [status(401)]);
    }
    // That may have been for its end, and the session may stand.
    assert_eq!(end("junk", vec![status(401)]), SignOut::AlreadyGone);
    let flow = validating(&engine, token("other"));
    assert!(run(flow, at(0), [status(401)]).output.unwrap().is_none());
    assert_eq!(end("other", vec![]), SignOut::AlreadyGone);
}
