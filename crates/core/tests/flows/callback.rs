//! How a sign-in ends.

use std::sync::Arc;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::{ChannelWorker, Engine};
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::callback::{SignedIn, declined};
use mastra_auth_cloud_core::http::{Response, TransportError};
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::url::BaseUrl;
use serde_json::{Value, json};

use crate::world::{
    SESSION, START, answer, at, authenticate, begin, callback, config, data, exchanged, jwt, lost,
    pair, pkce, run, said, session, status, token, user, v1, with_bearer,
};

/// The code of the error with which a callback is rejected before anything is sent.
fn turned_away(
    engine: &Arc<Engine>,
    state: &str,
    code: &str,
    cookies: &str,
    seconds: u64,
) -> String {
    let error = callback(engine, state, code, cookies, at(seconds)).unwrap_err();
    assert_eq!(error.message(), error.to_string());
    error.code().to_owned()
}

fn finish(
    engine: &Arc<Engine>,
    answers: Vec<Result<Response, TransportError>>,
) -> Result<SignedIn, String> {
    let (_, cookie) = begin(engine, "s");
    let flow = callback(engine, "s", "c0de", &cookie, at(1)).unwrap();
    run(flow, at(1), answers)
        .output
        .map_err(|error| error.code().to_owned())
}

#[test]
fn a_sign_in_ends_with_a_session() {
    let engine = v1();
    let (_, cookie) = begin(&engine, "s|%2Fagents");
    let flow = callback(&engine, "s|%2Fagents", "c0de", &cookie, at(1)).unwrap();
    let ran = run(flow, at(1), [exchanged("usr_1", "tok.en.1")]);
    assert_eq!(ran.paths(), ["/api/v1/auth/callback"]);
    assert_eq!(ran.sent[0].body, json!({ "code": "c0de" }));
    assert_eq!(ran.sent[0].bearer, None);
    let signed_in = ran.output.unwrap();
    assert_eq!(signed_in.return_path.as_str(), "/agents");
    assert_eq!(signed_in.session.id().as_str(), "ses_1");
    let [login, session] = signed_in.cookies.as_slice() else {
        panic!("two cookies");
    };
    assert!(cookie.starts_with(login.name()) && login.expose().contains("Max-Age=0"));
    assert_eq!(pair(session), format!("{SESSION}=tok.en.1"));
    assert!(session.expose().ends_with("Max-Age=3599"));
    assert_eq!(
        with_bearer(&engine, "tok.en.1", at(2), []),
        ("user usr_1".to_owned(), 0)
    );
}

#[test]
fn the_pkce_dialect_verifies_what_it_got() {
    let engine = pkce();
    let (_, cookie) = begin(&engine, "s");
    let flow = callback(&engine, "s", "c0de", &cookie, at(1)).unwrap();
    let got = json!({ "access_token": "t0ken", "token_type": "Bearer", "expires_in": 600 });
    let claims = json!({ "sub": "usr_1", "email": "", "role": "member" });
    let ran = run(
        flow,
        at(1),
        [
            answer(200, &got),
            lost(TransportError::Closed),
            answer(200, &claims),
        ],
    );
    assert_eq!(
        ran.paths(),
        ["/auth/callback", "/auth/verify", "/auth/verify"]
    );
    assert_eq!(ran.sent[0].body["code"], "c0de");
    assert_eq!(ran.sent[2].bearer.as_deref(), Some("t0ken"));
    let signed_in = ran.output.unwrap();
    assert!(signed_in.session.id().as_str().starts_with("token:"));
    assert!(signed_in.cookies[1].expose().ends_with("Max-Age=660"));
    assert_eq!(signed_in.identity.user().roles(), ["member"]);
}

#[test]
fn any_instance_can_finish_what_another_began() {
    let (_, cookie) = begin(&v1(), "s");
    let other = Engine::new(config(Dialect::V1), Entropy::new([8; 32]));
    let flow = callback(&other, "s", "c0de", &cookie, at(1)).unwrap();
    assert!(run(flow, at(1), [exchanged("usr_1", "t")]).output.is_ok());
}

#[test]
fn threat_040_a_callback_in_another_browser_is_turned_away() {
    let engine = v1();
    let (_, mine) = begin(&engine, "mine");
    let (_, yours) = begin(&engine, "yours");
    let flipped = format!("{}A", &mine[..mine.len() - 1]);
    for (state, cookies, expect) in [
        ("mine", "", "login_cookie_missing"),
        ("mine", "mastra_session=x; a=b", "login_cookie_missing"),
        ("mine", yours.as_str(), "state_mismatch"),
        ("yours", mine.as_str(), "state_mismatch"),
        ("Mine", mine.as_str(), "state_mismatch"),
        ("mine", flipped.as_str(), "state_mismatch"),
    ] {
        assert_eq!(turned_away(&engine, state, "c0de", cookies, 1), expect);
    }
    // None of that used up the state or the code: the browser that began the sign-in can still finish it.
    let both = format!("{yours}; {mine}");
    assert!(callback(&engine, "mine", "c0de", &both, at(1)).is_ok());
}

#[test]
fn a_callback_is_checked_before_its_code_is_spent() {
    let engine = v1();
    let (_, cookie) = begin(&engine, "s");
    for code in ["", "a b", "a\n", "ü", &"c".repeat(2049)] {
        assert_eq!(
            turned_away(&engine, "s", code, &cookie, 1),
            "code_malformed"
        );
    }
    assert_eq!(
        turned_away(&engine, "s", "c0de", &cookie, 301),
        "login_expired"
    );
    let mut elsewhere = config(Dialect::V1);
    elsewhere.project_id = ProjectId::parse("other").unwrap();
    let other = Engine::new(elsewhere, Entropy::new([7; 32]));
    assert_eq!(
        turned_away(&other, "s", "c0de", &cookie, 1),
        "project_mismatch"
    );
    assert!(callback(&engine, "s", "c0de", &cookie, at(300)).is_ok());
}

#[test]
fn threat_045_a_code_of_one_cloud_never_goes_to_another() {
    let (_, cookie) = begin(&v1(), "s");
    let mut elsewhere = config(Dialect::V1);
    elsewhere.base_url = BaseUrl::parse("https://evil.example").unwrap();
    let other = Engine::new(elsewhere, Entropy::new([7; 32]));
    assert_eq!(
        turned_away(&other, "s", "c0de", &cookie, 1),
        "cloud_mismatch"
    );
}

#[test]
fn threat_047_a_callback_that_comes_twice_is_made_once() {
    let engine = v1();
    let (_, cookie) = begin(&engine, "s");
    let first = callback(&engine, "s", "c0de", &cookie, at(1)).unwrap();
    assert_eq!(
        turned_away(&engine, "s", "c0de", &cookie, 1),
        "callback_replayed"
    );
    assert_eq!(
        turned_away(&engine, "s", "other", &cookie, 1),
        "callback_replayed"
    );
    let ran = run(first, at(1), [exchanged("usr_1", "t")]);
    assert!(ran.output.is_ok(), "the first is not disturbed");
    assert_eq!(
        turned_away(&engine, "s", "c0de", "", 2),
        "callback_replayed"
    );
}

#[test]
fn threat_016_of_a_hundred_callbacks_at_once_one_is_made() {
    let engine = &v1();
    for round in 0..5 {
        let state = &format!("s{round}");
        let code = &format!("c{round}");
        let (_, cookie) = &begin(engine, state);
        let made: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|_| {
                    scope.spawn(move || {
                        callback(engine, state, code, cookie, at(1))
                            .map_err(|error| assert_eq!(error.code(), "callback_replayed"))
                            .is_ok()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| usize::from(thread.join().unwrap()))
                .sum()
        });
        assert_eq!(made, 1);
        // The same code with another sign-in, whose state was never used.
        let other = format!("other{round}");
        let (_, cookie) = begin(engine, &other);
        assert_eq!(
            turned_away(engine, &other, code, &cookie, 1),
            "code_replayed"
        );
    }
}

#[test]
fn threat_072_a_code_is_exchanged_once_whatever_comes_of_it() {
    for failure in [
        TransportError::Connect,
        TransportError::Closed,
        TransportError::Timeout,
        TransportError::TooLarge,
        TransportError::Other,
    ] {
        assert!(finish(&v1(), vec![lost(failure)]).is_err());
        assert!(finish(&pkce(), vec![lost(failure)]).is_err());
    }
    for code in [400, 401, 408, 425, 429, 500, 502, 503, 504] {
        assert!(finish(&v1(), vec![status(code)]).is_err());
        assert!(finish(&pkce(), vec![status(code)]).is_err());
    }
    let engine = v1();
    let (_, cookie) = begin(&engine, "s");
    let flow = callback(&engine, "s", "c0de", &cookie, at(1)).unwrap();
    assert!(run(flow, at(1), [status(503)]).output.is_err());
    assert_eq!(
        turned_away(&engine, "s", "c0de", &cookie, 11),
        "callback_replayed"
    );
}

#[test]
fn a_callback_that_was_used_elsewhere_is_used_here() {
    let (here, there) = (v1(), v1());
    here.publish_revocations(|| {});
    let (_, cookie) = begin(&here, "s");
    assert_eq!(turned_away(&here, "s", "a b", &cookie, 1), "code_malformed");
    assert!(here.take_spent_callbacks(9).is_empty(), "nothing was spent");
    assert!(callback(&here, "s", "c0de", &cookie, at(1)).is_ok());
    let told = here.take_spent_callbacks(9);
    let text = here.namespace().encode_spent(&told[0]);
    assert_eq!((told.len(), here.waiting()), (1, 0));
    let heard = there.apply_texts([text.as_str()], at(2));
    assert_eq!((heard.new, heard.unreadable, heard.lag), (0, 0, None));
    assert_eq!(
        turned_away(&there, "s", "c0de", &cookie, 3),
        "callback_replayed"
    );
    // It says nothing of any other, and what is over is not taken.
    let (_, other) = begin(&there, "other");
    assert!(callback(&there, "other", "c0de2", &other, at(3)).is_ok());
    let late = v1();
    late.apply_texts([text.as_str()], at(301));
    assert!(callback(&late, "s", "c0de", &cookie, at(2)).is_ok());
}

#[test]
fn threat_080_what_strangers_say_was_used_makes_nothing_give_way() {
    let mut config = config(Dialect::V1);
    config.policy.max_entries = 4;
    let engine = Engine::new(config, Entropy::new([7; 32]));
    let (_, cookie) = begin(&engine, "s");
    assert!(callback(&engine, "s", "c0de", &cookie, at(1)).is_ok());
    let stranger = v1();
    stranger.publish_revocations(|| {});
    for turn in 0..100 {
        let state = format!("s{turn}");
        let (_, cookie) = begin(&stranger, &state);
        assert!(callback(&stranger, &state, &state, &cookie, at(1)).is_ok());
    }
    let told = stranger.take_spent_callbacks(100);
    let texts: Vec<_> = told
        .iter()
        .map(|one| stranger.namespace().encode_spent(one))
        .collect();
    engine.apply_texts(texts.iter().map(String::as_str), at(2));
    assert_eq!(
        turned_away(&engine, "s", "c0de", &cookie, 3),
        "callback_replayed"
    );
    // Of theirs the newest are held.
    let (_, first) = begin(&engine, "s0");
    assert!(callback(&engine, "s0", "c0de2", &first, at(3)).is_ok());
    let (_, last) = begin(&engine, "s99");
    assert_eq!(
        turned_away(&engine, "s99", "c0de3", &last, 3),
        "callback_replayed"
    );
}

#[test]
fn an_exchange_that_met_a_connection_that_was_over_is_sent_once_more() {
    let stale = || lost(TransportError::Stale);
    for (answers, expect) in [
        (vec![stale(), exchanged("usr_1", "t")], Ok(2)),
        (vec![stale(), stale()], Err("network_error")),
        (
            vec![stale(), lost(TransportError::Closed)],
            Err("network_error"),
        ),
        (vec![stale(), status(503)], Err("request_failed")),
    ] {
        let engine = v1();
        let (_, cookie) = begin(&engine, "s");
        let flow = callback(&engine, "s", "c0de", &cookie, at(1)).unwrap();
        let ran = run(flow, at(1), answers);
        let sent = ran.sent.len();
        let ended = ran.output.map(|_| sent);
        assert_eq!(
            ended.map_err(|error| error.code().to_owned()),
            expect.map_err(str::to_owned)
        );
        assert_eq!(sent, 2, "at once, and no more");
    }
}

#[test]
fn threat_030_what_the_browser_brought_is_never_adopted() {
    let engine = v1();
    let (_, login) = begin(&engine, "s");
    let cookies = format!("{SESSION}=planted; {login}; mastra_session=planted");
    let flow = callback(&engine, "s", "c0de", &cookies, at(1)).unwrap();
    let ran = run(flow, at(1), [exchanged("usr_1", "new.token")]);
    let signed_in = ran.output.unwrap();
    assert!(
        signed_in
            .identity
            .user()
            .session_token()
            .same_as(&token("new.token"))
    );
    assert_eq!(pair(&signed_in.cookies[1]), format!("{SESSION}=new.token"));
    // The planted one is worth what the Cloud says of it.
    let cookie = format!("{SESSION}=planted");
    let planted = authenticate(&engine, None, Some(&cookie), at(2), [status(401)]);
    assert_eq!(said(&planted.output), "rejected request_failed");
}

#[test]
fn threat_048_errors_say_fixed_words() {
    for (given, code) in [
        ("access_denied", "access_denied"),
        ("<script>alert(1)</script>", "login_rejected"),
        ("ACCESS_DENIED", "login_rejected"),
        ("", "login_rejected"),
        ("server_error\r\nSet-Cookie: a=b", "login_rejected"),
    ] {
        let error = declined(given);
        assert_eq!(error.code(), code);
        assert!(!error.message().contains(['<', '\r', '\n', '=']));
    }
    let engine = v1();
    let (_, cookie) = begin(&engine, "s");
    for code in ["<script>alert(1)</script> ", "\" onerror=x "] {
        let error = callback(&engine, "s", code, &cookie, at(1)).unwrap_err();
        assert_eq!(
            error.message(),
            "The sign-in callback has no usable authorization code."
        );
    }
}

#[test]
fn an_answer_of_two_people_is_nobodys() {
    let mixed =
        json!({ "user": user("usr_1", &[]), "session": session("s", "usr_2", 60), "jwt": "t" });
    let engine = v1();
    assert_eq!(
        finish(&engine, vec![data(&mixed)]).unwrap_err(),
        "invalid_response"
    );
    assert_eq!(engine.cached(), (0, 0));
}

#[test]
fn a_session_lasts_no_longer_than_anything_that_ends_it_and_its_cookie_as_long_as_it_can_be_renewed()
 {
    let with = |session_seconds: i64, claims: &Value| {
        let token = jwt(claims);
        let body = json!({
            "user": user("usr_1", &[]),
            "session": session("s", "usr_1", session_seconds),
            "jwt": token,
        });
        finish(&v1(), vec![data(&body)]).map(|signed_in| {
            let end = signed_in.identity.expires_at().unwrap();
            let age = signed_in.cookies[1].expose().rsplit('=').next().unwrap();
            format!("{} {age}", end.unix_seconds() - START)
        })
    };
    assert_eq!(with(61, &json!({})).unwrap(), "61 60");
    assert_eq!(with(61, &json!({ "exp": START + 31 })).unwrap(), "31 60");
    assert_eq!(
        with(61, &json!({ "exp": START + 99_999 })).unwrap(),
        "61 60"
    );
    assert_eq!(with(999_999, &json!({})).unwrap(), "999999 86400");
    // Over as it began by this clock, which is ahead then: its life begins now.
    assert_eq!(with(1, &json!({})).unwrap(), "2 1");
    assert_eq!(with(0, &json!({})).unwrap_err(), "session_expired");
    assert_eq!(
        with(61, &json!({ "exp": START })).unwrap_err(),
        "session_expired"
    );
}

#[test]
fn a_token_that_was_signed_out_signs_nobody_in() {
    let engine = v1();
    let flow = mastra_auth_cloud_core::flow::sign_out::Logout::new(
        Arc::clone(&engine),
        token(&jwt(&json!({ "sid": "s" }))),
        mastra_auth_cloud_core::flow::sign_out::Effort::Once,
        at(0),
        mastra_auth_cloud_core::flow::Jitter(1),
    );
    let _ended = run(flow, at(0), [status(503)]).output;
    let body = json!({
        "user": user("usr_1", &[]),
        "session": session("s", "usr_1", 60),
        "jwt": jwt(&json!({ "sid": "s" })),
    });
    assert_eq!(
        finish(&engine, vec![data(&body)]).unwrap_err(),
        "signed_out"
    );
}

#[test]
fn a_new_sign_in_replaces_the_sessions_end() {
    let engine = v1();
    for (name, now, life) in [("one", 0, 100), ("two", 200, 3600)] {
        let (_, cookie) = begin(&engine, name);
        let flow = callback(&engine, name, name, &cookie, at(now)).unwrap();
        let both = json!({ "user": user("usr_1", &[]), "session": session("ses_1", "usr_1", life), "jwt": "opaque" });
        run(flow, at(now), [data(&both)]).output.unwrap();
    }
    let said = with_bearer(&engine, "opaque", at(201), []);
    assert_eq!(said, ("user usr_1".to_owned(), 0));
}

#[test]
fn a_session_that_ends_with_the_year_9999_is_a_session() {
    let mut session = session("ses_1", "usr_1", 0);
    session["expires_at"] = json!("9999-12-31T23:59:59Z");
    for claims in [json!({}), json!({ "exp": 253_402_300_799_i64 })] {
        let token = jwt(&claims);
        let both = json!({ "user": user("usr_1", &[]), "session": session, "jwt": token });
        let engine = v1();
        let signed_in = finish(&engine, vec![data(&both)]).unwrap();
        let end = signed_in.identity.expires_at().unwrap();
        assert_eq!(end.to_string(), "9999-12-31T23:59:59Z");
        assert!(signed_in.cookies[1].expose().ends_with("Max-Age=86400"));
        let known = with_bearer(&engine, &token, at(29), []);
        assert_eq!(known, ("user usr_1".to_owned(), 0));
    }
    // In pkce a token may last for longer than there are years.
    let got = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": u64::MAX });
    let claims = json!({ "sub": "usr_1", "email": null });
    let signed_in = finish(&pkce(), vec![answer(200, &got), answer(200, &claims)]).unwrap();
    let end = signed_in.session.expires_at();
    assert_eq!(end.to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(signed_in.identity.user().email(), "");
}

#[test]
fn a_used_callback_is_published_until_it_is_over_and_counts_as_no_revocation() {
    for (second, is_published) in [(300, true), (301, false)] {
        let engine = v1();
        let mut worker = ChannelWorker::new(Arc::clone(&engine), || {}, at(0));
        let (_, cookie) = begin(&engine, "s");
        _ = callback(&engine, "s", "c0de", &cookie, at(1)).unwrap();
        assert_eq!(worker.next_batch(at(1)).len(), 1);
        let batch = worker.next_batch(at(second));
        assert_eq!(batch.len(), usize::from(is_published), "{second}");
        assert_eq!(worker.published(at(second)), []);
    }
}
