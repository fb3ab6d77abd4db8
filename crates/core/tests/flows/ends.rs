//! What ends of a session whose name its token does not say, and what ends twice: heard and here.

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::sign_out::SignOut;
use mastra_auth_cloud_core::ids::SessionId;
use serde_json::json;

use crate::revocations::{
    deliver, instance, is_known, is_refused, issued, published, sign_out, verify,
};
use crate::world::{
    START, answer, at, config, data, jwt, open, pkce, run, session, token, validating, verified,
    with_bearer,
};

#[test]
fn threat_031_a_token_that_does_not_name_its_session_ends_once_the_cloud_does() {
    let unnamed = jwt(&json!({ "sub": "usr_1", "iat": START, "exp": START + 3600 }));
    for text in ["opaque", &unnamed] {
        let (here, there) = (instance(), instance());
        for engine in [&here, &there] {
            verify(engine, "usr_1", text, 0);
        }
        let id = SessionId::parse("ses_7").unwrap();
        here.end_session(&id, at(1));
        drop(published(&here));
        let flow = validating(&here, token(text));
        let newer = "newer";
        let found = json!({ "session": session("ses_7", "usr_1", 3600), "jwt": newer });
        assert!(run(flow, at(2), [data(&found)]).output.unwrap().is_none());
        for text in [text, newer] {
            is_refused(&here, text, 3);
        }
        deliver(&there, &published(&here), at(4));
        for text in [text, newer] {
            is_refused(&there, text, 5);
        }
    }
}

#[test]
fn threat_031_where_sessions_have_no_names_each_instance_calls_them_alike() {
    let claims = |id: &str| answer(200, &json!({ "sub": id, "email": "", "role": "owner" }));
    let [here, other] = [pkce(), pkce()];
    for engine in [&here, &other] {
        for text in ["opaque", "another"] {
            let told = with_bearer(engine, text, at(0), [claims("usr_1")]);
            assert_eq!(told.0, "user usr_1");
        }
    }
    let alive = json!({ "userId": "usr_1", "expiresAt": START * 1000 + 3_600_000, "createdAt": START * 1000 });
    let flow = validating(&other, token("opaque"));
    let found = run(flow, at(1), [answer(200, &alive)]).output.unwrap();
    here.end_session(found.unwrap().id(), at(2));
    is_refused(&here, "opaque", 3);
    is_known(&here, "usr_1", "another", 3);
}

#[test]
fn threat_031_what_ends_here_is_told_though_it_was_heard_before() {
    let here = instance();
    let text = issued("ada", "sa", 0);
    verify(&here, "ada", &text, 1);
    let (namespace, begin) = (here.namespace().clone(), START * 1000);
    let month = 30 * 86_400_000;
    let said = format!("1 {namespace} session {begin} {} sa", begin + month);
    assert_eq!(deliver(&here, &[said], at(2)), 1);
    here.end_session(&SessionId::parse("sa").unwrap(), at(3));
    assert_eq!(published(&here).len(), 1);
    here.end_session(&SessionId::parse("sa").unwrap(), at(3));
    assert_eq!(published(&here), [""; 0], "once");
}

#[test]
fn threat_031_a_flood_of_news_lifts_nothing_that_ended_here_and_no_token_that_was_heard() {
    let mut config = config(Dialect::V1);
    config.policy.deny_list_capacity = 100;
    let here = open(config, Entropy::new([7; 32]));
    let there = instance();
    let (heard, own) = (issued("ada", "sa", 0), issued("bob", "sb", 0));
    verify(&there, "ada", &heard, 1);
    assert_eq!(
        sign_out(&there, &heard, vec![data(&json!({}))]),
        SignOut::Ended
    );
    // Before this instance ever saw the token, and without its session: nothing but that is known of it.
    let of_the_token = published(&there).remove(0);
    assert_eq!(deliver(&here, &[of_the_token], at(11)), 1);
    here.end_session(&SessionId::parse("sb").unwrap(), at(12));
    let (namespace, begin) = (here.namespace().clone(), START * 1000);
    let until = begin + 30 * 86_400_000;
    let flood: Vec<_> = (0..200)
        .map(|n| format!("1 {namespace} session {begin} {until} x{n}"))
        .collect();
    deliver(&here, &flood, at(13));
    assert_eq!(here.statistics().deny_list, 100);
    is_refused(&here, &heard, 14);
    let told = with_bearer(&here, &own, at(14), [verified("bob", &[])]);
    assert_eq!(told, ("rejected signed_out".to_owned(), 1));
}
