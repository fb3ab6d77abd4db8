//! How a session ends.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, Logouts, SignOut};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use serde_json::json;

use crate::world::{
    Ran, START, Step, Stepped, answer, at, data, exchanged, jwt, lost, pkce, refreshing, run,
    session, sign_in, sign_in_with, status, token, v1, verified, with_bearer,
};

const DESTROY: &str = "/api/v1/auth/session/destroy";
const VALIDATE: &str = "/api/v1/auth/session/validate";

fn logout(engine: &Arc<Engine>, text: &str, effort: Effort) -> Logout {
    Logout::new(Arc::clone(engine), token(text), effort, at(1), Jitter(1))
}

fn ended(text: &str, answers: Vec<Delivery>) -> Ran<SignOut> {
    run(logout(&v1(), text, Effort::Once), at(1), answers)
}

fn said(sign_out: &SignOut) -> String {
    match sign_out {
        SignOut::Ended => "ended".to_owned(),
        SignOut::AlreadyGone => "already gone".to_owned(),
        SignOut::NotConfirmed(error) => format!("not confirmed {}", error.code()),
    }
}

fn with_sid() -> String {
    jwt(&json!({ "sid": "ses_9", "sub": "usr_1" }))
}

#[test]
fn the_clouds_id_is_the_remembered_one() {
    let engine = v1();
    sign_in(&engine, "usr_1", "opaque");
    let ran = run(
        logout(&engine, "opaque", Effort::Full),
        at(1),
        [data(&json!({}))],
    );
    assert_eq!(
        (said(&ran.output).as_str(), ran.paths()),
        ("ended", vec![DESTROY])
    );
    assert_eq!(ran.sent[0].body, json!({ "sessionId": "ses_1" }));
    assert_eq!(ran.sent[0].bearer.as_deref(), Some("opaque"));
}

#[test]
fn else_the_tokens_own_else_that_of_one_validation() {
    let ran = ended(&with_sid(), vec![data(&json!(null))]);
    assert_eq!(
        (said(&ran.output).as_str(), ran.paths()),
        ("ended", vec![DESTROY])
    );
    assert_eq!(ran.sent[0].body, json!({ "sessionId": "ses_9" }));
    let found = data(&json!({ "session": session("ses_7", "usr_1", 60) }));
    let ran = ended("opaque", vec![found, data(&json!({}))]);
    assert_eq!(
        (said(&ran.output).as_str(), ran.paths()),
        ("ended", vec![VALIDATE, DESTROY])
    );
    assert_eq!(ran.sent[1].body, json!({ "sessionId": "ses_7" }));
}

#[test]
fn threat_032_only_a_confirmed_end_is_told_as_one() {
    for (answer, expect) in [
        (answer(200, &json!({ "ok": true })), "ended"),
        (status(401), "already gone"),
        (status(404), "already gone"),
        (status(410), "already gone"),
        (status(400), "not confirmed request_failed"),
        (status(403), "not confirmed request_failed"),
        (status(408), "not confirmed request_failed"),
        (status(429), "not confirmed request_failed"),
        (status(500), "not confirmed request_failed"),
        (status(503), "not confirmed request_failed"),
        (
            answer(500, &json!({ "ok": false, "error": { "status": 401 } })),
            "not confirmed request_failed",
        ),
        (
            answer(200, &json!({ "ok": false })),
            "not confirmed request_failed",
        ),
        (answer(204, &json!(null)), "not confirmed invalid_response"),
        (
            Ok(Response::new(204, Vec::new())),
            "not confirmed invalid_response",
        ),
        (
            Ok(Response::new(401, b"<html>".to_vec())),
            "not confirmed invalid_response",
        ),
        (lost(TransportError::Connect), "not confirmed network_error"),
        (lost(TransportError::Closed), "not confirmed network_error"),
        (lost(TransportError::Timeout), "not confirmed timeout"),
        (
            lost(TransportError::TooLarge),
            "not confirmed response_too_large",
        ),
    ] {
        assert_eq!(said(&ended(&with_sid(), vec![answer]).output), expect);
    }
    let whole = br#"{"ok":true,"data":{"destroyed":true}}"#;
    for end in 0..whole.len() {
        let cut = Ok(Response::new(200, whole[..end].to_vec()));
        let ran = ended(&with_sid(), vec![cut]);
        assert_eq!(said(&ran.output), "not confirmed invalid_response", "{end}");
    }
    // The look for the session's id can fail as well.
    for (answer, expect) in [
        (status(401), "already gone"),
        (status(500), "not confirmed request_failed"),
        (lost(TransportError::Timeout), "not confirmed timeout"),
        (data(&json!({})), "not confirmed invalid_response"),
    ] {
        assert_eq!(said(&ended("opaque", vec![answer]).output), expect);
    }
}

#[test]
fn threat_031_a_token_is_denied_here_before_anything_is_sent() {
    let engine = v1();
    sign_in(&engine, "usr_1", "opaque");
    let mut flow = Stepped::from(logout(&engine, "opaque", Effort::Full));
    let Step::Send(_) = flow.step(Event::Start, at(1)) else {
        panic!("a request");
    };
    let denied = |seconds| with_bearer(&engine, "opaque", at(seconds), []);
    assert_eq!(denied(1), ("rejected signed_out".to_owned(), 0));
    let Step::Done(output) = flow.step(Event::Delivered(lost(TransportError::Timeout)), at(4))
    else {
        panic!("a time-out is not tried again");
    };
    assert_eq!(said(&output), "not confirmed timeout");
    // As long as a session can last, since nothing says when this one ends.
    assert_eq!(denied(24 * 3600).1, 0);
    let later = with_bearer(&engine, "opaque", at(24 * 3600 + 1), [status(401)]);
    assert_eq!(later.1, 1);
    assert_eq!(
        with_bearer(&engine, "other", at(1), [verified("usr_2", &[])]).0,
        "user usr_2"
    );
}

#[test]
fn threat_031_a_token_is_denied_as_long_as_it_says_it_lives() {
    let engine = v1();
    let week = 7 * 24 * 3600;
    let text = jwt(&json!({ "sid": "s", "exp": START + week }));
    let _ended = run(logout(&engine, &text, Effort::Once), at(0), [status(500)]).output;
    let denied = with_bearer(&engine, &text, at(week.unsigned_abs() - 1), []);
    assert_eq!(denied, ("rejected signed_out".to_owned(), 0));
    // One that claims to be over is denied all the same: the Cloud may see that differently.
    let text = jwt(&json!({ "sid": "s", "exp": START - 1 }));
    let _ended = run(
        logout(&engine, &text, Effort::Once),
        at(0),
        [status(500), status(500)],
    )
    .output;
    assert_eq!(
        with_bearer(&engine, &text, at(60), []).0,
        "rejected signed_out"
    );
}

#[test]
fn a_sign_out_is_tried_four_times_or_once() {
    let fail = || lost(TransportError::Connect);
    let ran = run(
        logout(&v1(), &with_sid(), Effort::Full),
        at(0),
        [fail(), status(503), fail(), data(&json!({}))],
    );
    assert_eq!((said(&ran.output).as_str(), ran.sent.len()), ("ended", 4));
    for (wait, base) in ran.waits.iter().zip([100, 200, 400]) {
        let base = Duration::from_millis(base);
        assert!((base / 2..base * 3 / 2).contains(wait), "{wait:?}");
    }
    let ran = run(
        logout(&v1(), &with_sid(), Effort::Full),
        at(0),
        [fail(), fail(), fail(), fail()],
    );
    assert_eq!(said(&ran.output), "not confirmed network_error");
    assert_eq!(
        said(&ended(&with_sid(), vec![fail()]).output),
        "not confirmed network_error"
    );
}

#[test]
fn the_pkce_dialect_ends_a_session_by_its_token() {
    let ran = run(
        logout(&pkce(), &with_sid(), Effort::Once),
        at(0),
        [answer(200, &json!({}))],
    );
    assert_eq!(
        (said(&ran.output).as_str(), ran.paths()),
        ("ended", vec!["/auth/session/destroy"])
    );
    assert_eq!(ran.sent[0].bearer, Some(with_sid()));
    assert!(ran.sent[0].body.is_null());
}

#[test]
fn threat_032_the_pkce_dialect_needs_no_more_than_the_token() {
    // Nothing is known of it, and it says nothing of its session.
    for (answer, expect) in [
        (answer(200, &json!({})), "ended"),
        (status(401), "already gone"),
        (status(503), "not confirmed request_failed"),
    ] {
        let engine = pkce();
        let ran = run(logout(&engine, "opaque", Effort::Once), at(1), [answer]);
        assert_eq!(
            (said(&ran.output).as_str(), ran.paths()),
            (expect, vec!["/auth/session/destroy"])
        );
        assert_eq!(ran.sent[0].bearer.as_deref(), Some("opaque"));
        assert!(engine.is_signed_out(&token("opaque"), at(1)));
    }
    // One that is past its end: to validate it may fail as it will.
    let text = jwt(&json!({ "sub": "usr_1", "exp": START }));
    for failure in [status(500), status(401), lost(TransportError::Timeout)] {
        let ran = run(
            logout(&pkce(), &text, Effort::Once),
            at(1),
            [failure, answer(200, &json!({}))],
        );
        assert_eq!(said(&ran.output), "ended");
        assert_eq!(
            ran.paths(),
            ["/auth/session/validate", "/auth/session/destroy"]
        );
    }
}

#[test]
fn threat_032_a_token_that_is_past_its_end_is_renewed_to_end_its_session() {
    let engine = v1();
    let newer = jwt(&json!({ "sid": "ses_9", "sub": "usr_1", "exp": START + 600 }));
    let text = jwt(&json!({ "sid": "ses_9", "sub": "usr_1", "exp": START }));
    let found = json!({ "session": session("ses_9", "usr_1", 3600), "jwt": newer });
    let ran = run(
        logout(&engine, &text, Effort::Once),
        at(1),
        [data(&found), data(&json!({}))],
    );
    assert_eq!(
        (said(&ran.output).as_str(), ran.paths()),
        ("ended", vec![VALIDATE, DESTROY])
    );
    assert_eq!(ran.sent[1].bearer.as_ref(), Some(&newer));
    for text in [&text, &newer] {
        assert!(engine.is_signed_out(&token(text), at(2)));
    }
    assert!(!engine.is_signed_out(&token("other"), at(2)));
}

#[test]
fn two_people_who_sign_out_do_not_meet() {
    let engine = v1();
    sign_in(&engine, "ada", "token-a");
    sign_in(&engine, "bob", "token-b");
    let _ended = run(
        logout(&engine, "token-a", Effort::Full),
        at(1),
        [data(&json!({}))],
    )
    .output;
    assert_eq!(
        with_bearer(&engine, "token-a", at(1), []).0,
        "rejected signed_out"
    );
    assert_eq!(
        with_bearer(&engine, "token-b", at(1), []),
        ("user bob".to_owned(), 0)
    );
}

#[test]
fn threat_031_a_token_is_denied_before_the_flow_is_driven() {
    let engine = v1();
    sign_in(&engine, "usr_1", "opaque");
    drop(logout(&engine, "opaque", Effort::Full));
    assert_eq!(
        with_bearer(&engine, "opaque", at(2), []),
        ("rejected signed_out".to_owned(), 0)
    );
}

#[test]
fn threat_031_a_sign_out_that_was_not_confirmed_lasts_as_long_as_the_session() {
    const DAY: u64 = 24 * 60 * 60;
    let engine = v1();
    let month = i64::try_from(30 * DAY).unwrap();
    let flow = logout(&engine, "opaque", Effort::Once);
    let ran = run(
        flow,
        at(1),
        [
            data(&json!({ "session": session("ses_1", "usr_1", month) })),
            status(500),
        ],
    );
    assert_eq!(ran.paths(), [VALIDATE, DESTROY]);
    for day in [2, 29] {
        assert_eq!(
            with_bearer(&engine, "opaque", at(day * DAY), []),
            ("rejected signed_out".to_owned(), 0),
            "day {day}"
        );
    }
}

#[test]
fn threat_031_a_later_sign_out_and_a_long_absence_shorten_nothing() {
    const DAY: u64 = 24 * 60 * 60;
    let month = i64::try_from(30 * DAY).unwrap();
    let engine = v1();
    let flow = logout(&engine, "opaque", Effort::Once);
    let known = data(&json!({ "session": session("ses_1", "usr_1", month) }));
    run(flow, at(1), [known, status(500)]);
    run(
        logout(&engine, "opaque", Effort::Once),
        at(2),
        [status(500)],
    );
    assert_eq!(
        with_bearer(&engine, "opaque", at(2 * DAY), []).0,
        "rejected signed_out"
    );
    // Long past the stale time the session's id is still known, without a call to the Cloud.
    let engine = v1();
    sign_in(&engine, "usr_1", "opaque");
    let flow = Logout::new(
        Arc::clone(&engine),
        token("opaque"),
        Effort::Once,
        at(300),
        Jitter(1),
    );
    assert!(flow.is_known());
    let ran = run(flow, at(300), [data(&json!({}))]);
    assert_eq!(ran.paths(), [DESTROY]);
}

#[test]
fn the_clouds_id_goes_before_the_tokens_own() {
    let engine = v1();
    sign_in(&engine, "usr_1", &with_sid());
    with_bearer(&engine, &with_sid(), at(40), [verified("usr_1", &[])]);
    let ran = run(
        logout(&engine, &with_sid(), Effort::Once),
        at(41),
        [data(&json!({}))],
    );
    assert_eq!(ran.sent[0].body, json!({ "sessionId": "ses_1" }));
}

#[test]
fn of_several_the_known_come_first_and_each_once() {
    let engine = v1();
    sign_in(&engine, "usr_1", "known");
    let made = |texts: &[&str]| {
        let tokens: Vec<_> = texts.iter().map(|text| token(text)).collect();
        Logouts::new(&engine, tokens.into_iter(), Effort::Once, at(1), Jitter(1))
    };
    let mut several = made(&["a", "a", "a", "a", "a", "a", "known"]);
    let flows = several.take();
    let is_known: Vec<_> = flows.iter().map(Logout::is_known).collect();
    assert_eq!(is_known, [true, false]);
    assert_eq!(several.outcome([SignOut::Ended]), SignOut::Ended);

    let mut many = made(&["1", "2", "3", "4", "5", "6"]);
    assert_eq!(many.take().len(), 5);
    assert_eq!(
        said(&many.outcome([SignOut::Ended])),
        "not confirmed too_many_cookies"
    );
    let failed = SignOut::NotConfirmed(CloudApiError::configuration("x"));
    assert_eq!(
        said(&made(&["1", "2", "3", "4", "5", "6"]).outcome([failed])),
        "not confirmed invalid_configuration"
    );
    for text in ["1", "6", "a", "known"] {
        assert!(engine.is_signed_out(&token(text), at(2)), "{text}");
    }
}

#[test]
fn a_sign_in_replaces_what_the_browser_brought_but_not_itself() {
    let engine = v1();
    let header = "__Host-mastra_session=old; x=y; __Host-mastra_session=new";
    let mut several = Logouts::replaced(&engine, header, &token("new"), at(1), Jitter(1));
    assert_eq!(several.take().len(), 1);
    assert!(engine.is_signed_out(&token("old"), at(1)));
    assert!(!engine.is_signed_out(&token("new"), at(1)));
}

#[test]
fn threat_032_a_refresh_that_was_refused_confirms_no_end_unless_the_session_is_gone() {
    for (code, expect) in [(401, 0), (404, 0), (410, 0), (400, 1), (403, 1)] {
        let engine = v1();
        let refresh = refreshing(&engine, token(&with_sid()));
        run(refresh, at(0), [status(code)]);
        let answers = (0..expect).map(|_| status(500));
        let ran = run(logout(&engine, &with_sid(), Effort::Once), at(1), answers);
        let is_gone = ran.output == SignOut::AlreadyGone;
        assert_eq!(is_gone, expect == 0, "{code}: {:?}", ran.output);
    }
}

/// The Cloud mixes two sessions up.
#[test]
fn threat_078_a_sign_out_ends_no_session_that_the_cloud_says_is_another_users() {
    let engine = v1();
    sign_in(&engine, "usr_2", "theirs");
    with_bearer(&engine, "own", at(0), [verified("usr_1", &[])]);
    let theirs = data(&json!({ "session": session("ses_2", "usr_2", 60) }));
    let ran = run(logout(&engine, "own", Effort::Once), at(1), [theirs]);
    assert_eq!(said(&ran.output), "not confirmed invalid_response");
    assert_eq!(ran.paths(), [VALIDATE]);
    let told = with_bearer(&engine, "theirs", at(2), []);
    assert_eq!(told, ("user usr_2".to_owned(), 0));
}

#[test]
fn a_sign_in_that_goes_on_with_the_session_that_the_browser_brought_does_not_end_it() {
    let claims = |token| jwt(&json!({ "sid": "ses_1", "jti": token }));
    for (old, new, is_known) in [
        ("old".to_owned(), "new".to_owned(), true),
        (claims("old"), claims("new"), false),
    ] {
        let engine = v1();
        if is_known {
            let answers = [exchanged("usr_1", &old)];
            _ = sign_in_with(&engine, "usr_1-before", at(0), answers);
        }
        sign_in(&engine, "usr_1", &new);
        let header = format!("__Host-mastra_session={old}");
        let mut several = Logouts::replaced(&engine, &header, &token(&new), at(1), Jitter(1));
        assert!(several.take().is_empty());
        let told = with_bearer(&engine, &new, at(2), []);
        assert_eq!(told, ("user usr_1".to_owned(), 0));
    }
}
