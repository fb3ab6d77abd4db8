//! A wall clock that is set while a deployment is at work: times of our own go on, and what ended stays ended.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::time::Now;
use serde_json::json;

use crate::keys::by_keys;
use crate::renew::short;
use crate::renewing::{left, renewal, with_cookie};
use crate::world::signer::{Signer, published};
use crate::world::{START, at, jwt, run, sign_in, status, token, v1, verified, with_bearer};

const DAY: i64 = 86_400;

/// So many seconds after the start, on a wall clock that is so many days ahead.
fn ahead(seconds: u64, days: u64) -> Now {
    let now = at(seconds);
    Now {
        wall: now.wall.plus(Duration::from_hours(24 * days)),
        ..now
    }
}

fn ask(engine: &Arc<Engine>, text: &str, now: Now) -> String {
    let (said, calls) = with_bearer(engine, text, now, []);
    assert_eq!(calls, 0, "the keys are as old as they are");
    said
}

fn sign_out(engine: &Arc<Engine>, text: &str, now: Now) {
    let flow = Logout::new(
        Arc::clone(engine),
        token(text),
        Effort::Once,
        now,
        Jitter(1),
    );
    let _ = run(flow, now, [status(500)]);
}

#[test]
fn threat_085_a_clock_that_jumps_revives_no_sign_out() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let [out, other, stays] = [("usr_1", DAY), ("usr_2", 10 * DAY), ("usr_3", 10 * DAY)]
        .map(|(user, end)| key.token(user, end));
    with_bearer(&engine, &stays, at(0), [published(&[&key])]);
    for text in [&out, &other] {
        assert!(ask(&engine, text, at(1)).starts_with("user"));
    }
    sign_out(&engine, &out, at(2));
    assert_eq!(ask(&engine, &out, at(3)), "rejected signed_out");

    // While the clock is wrong another user signs out: that evicts no entry that only seems to be expired.
    sign_out(&engine, &other, ahead(4, 2));
    assert!(ask(&engine, &out, ahead(5, 2)).starts_with("rejected"));
    assert_eq!(ask(&engine, &stays, ahead(6, 2)), "user usr_3");

    for (text, said) in [
        (&out, "rejected signed_out"),
        (&other, "rejected signed_out"),
        (&stays, "user usr_3"),
    ] {
        assert_eq!(ask(&engine, text, at(7)), said);
    }
}

/// A way to revoke a user's token.
type End<'a> = &'a dyn Fn(&Arc<Engine>, &str);

#[test]
fn threat_085_a_clock_that_is_ahead_for_a_moment_lets_nobody_in_who_ended() {
    let wide: [End<'_>; 3] = [
        &|engine, _| engine.end_session(&SessionId::parse("s1").unwrap(), at(10)),
        &|engine, _| engine.end_user(&UserId::parse("usr_1").unwrap(), at(10)),
        &|engine, _| {
            let (namespace, begin) = (engine.namespace(), START * 1000);
            let said = format!("1 {namespace} session {begin} {} s1", begin + DAY * 1000);
            engine.apply_texts([said.as_str()], at(10));
        },
    ];
    let of_the_token: End<'_> = &|engine, text| sign_out(engine, text, at(10));
    let ends = wide.map(|end| (end, 1)).into_iter();
    for (end, calls) in ends.chain([(of_the_token, 0)]) {
        for is_seen in [true, false] {
            let here = v1();
            // It says nothing of its own end.
            let text = jwt(&json!({ "sub": "usr_1", "sid": "s1", "iat": START }));
            let good = || verified("usr_1", &[]);
            if is_seen {
                assert_eq!(with_bearer(&here, &text, at(0), [good()]).0, "user usr_1");
            }
            end(&here, &text);
            // One that was never seen is asked about once, and the Cloud takes it.
            let calls = if is_seen { 0 } else { calls };
            let answers = (0..calls).map(|_| good());
            let refused = |calls| ("rejected signed_out".to_owned(), calls);
            let during = with_bearer(&here, &text, ahead(12, 2), answers);
            assert_eq!(during, refused(calls));
            for now in [ahead(13, 2), at(14), at(80_000)] {
                assert_eq!(with_bearer(&here, &text, now, []), refused(0));
            }
            let after = with_bearer(&here, &text, at(86_500), [good()]);
            assert_eq!(after, ("user usr_1".to_owned(), 1));
        }
    }
}

#[test]
fn threat_085_a_clock_that_is_ahead_by_nearly_a_life_renews_no_oftener() {
    let engine = v1();
    // The Cloud's clock is 245 s behind this one, and its tokens live 300 s: each is near its end when it comes.
    let issued = |cloud: i64| short("usr_1", cloud, cloud + 300);
    let mut held = issued(0);
    sign_in(&engine, "usr_1", &held);
    let mut renewed = Vec::new();
    for second in 0..40 {
        let now = at(301 + second);
        let newer = issued(56 + i64::try_from(second).unwrap());
        let is_time = second % 15 == 0;
        let answers = is_time.then(|| renewal("usr_1", &newer));
        let served = with_cookie(&engine, &held, now, answers.into_iter().flatten());
        let expect = is_time.then_some(newer.as_str());
        assert_eq!(
            served,
            left("user usr_1", expect, if is_time { 2 } else { 0 })
        );
        if is_time {
            renewed.push(second);
            held = newer;
        }
    }
    assert_eq!(renewed, [0, 15, 30]);
}
