//! A sign-in that fails after the Cloud made its session: no browser was given that, so the driver is to end it.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::callback::CallbackOutcome;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::{OrganizationId, UserId};
use serde_json::json;

use super::{ended, me, of, platform, platform_config, rotated, sealed, setting};
use crate::world::{
    Step, Stepped, answer, at, begin, callback, data, lost, open, pkce, run, script, status, v1,
};

/// The code of the error, and the session to end.
fn failed(
    engine: &Arc<Engine>,
    code: &str,
    answers: impl IntoIterator<Item = Delivery>,
) -> (String, Option<String>) {
    let (_, cookie) = begin(engine, "7d0e");
    let flow = callback(engine, "7d0e", code, &cookie, at(5)).unwrap();
    let CallbackOutcome {
        result, refused, ..
    } = script(flow.into_task(), at(5), answers).output;
    let refused = refused.map(|token| token.expose().to_owned());
    (result.unwrap_err().code().to_owned(), refused)
}

#[test]
fn the_newest_session_of_a_sign_in_that_fails_is_handed_out_to_be_ended() {
    let stranger = || of("usr_1", Some("org_3"), &["org_3"]);
    let long = "s".repeat(4_090);
    for (code, answers, error, expect) in [
        (
            "s0",
            vec![answer(200, &stranger())],
            "organization_forbidden",
            Some("s0"),
        ),
        (
            "s0",
            vec![setting("s1", &stranger())],
            "organization_forbidden",
            Some("s1"),
        ),
        (
            "s0",
            vec![setting("s1", &json!({ "user": 7 }))],
            "invalid_response",
            Some("s1"),
        ),
        (
            "s0",
            vec![rotated("usr_1", &long)],
            "cookie_too_large",
            Some(&*long),
        ),
        (&*long, vec![], "cookie_too_large", Some(&*long)),
        (
            "s0",
            vec![lost(TransportError::Timeout)],
            "timeout",
            Some("s0"),
        ),
        // There is none to end.
        ("s0", vec![ended()], "unauthorized", None),
    ] {
        let mut config = platform_config();
        config.organization = Some(OrganizationId::parse("org_2").unwrap());
        let engine = open(config, Entropy::new([7; 32]));
        let expect = (error.to_owned(), expect.map(str::to_owned));
        assert_eq!(failed(&engine, code, answers), expect);
    }
}

#[test]
fn a_token_that_was_issued_is_handed_out_too() {
    for (bytes, is_token) in [(4_090, true), (8_192, true), (8_193, false)] {
        let large = json!({
            "user": crate::world::user("usr_1", &[]),
            "session": crate::world::session("ses_1", "usr_1", 600),
            "jwt": "t".repeat(bytes),
        });
        let (error, refused) = failed(&v1(), "c0de", [data(&large)]);
        assert_eq!(error, "cookie_too_large");
        assert_eq!(refused.map(|token| token.len()), is_token.then_some(bytes));
    }
    let token = json!({ "access_token": "t-1", "expires_in": 600, "token_type": "Bearer" });
    let answers = [answer(200, &token), lost(TransportError::Timeout)];
    let expect = ("timeout".to_owned(), Some("t-1".to_owned()));
    assert_eq!(failed(&pkce(), "c0de", answers), expect);
    let answers = [answer(200, &token), status(401)];
    let expect = ("request_failed".to_owned(), Some("t-1".to_owned()));
    assert_eq!(failed(&pkce(), "c0de", answers), expect);
    let refusal = answer(400, &json!({ "code": "invalid_grant" }));
    let expect = ("invalid_grant".to_owned(), None);
    assert_eq!(failed(&pkce(), "c0de", [refusal]), expect);
}

#[test]
fn threat_031_a_session_that_was_signed_out_here_signs_no_user_in() {
    for (answer, left) in [(me("usr_1"), "s0"), (rotated("usr_1", "s1"), "s1")] {
        let engine = platform();
        let logout = Logout::new(
            Arc::clone(&engine),
            sealed("s0"),
            Effort::Once,
            at(1),
            Jitter(1),
        );
        _ = run(logout, at(1), [lost(TransportError::Timeout)]);
        let expect = ("signed_out".to_owned(), Some(left.to_owned()));
        assert_eq!(failed(&engine, "s0", [answer]), expect);
    }
}

/// The session is no younger than the callback.
#[test]
fn threat_031_the_end_of_a_user_while_their_sign_in_is_verified_wins() {
    let got = json!({ "access_token": "t-1", "expires_in": 600, "token_type": "Bearer" });
    let claims = json!({ "sub": "usr_1", "email": "", "role": "member" });
    for (engine, answers) in [
        (pkce(), vec![answer(200, &got), answer(200, &claims)]),
        (platform(), vec![me("usr_1")]),
    ] {
        let (_, cookie) = begin(&engine, "7d0e");
        let flow = callback(&engine, "7d0e", "s0", &cookie, at(5)).unwrap();
        let mut flow = Stepped::from(flow);
        let mut step = flow.step(Event::Start, at(5));
        engine.end_user(&UserId::parse("usr_1").unwrap(), at(6));
        for answer in answers {
            step = flow.step(Event::Delivered(answer), at(7));
        }
        let Step::Done(result) = step else {
            panic!("an end")
        };
        assert_eq!(result.unwrap_err().code(), "signed_out");
    }
}
