//! What ended stays ended: past its token's own end, where tables are full, where clocks jump, and whatever name it goes by.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::time::Now;
use mastra_auth_cloud_core::verification::VerificationMode;
use serde_json::json;

use crate::keys::{ask, by_keys, deployment};
use crate::renew::{handed_out, said};
use crate::world::signer::{Signer, published};
use crate::world::{
    START, at, config, data, lost, refreshing, run, session, sign_in, status, token, v1, verified,
    with_bearer,
};

const DAY: u64 = 86_400;

/// A way to end something.
type End<'a> = &'a dyn Fn(&Arc<Engine>);

fn days(number: i64) -> i64 {
    number * i64::try_from(DAY).unwrap()
}

fn sign_out(engine: &Arc<Engine>, text: &str, seconds: u64, answers: Vec<Delivery>) {
    let (now, engine) = (at(seconds), Arc::clone(engine));
    let flow = Logout::new(engine, token(text), Effort::Once, now, Jitter(1));
    let _ = run(flow, now, answers);
}

fn session_id(id: &str) -> SessionId {
    SessionId::parse(id).unwrap()
}

#[test]
fn threat_031_a_sign_out_outlasts_the_leeway_of_its_token() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let text = key.token("usr_1", days(2));
    ask(&engine, &text, 0, vec![published(&[&key])]);
    sign_out(&engine, &text, 1, vec![status(500)]);
    for seconds in [2 * DAY - 1, 2 * DAY, 2 * DAY + 29] {
        assert_eq!(
            ask(&engine, &text, seconds, vec![]),
            "rejected signed_out, 0 calls"
        );
    }
}

#[test]
fn threat_031_a_session_that_ended_does_not_outlive_what_was_thought_of_it() {
    let hear = |engine: &Engine, what: &str| {
        let (at, until) = (START * 1000, (START + days(1)) * 1000);
        let text = what.replace("AT", &format!("{at} {until}"));
        let text = format!("1 {} {text}", engine.namespace());
        assert_eq!(engine.apply_texts([text.as_str()], self::at(1)).new, 1);
    };
    let ends: [End<'_>; 4] = [
        &|engine| engine.end_session(&session_id("ses-usr_1"), at(1)),
        &|engine| engine.end_user(&UserId::parse("usr_1").unwrap(), at(1)),
        &|engine| hear(engine, "session AT ses-usr_1"),
        &|engine| hear(engine, "user AT usr_1"),
    ];
    for end in ends {
        let (key, engine) = (Signer::new("k1"), by_keys());
        // Its tokens live longer than any session was thought to, and none was seen before.
        end(&engine);
        let text = key.token("usr_1", days(3));
        assert_eq!(
            ask(&engine, &text, 10, vec![published(&[&key])]),
            "rejected signed_out, 1 calls"
        );
        let another = key.sign(&json!({
            "iss": "https://cloud.mastra.ai", "aud": "demo", "sub": "usr_1", "sid": "ses-usr_1",
            "iat": START - 1, "exp": START + days(3),
        }));
        let told = ask(&engine, &text, 2 * DAY, vec![]);
        assert_eq!(told, "rejected signed_out, 0 calls");
        let told = ask(&engine, &another, 2 * DAY, vec![published(&[&key])]);
        assert_eq!(told, "rejected signed_out, 1 calls");
    }
}

#[test]
fn threat_080_what_others_say_pushes_out_no_sign_out_of_here() {
    for after in [false, true] {
        let mut config = config(Dialect::V1);
        config.policy.deny_list_capacity = 3;
        let engine = Engine::new(config, Entropy::new([7; 32]));
        let flood: Vec<_> = (0..10)
            .map(|n| {
                format!(
                    "1 {} session {} {} s{n}",
                    engine.namespace(),
                    START * 1000,
                    i64::MAX
                )
            })
            .collect();
        let hear = || engine.apply_texts(flood.iter().map(String::as_str), at(2));
        let told = with_bearer(&engine, "ada", at(1), [verified("usr_1", &[])]);
        assert_eq!(told.0, "user usr_1");
        if !after {
            hear();
        }
        sign_out(&engine, "ada", 2, vec![status(500)]);
        if after {
            hear();
        }
        let told = with_bearer(&engine, "ada", at(3), []);
        assert_eq!(told, ("rejected signed_out".to_owned(), 0));
        assert_eq!(engine.statistics().deny_list, 3);
    }
}

#[test]
fn threat_031_a_token_that_ended_elsewhere_takes_the_newer_one_along() {
    let (here, there) = (v1(), v1());
    assert!(here.publish_revocations(|| {}) && there.publish_revocations(|| {}));
    sign_in(&there, "usr_1", "old");
    let renew = |answers| {
        let flow = refreshing(&there, token("old"));
        said(&run(flow, at(5), answers).output)
    };
    let answers = vec![handed_out("usr_1", "new"), verified("usr_1", &[])];
    assert_eq!(renew(answers), "usr_1 has new");
    // The other instance knows the token alone: it does not name its session, and the Cloud is unreachable.
    with_bearer(&here, "old", at(5), [verified("usr_1", &[])]);
    sign_out(&here, "old", 6, vec![lost(TransportError::Connect)]);
    let ended = here.take_revocations(9);
    assert_eq!(ended.len(), 1);
    there.apply(ended, at(7));
    assert_eq!(renew(vec![]), "ended signed_out");
    let told = with_bearer(&there, "new", at(8), []);
    assert_eq!(told, ("rejected signed_out".to_owned(), 0));
    assert_eq!(
        there.take_revocations(9).len(),
        2,
        "the newer one and its session"
    );
}

#[test]
fn threat_031_with_sessions_what_the_cloud_says_of_one_counts() {
    let key = Signer::new("k1");
    // Issued after the end, in a session that began before it and that the Cloud knows by another id.
    let text = key.sign(&json!({
        "iss": "https://cloud.mastra.ai", "aud": "demo", "sub": "usr_1", "sid": "ses-usr_1",
        "iat": START + 10, "exp": START + 3600,
    }));
    let ends: [End<'_>; 2] = [
        &|engine| engine.end_session(&session_id("ses_9"), at(5)),
        &|engine| engine.end_user(&UserId::parse("usr_1").unwrap(), at(5)),
    ];
    for end in ends {
        let engine = deployment(VerificationMode::KeysAndSession);
        end(&engine);
        let found = data(&json!({ "session": session("ses_9", "usr_1", 9999) }));
        assert_eq!(
            ask(&engine, &text, 11, vec![published(&[&key]), found]),
            "rejected signed_out, 2 calls"
        );
        assert_eq!(
            ask(&engine, &text, 12, vec![]),
            "rejected signed_out, 0 calls"
        );
    }
}

#[test]
fn threat_031_a_clock_that_is_ahead_for_a_moment_lets_nobody_in_again() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let text = key.token("usr_1", days(1));
    ask(&engine, &text, 0, vec![published(&[&key])]);
    sign_out(&engine, &text, 1, vec![status(500)]);
    let ahead = Now {
        wall: at(30 * DAY).wall,
        monotonic: Duration::from_secs(2),
    };
    engine.end_session(&session_id("other"), ahead);
    assert_eq!(
        ask(&engine, &text, 3, vec![]),
        "rejected signed_out, 0 calls"
    );
}

#[test]
fn threat_080_what_was_in_use_is_shut_out_though_its_end_gave_way() {
    let ends: [End<'_>; 3] = [
        &|engine| sign_out(engine, "ada", 2, vec![status(500)]),
        &|engine| engine.end_session(&session_id("ses_1"), at(2)),
        &|engine| engine.end_user(&UserId::parse("usr_1").unwrap(), at(2)),
    ];
    for end in ends {
        let mut config = config(Dialect::V1);
        config.policy.deny_list_capacity = 0;
        let engine = Engine::new(config, Entropy::new([7; 32]));
        sign_in(&engine, "usr_1", "ada");
        end(&engine);
        let told = with_bearer(&engine, "ada", at(3), []);
        assert_eq!(told, ("rejected signed_out".to_owned(), 0));
    }
}

#[test]
fn threat_031_a_token_takes_the_newer_one_along_where_it_names_no_session() {
    let engine = v1();
    with_bearer(&engine, "old", at(1), [verified("usr_1", &[])]);
    let flow = refreshing(&engine, token("old"));
    let answers = [handed_out("usr_1", "new"), verified("usr_1", &[])];
    assert_eq!(said(&run(flow, at(2), answers).output), "usr_1 has new");
    sign_out(&engine, "old", 3, vec![status(500)]);
    for text in ["old", "new"] {
        let told = with_bearer(&engine, text, at(4), []);
        assert_eq!(told, ("rejected signed_out".to_owned(), 0), "{text}");
    }
}
