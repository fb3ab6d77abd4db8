//! A callback that comes again from the browser that began the sign-in.

use std::sync::Arc;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::callback::OpenedLogin;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logouts};
use mastra_auth_cloud_core::session::TokenDigest;
use serde_json::json;

use crate::world::{
    at, begin, callback, config, data, exchanged, pair, run, session, state, status, token, user,
    v1, with_bearer,
};

const TEXT: &str = "s|%2Fagents";

/// Signs in a second after the begin; answers the login cookie.
fn signed_in(engine: &Arc<Engine>) -> String {
    let (_, cookie) = begin(engine, TEXT);
    let flow = callback(engine, TEXT, "c0de", &cookie, at(1)).unwrap();
    assert!(!flow.is_again());
    assert!(
        run(flow, at(1), [exchanged("usr_1", "tok.en.1")])
            .output
            .is_ok()
    );
    cookie
}

/// Another instance of the same deployment, with its own secret.
fn elsewhere() -> Arc<Engine> {
    Engine::new(config(Dialect::V1), Entropy::new([8; 32]))
}

/// How a callback ends for which nothing is sent.
fn again(engine: &Arc<Engine>, code: &str, cookies: &str, seconds: u64) -> Result<String, String> {
    let told = |error: CloudApiError| error.code().to_owned();
    let flow = callback(engine, TEXT, code, cookies, at(seconds)).map_err(told)?;
    assert!(flow.is_again());
    let ran = run(flow, at(seconds), []);
    let signed_in = ran.output.map_err(told)?;
    let path = signed_in.return_path.as_str();
    Ok(format!("{} {path}", pair(&signed_in.cookies[1])))
}

fn key(engine: &Engine, text: &str, cookies: &str) -> Option<TokenDigest> {
    OpenedLogin::new(engine, state(text), cookies, at(2)).key()
}

#[test]
fn in_the_grace_the_same_browser_gets_the_same_outcome_whatever_the_code() {
    let engine = v1();
    let cookie = signed_in(&engine);
    for code in ["c0de", "another"] {
        assert_eq!(
            again(&engine, code, &cookie, 10),
            Ok("__Host-mastra_session=tok.en.1 /agents".to_owned())
        );
    }
    assert_eq!(
        again(&engine, "c0de", &cookie, 11),
        Err("callback_replayed".to_owned())
    );
}

#[test]
fn threat_016_another_browser_gets_nothing_of_a_sign_in() {
    let engine = v1();
    let cookie = signed_in(&engine);
    // One that began a sign-in with the same state elsewhere has another verifier, and its cookie a seal of its own.
    let (_, foreign) = begin(&elsewhere(), TEXT);
    let (_, unrelated) = begin(&engine, "other");
    let tampered = format!("{}x", &cookie[..cookie.len() - 1]);
    for cookies in ["", &unrelated, &tampered] {
        assert_eq!(
            again(&engine, "c0de", cookies, 2),
            Err("callback_replayed".to_owned())
        );
        assert!(key(&engine, TEXT, cookies).is_none());
    }
    // A cookie that fits another deployment's sign-in has a key of its own.
    let (own, other) = (&cookie, &foreign);
    let of = |cookies: &str| key(&engine, TEXT, cookies);
    assert!(of(own).is_some() && of(own) != of(other));
    assert_eq!(
        again(&engine, "c0de", other, 2),
        Err("callback_replayed".to_owned())
    );
    assert_eq!(of(own), key(&engine, "s|%2Felsewhere", own));
}

#[test]
fn a_session_that_ended_meanwhile_is_not_handed_out_again() {
    type End = fn(&Arc<Engine>);
    let ends: [End; 5] = [
        |engine| {
            let tokens = std::iter::once(token("tok.en.1"));
            drop(Logouts::new(engine, tokens, Effort::Full, at(2), Jitter(1)));
        },
        |engine| {
            let identity = engine.verified(&token("tok.en.1")).unwrap();
            engine.end_session(identity.session_id().unwrap(), at(2));
        },
        |engine| {
            let identity = engine.verified(&token("tok.en.1")).unwrap();
            engine.end_user(identity.user().id(), at(2));
        },
        // It was forgotten before, so that only what ended is known.
        |engine| {
            let identity = engine.verified(&token("tok.en.1")).unwrap();
            engine.forget(&token("tok.en.1"));
            engine.end_session(identity.session_id().unwrap(), at(2));
        },
        // The Cloud refuses it.
        |engine| {
            engine.forget(&token("tok.en.1"));
            let refused = with_bearer(engine, "tok.en.1", at(2), [status(401)]);
            assert_eq!(refused.1, 1);
        },
    ];
    for end in ends {
        let engine = v1();
        let cookie = signed_in(&engine);
        end(&engine);
        assert_eq!(
            again(&engine, "c0de", &cookie, 3),
            Err("callback_replayed".to_owned())
        );
    }
}

#[test]
fn a_session_that_came_to_its_own_end_is_not_handed_out_again() {
    let engine = v1();
    let (_, cookie) = begin(&engine, TEXT);
    let flow = callback(&engine, TEXT, "c0de", &cookie, at(1)).unwrap();
    let session = session("ses_1", "usr_1", 5);
    let both = json!({ "user": user("usr_1", &[]), "session": session, "jwt": "tok.en.1" });
    assert!(run(flow, at(1), [data(&both)]).output.is_ok());
    assert!(again(&engine, "c0de", &cookie, 4).is_ok());
    assert_eq!(
        again(&engine, "c0de", &cookie, 5),
        Err("callback_replayed".to_owned())
    );
}

#[test]
fn a_failed_exchange_is_shared_and_not_tried_again() {
    let engine = v1();
    let (_, cookie) = begin(&engine, TEXT);
    let flow = callback(&engine, TEXT, "c0de", &cookie, at(1)).unwrap();
    let first = run(flow, at(1), [status(503)]).output.unwrap_err();
    assert_eq!(
        again(&engine, "c0de", &cookie, 2),
        Err(first.code().to_owned())
    );
    assert_eq!(
        again(&engine, "c0de", &cookie, 11),
        Err("callback_replayed".to_owned())
    );
}
