//! A callback that comes again from the browser that began the sign-in.

use std::sync::Arc;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::callback::key;
use mastra_auth_cloud_core::flow::logout::{Effort, Several};
use mastra_auth_cloud_core::identity::authority::Authority;

use serde_json::json;

use crate::world::{
    at, begin, callback, config, data, exchanged, pair, run, session, state, status, token, user,
    v1, with_bearer,
};

const TEXT: &str = "s|%2Fagents";

/// Signs in a second after the begin; answers the login cookie.
fn signed_in(authority: &Arc<Authority>) -> String {
    let (_, cookie) = begin(authority, TEXT);
    let flow = callback(authority, TEXT, "c0de", &cookie, at(1)).unwrap();
    assert!(!flow.is_again());
    assert!(
        run(flow, at(1), [exchanged("usr_1", "tok.en.1")])
            .output
            .is_ok()
    );
    cookie
}

/// Another instance of the same deployment, with its own secret.
fn elsewhere() -> Arc<Authority> {
    Authority::new(config(Dialect::V1), Entropy::new([8; 32]))
}

/// How a callback ends for which nothing is sent.
fn again(
    authority: &Arc<Authority>,
    code: &str,
    cookies: &str,
    seconds: u64,
) -> Result<String, String> {
    let told = |error: CloudApiError| error.code().to_owned();
    let flow = callback(authority, TEXT, code, cookies, at(seconds)).map_err(told)?;
    assert!(flow.is_again());
    let ran = run(flow, at(seconds), []);
    let signed_in = ran.output.map_err(told)?;
    let path = signed_in.return_path.as_str();
    Ok(format!("{} {path}", pair(&signed_in.cookies[1])))
}

#[test]
fn in_the_grace_the_same_browser_gets_the_same_outcome_whatever_the_code() {
    let authority = v1();
    let cookie = signed_in(&authority);
    for code in ["c0de", "another"] {
        assert_eq!(
            again(&authority, code, &cookie, 10),
            Ok("__Host-mastra_session=tok.en.1 /agents".to_owned())
        );
    }
    assert_eq!(
        again(&authority, "c0de", &cookie, 11),
        Err("callback_replayed".to_owned())
    );
}

#[test]
fn threat_016_another_browser_gets_nothing_of_a_sign_in() {
    let authority = v1();
    let cookie = signed_in(&authority);
    // One that began a sign-in with the same state elsewhere has another verifier, and its cookie a seal of its own.
    let (_, foreign) = begin(&elsewhere(), TEXT);
    let (_, unrelated) = begin(&authority, "other");
    let tampered = format!("{}x", &cookie[..cookie.len() - 1]);
    for cookies in ["", &unrelated, &tampered] {
        assert_eq!(
            again(&authority, "c0de", cookies, 2),
            Err("callback_replayed".to_owned())
        );
        assert!(key(&authority, &state(TEXT), cookies, at(2)).is_none());
    }
    // A cookie that fits another deployment's sign-in has a key of its own.
    let (own, other) = (&cookie, &foreign);
    let of = |cookies: &str| key(&authority, &state(TEXT), cookies, at(2));
    assert!(of(own).is_some() && of(own) != of(other));
    assert_eq!(
        again(&authority, "c0de", other, 2),
        Err("callback_replayed".to_owned())
    );
    assert_eq!(
        of(own),
        key(&authority, &state("s|%2Felsewhere"), own, at(2))
    );
}

#[test]
fn a_session_that_ended_meanwhile_is_not_handed_out_again() {
    type End = fn(&Arc<Authority>);
    let ends: [End; 5] = [
        |authority| {
            let tokens = std::iter::once(token("tok.en.1"));
            drop(Several::new(
                authority,
                tokens,
                Effort::Full,
                at(2),
                Jitter(1),
            ));
        },
        |authority| {
            let identity = authority.verified(&token("tok.en.1")).unwrap();
            authority.end_session(identity.session_id().unwrap(), at(2));
        },
        |authority| {
            let identity = authority.verified(&token("tok.en.1")).unwrap();
            authority.end_user(identity.user().id(), at(2));
        },
        // It was forgotten before, so that only what ended is known.
        |authority| {
            let identity = authority.verified(&token("tok.en.1")).unwrap();
            authority.forget(&token("tok.en.1"));
            authority.end_session(identity.session_id().unwrap(), at(2));
        },
        // The Cloud refuses it.
        |authority| {
            authority.forget(&token("tok.en.1"));
            let refused = with_bearer(authority, "tok.en.1", at(2), [status(401)]);
            assert_eq!(refused.1, 1);
        },
    ];
    for end in ends {
        let authority = v1();
        let cookie = signed_in(&authority);
        end(&authority);
        assert_eq!(
            again(&authority, "c0de", &cookie, 3),
            Err("callback_replayed".to_owned())
        );
    }
}

#[test]
fn a_session_that_came_to_its_own_end_is_not_handed_out_again() {
    let authority = v1();
    let (_, cookie) = begin(&authority, TEXT);
    let flow = callback(&authority, TEXT, "c0de", &cookie, at(1)).unwrap();
    let session = session("ses_1", "usr_1", 5);
    let both = json!({ "user": user("usr_1", &[]), "session": session, "jwt": "tok.en.1" });
    assert!(run(flow, at(1), [data(&both)]).output.is_ok());
    assert!(again(&authority, "c0de", &cookie, 4).is_ok());
    assert_eq!(
        again(&authority, "c0de", &cookie, 5),
        Err("callback_replayed".to_owned())
    );
}

#[test]
fn a_failed_exchange_is_shared_and_not_tried_again() {
    let authority = v1();
    let (_, cookie) = begin(&authority, TEXT);
    let flow = callback(&authority, TEXT, "c0de", &cookie, at(1)).unwrap();
    let first = run(flow, at(1), [status(503)]).output.unwrap_err();
    assert_eq!(
        again(&authority, "c0de", &cookie, 2),
        Err(first.code().to_owned())
    );
    assert_eq!(
        again(&authority, "c0de", &cookie, 11),
        Err("callback_replayed".to_owned())
    );
}
