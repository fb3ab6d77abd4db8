//! The token that a sign-in is given is checked by the rules of the next request, wherever that arrives.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::engine::SignedIn;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::Event;
use mastra_auth_cloud_core::flow::Fetched;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::session::Identity;
use mastra_auth_cloud_core::time::Now;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::{Value, json};

use crate::keys::{by_keys, deployment};
use crate::world::signer::{Signer, published};
use crate::world::{
    START, Sent, Step, answer, at, authenticate, begin, callback, config, data, exchanged,
    fetching, lost, open, refreshing, run, session, sign_in_with, status, token, user,
};

const DAY: i64 = 86_400;

/// What a sign-in ended with, and what it asked for.
fn signed_in(
    engine: &Arc<Engine>,
    now: Now,
    answers: Vec<Delivery>,
) -> (Result<SignedIn, String>, Vec<Sent>) {
    let ran = sign_in_with(engine, "usr_1", now, answers);
    let output = ran.output.map_err(|error| error.code().to_owned());
    (output, ran.sent)
}

fn code(engine: &Arc<Engine>, answers: Vec<Delivery>) -> String {
    let (output, _) = signed_in(engine, at(1), answers);
    output.map_or_else(|code| code, |_| "signed in".to_owned())
}

/// The claims of a good token, but for these.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://cloud.mastra.ai", "aud": "demo", "sub": "usr_1", "sid": "ses_1",
        "email": "ada@example.com", "role": "member", "iat": START, "exp": START + DAY,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

type Who = (String, Vec<String>, String);

fn who(identity: &Identity) -> Who {
    let user = identity.user();
    let roles = user.roles().to_vec();
    (user.id().to_string(), roles, user.email().to_owned())
}

/// Whom another instance takes the token for: it never saw the sign-in.
fn elsewhere(mode: VerificationMode, text: &str, answers: Vec<Delivery>) -> Who {
    let bearer = format!("Bearer {text}");
    let ran = authenticate(&deployment(mode), Some(&bearer), None, at(2), answers);
    let Authentication::Authenticated(identity) = ran.output else {
        panic!("{:?}", ran.output);
    };
    who(&identity)
}

#[test]
fn a_sign_in_whose_token_the_next_request_would_refuse_fails_with_that_code() {
    let (key, forged, other) = (Signer::new("k1"), Signer::new("k1"), Signer::new("k2"));
    let signed = |changes: Value| key.sign(&claims(&changes));
    for mode in [VerificationMode::Keys, VerificationMode::KeysAndSession] {
        for (text, expect) in [
            (
                signed(json!({ "iss": "https://other.example" })),
                "token_issuer_mismatch",
            ),
            (signed(json!({ "aud": "other" })), "token_audience_mismatch"),
            (signed(json!({ "exp": START - 30 })), "session_expired"),
            (signed(json!({ "nbf": START + 60 })), "token_not_yet_valid"),
            (signed(json!({ "sub": "" })), "token_subject_malformed"),
            (forged.sign(&claims(&json!({}))), "token_signature_invalid"),
            (other.sign(&claims(&json!({}))), "token_key_unknown"),
            ("opaque".to_owned(), "token_malformed"),
        ] {
            let engine = deployment(mode);
            let answers = vec![published(&[&key]), exchanged("usr_1", &text)];
            assert_eq!(code(&engine, answers), expect);
            assert_eq!(engine.cached().0, 0, "{expect}");
        }
    }
}

#[test]
fn a_sign_in_makes_the_identity_that_every_other_instance_finds() {
    let key = Signer::new("k1");
    let text = key.sign(&claims(&json!({})));
    // The answer of the exchange makes an owner of her, with another address.
    let mut owner = user("usr_1", &["owner"]);
    owner["email"] = json!("other@example.com");
    let both = json!({ "user": owner, "session": session("ses_1", "usr_1", 600), "jwt": text });
    let lives = || data(&json!({ "session": session("ses_1", "usr_1", 900) }));
    for mode in [VerificationMode::Keys, VerificationMode::KeysAndSession] {
        let last = || (mode == VerificationMode::KeysAndSession).then(lives);
        let answers = [published(&[&key]), data(&both)].into_iter();
        let (output, _) = signed_in(&deployment(mode), at(1), answers.chain(last()).collect());
        let signed_in = output.unwrap();
        let answers = [published(&[&key])].into_iter().chain(last()).collect();
        assert_eq!(who(&signed_in.identity), elsewhere(mode, &text, answers));
        assert_eq!(signed_in.identity.user().roles(), ["member"]);
        // What the exchange said of the session counts here besides.
        assert!(signed_in.cookies[1].expose().ends_with("Max-Age=599"));
        let end = signed_in.identity.expires_at().unwrap();
        assert_eq!(end.unix_seconds(), START + 600);
    }
}

#[test]
fn a_token_of_another_user_than_the_exchange_names_signs_in_neither() {
    let key = Signer::new("k1");
    let text = key.sign(&claims(&json!({ "sub": "usr_2" })));
    for owner in ["usr_1", "usr_2"] {
        let session = session("ses_1", owner, 60);
        let both = json!({ "user": user("usr_1", &[]), "session": session, "jwt": text });
        let engine = by_keys();
        let answers = vec![published(&[&key]), data(&both)];
        assert_eq!(code(&engine, answers), "invalid_response");
        assert_eq!(engine.cached(), (0, 0));
    }
}

#[test]
fn a_sign_in_without_keys_spends_nothing_and_can_be_tried_again() {
    let key = Signer::new("k1");
    let text = key.token("usr_1", DAY);
    let engine = by_keys();
    let (_, cookie) = begin(&engine, "s");
    let once = |now, answers: Vec<Delivery>| {
        let flow = callback(&engine, "s", "c0de", &cookie, now).unwrap();
        let ran = run(flow, now, answers);
        let paths: Vec<_> = ran.sent.into_iter().map(|sent| sent.path).collect();
        (ran.output.map_err(|error| error.code().to_owned()), paths)
    };
    let set = "/.well-known/jwks.json".to_owned();
    let away = || lost(TransportError::Connect);
    let (first, paths) = once(at(1), vec![away(), away()]);
    assert_eq!(first.unwrap_err(), "keys_unavailable");
    assert_eq!(paths, [set.clone(), set.clone()]);
    // Not again in the pause.
    let (second, paths) = once(at(2), vec![]);
    assert_eq!(second.unwrap_err(), "keys_unavailable");
    assert_eq!(paths.len(), 0);
    let (third, paths) = once(at(40), vec![published(&[&key]), exchanged("usr_1", &text)]);
    assert!(third.is_ok());
    assert_eq!(paths, [set, "/api/v1/auth/callback".to_owned()]);
    let used = callback(&engine, "s", "c0de", &cookie, at(51)).unwrap_err();
    assert_eq!(used.code(), "callback_replayed");
}

#[test]
fn of_two_callbacks_that_wait_for_keys_one_spends_the_code() {
    let key = Signer::new("k1");
    let engine = by_keys();
    let (_, cookie) = begin(&engine, "s");
    let begun = || callback(&engine, "s", "c0de", &cookie, at(1)).unwrap();
    let (first, second) = (begun(), begun());
    let text = key.token("usr_1", DAY);
    let ran = run(
        first,
        at(1),
        [published(&[&key]), exchanged("usr_1", &text)],
    );
    assert!(ran.output.is_ok());
    let ran = run(second, at(1), []);
    assert_eq!(ran.output.unwrap_err().code(), "callback_replayed");
}

#[test]
fn a_sign_in_finds_a_key_that_is_newer_than_the_set() {
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let engine = by_keys();
    let bearer = format!("Bearer {}", old.token("usr_2", DAY));
    authenticate(&engine, Some(&bearer), None, at(0), [published(&[&old])]);
    let text = new.token("usr_1", DAY);
    let answers = vec![exchanged("usr_1", &text), published(&[&old, &new])];
    let (output, sent) = signed_in(&engine, at(60), answers);
    assert_eq!(output.unwrap().identity.user().id().as_str(), "usr_1");
    assert_eq!(sent[1].path, "/.well-known/jwks.json");
}

#[test]
fn a_sign_in_asks_for_the_session_where_the_next_request_does() {
    let key = Signer::new("k1");
    let text = key.token("usr_1", DAY);
    let with = |last: Delivery| {
        let answers = vec![published(&[&key]), exchanged("usr_1", &text), last];
        code(&deployment(VerificationMode::KeysAndSession), answers)
    };
    assert_eq!(with(status(401)), "request_failed");
    let over = data(&json!({ "session": session("ses_1", "usr_1", 0) }));
    assert_eq!(with(over), "session_expired");
    // The exchange said a moment ago that it lives: an outage takes nothing back.
    assert_eq!(with(status(500)), "signed in");
    assert_eq!(with(lost(TransportError::Timeout)), "signed in");
}

#[test]
fn the_pkce_dialect_asks_nobody_else_where_signatures_are_checked() {
    let key = Signer::new("k1");
    let times = json!({
        "userId": "usr_1", "createdAt": START * 1000, "expiresAt": (START + 900) * 1000,
    });
    let lives = answer(200, &times);
    for (mode, lives) in [
        (VerificationMode::Keys, None),
        (VerificationMode::KeysAndSession, Some(lives)),
    ] {
        let mut config = config(Dialect::Pkce);
        let options = VerificationOptions {
            mode,
            ..VerificationOptions::default()
        };
        config.verification = options.build(&config.base_url, &config.project_id).unwrap();
        let engine = open(config, Entropy::new([7; 32]));
        let text = key.token("usr_1", 600);
        let got = json!({ "access_token": text, "token_type": "Bearer", "expires_in": 600 });
        let answers = [published(&[&key]), answer(200, &got)].into_iter();
        let (output, sent) = signed_in(&engine, at(1), answers.chain(lives).collect());
        let signed_in = output.unwrap();
        assert!(sent.iter().all(|sent| sent.path != "/auth/verify"));
        let user = signed_in.identity.user();
        assert!(user.session_token().same_as(&token(&text)));
        assert_eq!(signed_in.session.id().as_str(), "ses-usr_1");
        assert!(signed_in.cookies[1].expose().ends_with("Max-Age=660"));
    }
}

#[test]
fn a_fetch_of_keys_waits_for_one_under_way() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let fetch = || fetching(&engine);
    let (mut first, mut second) = (fetch(), fetch());
    assert!(matches!(first.step(Event::Start, at(0)), Step::Send(_)));
    assert!(matches!(second.step(Event::Start, at(0)), Step::Wait(_)));
    assert!(matches!(second.step(Event::Woken, at(0)), Step::Wait(_)));
    let brought = first.step(Event::Delivered(published(&[&key])), at(1));
    assert!(matches!(brought, Step::Done(Fetched::Updated)));
    let after = second.step(Event::Woken, at(1));
    assert!(matches!(after, Step::Done(Fetched::NotDue)));
    // One that never ends is waited for as long as two calls may take.
    let lost = by_keys();
    let mut never = fetching(&lost);
    assert!(matches!(never.step(Event::Start, at(0)), Step::Send(_)));
    let longest = lost.config().policy.call_timeout * 2;
    let ran = run(fetching(&lost), at(0), []);
    assert_eq!(ran.output, Fetched::NotDue);
    assert_eq!(ran.waits.iter().sum::<Duration>(), longest);
}

#[test]
fn a_newer_token_is_checked_by_the_rules_of_the_next_request() {
    let key = Signer::new("k1");
    let token = |from: i64, issuer: &str| {
        key.sign(&claims(&json!({
            "iss": issuer, "iat": START + from, "exp": START + from + 300,
        })))
    };
    let (ours, other) = ("https://cloud.mastra.ai", "https://other.example");
    let owner = || data(&json!({ "user": user("usr_1", &["owner"]) }));
    for mode in [VerificationMode::Keys, VerificationMode::KeysAndSession] {
        let lives = || data(&json!({ "session": session("ses_1", "usr_1", 3600) }));
        let asked = || (mode == VerificationMode::KeysAndSession).then(lives);
        let old = token(0, ours);
        let begun = || {
            let engine = deployment(mode);
            let answers = [published(&[&key]), exchanged("usr_1", &old)];
            let (output, _) =
                signed_in(&engine, at(1), answers.into_iter().chain(asked()).collect());
            assert!(output.is_ok());
            engine
        };
        let renewed = |engine: &Arc<Engine>, newer: &str, second| {
            let session = session("ses_1", "usr_1", 3600);
            let newer = data(&json!({ "session": session, "jwt": newer }));
            let flow = refreshing(engine, crate::world::token(&old));
            run(flow, at(second), [newer, owner()]).output
        };
        // By the claims, whatever the Cloud says beside them.
        let Renewal::Renewed(good) = renewed(&begun(), &token(250, ours), 260) else {
            panic!("it is good");
        };
        assert_eq!(good.identity.user().roles(), ["member"]);
        // One that would be refused is not handed out: the old one is good until its end, and then the session is over.
        let engine = begun();
        let kept = renewed(&engine, &token(10, other), 20);
        assert!(
            matches!(kept, Renewal::Unavailable(error) if error.code() == "token_issuer_mismatch")
        );
        let over = renewed(&engine, &token(300, other), 340);
        assert!(matches!(over, Renewal::Ended(error) if error.code() == "token_issuer_mismatch"));
        // Nor is one that is over by its signature.
        let renewal = renewed(&begun(), &token(-400, ours), 260);
        let (Renewal::Ended(error) | Renewal::Unavailable(error)) = renewal else {
            panic!("it is over");
        };
        assert_eq!(error.code(), "session_expired");
        // Nor one whose user the Cloud states otherwise.
        let engine = begun();
        let of_other = |from| {
            let times = json!({ "sub": "usr_2", "iat": START + from, "exp": START + from + 300 });
            key.sign(&claims(&times))
        };
        let newer = json!({ "session": session("ses_1", "usr_2", 3600), "jwt": of_other(250) });
        let flow = refreshing(&engine, crate::world::token(&of_other(0)));
        let renewal = run(flow, at(260), [data(&newer), owner()]).output;
        assert!(
            matches!(renewal, Renewal::Unavailable(error) if error.code() == "invalid_response")
        );
        // One that was good when it came and is over when the answer about it comes says nothing of the session.
        let mut flow = refreshing(&begun(), crate::world::token(&old));
        let newer = json!({ "session": session("ses_1", "usr_1", 3600), "jwt": token(250, ours) });
        assert!(matches!(flow.step(Event::Start, at(260)), Step::Send(_)));
        let newer = Event::Delivered(data(&newer));
        assert!(matches!(flow.step(newer, at(261)), Step::Send(_)));
        let Step::Done(late) = flow.step(Event::Delivered(owner()), at(590)) else {
            panic!("an end");
        };
        assert!(matches!(late, Renewal::Unavailable(error) if error.code() == "timeout"));
    }
}
