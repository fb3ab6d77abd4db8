//! A refusal, and a newer session that came with a failed answer: the platform may have taken it back.

use std::time::Duration;

use mastra_auth_cloud_core::flow::refresh_session::refresh_session;
use mastra_auth_cloud_core::flow::validate_session::validate_session;

use super::around::*;
use super::*;

#[test]
fn redis_is_asked_once_more_before_a_refusal_counts() {
    type Job = fn(&mut Around, &Arc<Engine>) -> (String, Vec<String>);
    let jobs: [Job; 4] = [
        |around, engine| {
            let (said, asked, _) = around.request(engine, "s1", []);
            (said, asked)
        },
        |around, engine| (around.look(engine, "s1"), around.asked()),
        |around, engine| {
            let live = validate_session(engine, sealed("s1"), Jitter(1));
            let live = around.drive(live.into_task()).unwrap();
            let said = live.map_or("signed out", |_| "user usr_1");
            (said.to_owned(), around.asked())
        },
        |around, engine| around.refresh(engine, "s1", []),
    ];
    for (number, job) in jobs.into_iter().enumerate() {
        let mut around = Around::new(at(0));
        around.redis = left_by_another("s1", Some("s2"));
        // The first look is lost.
        around.before_reply = Box::new(|reply, redis| redis.is_away = reply == 1);
        around.answers.extend([ended(), me("usr_1")]);
        let (said, asked) = job(&mut around, &instance());
        let (expect, first) = match number {
            3 => ("usr_1 has s2", "refresh s1"),
            _ => ("user usr_1", "me s1"),
        };
        assert_eq!(
            (said.as_str(), asked),
            (expect, vec![first.to_owned(), "me s2".to_owned()])
        );
    }
}

#[test]
fn a_newer_session_that_the_platform_took_back_ends_no_old_one() {
    for with_redis in [true, false] {
        let (engine, mut around) = (instance(), Around::new(at(0)));
        around.redis.is_away = !with_redis;
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        // What is stale serves.
        let failed = around.request(&engine, "s1", [failing("s2")]);
        assert_eq!(failed, expect("user usr_1", &["me s1"], None));
        let away = || answer(503, &json!({}));
        let failed = around.request(&engine, "s1", [away(), away()]);
        assert_eq!(failed, expect("user usr_1", &["me s2", "me s2"], None));
        // The old one is good, and the newer one was never set.
        let same = || answer(200, &json!({ "ok": true }));
        let good = around.request(&engine, "s1", [ended(), same(), me("usr_1")]);
        let asked = ["me s2", "refresh s1", "me s1"];
        assert_eq!(good, expect("user usr_1", &asked, None));
        around.now = at(62);
        let good = around.request(&engine, "s1", [me("usr_1")]);
        assert_eq!(good, expect("user usr_1", &["me s1"], None));
        assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);
    }
}

#[test]
fn an_instance_that_is_told_of_a_session_that_the_platform_took_back_asks_about_the_old_one() {
    type Job = fn(&mut Around, &Arc<Engine>) -> (String, Vec<String>);
    let jobs: [(Job, &[&str]); 3] = [
        (
            |around, engine| (around.look(engine, "s1"), around.asked()),
            &["me s2", "me s1"],
        ),
        (
            |around, engine| {
                let live = validate_session(engine, sealed("s1"), Jitter(1));
                let live = around.drive(live.into_task()).unwrap();
                let said = live.map_or("signed out", |_| "user usr_1");
                (said.to_owned(), around.asked())
            },
            &["me s2", "me s1"],
        ),
        (
            |around, engine| around.refresh(engine, "s1", []),
            &["me s2", "refresh s1", "me s1"],
        ),
    ];
    for (job, calls) in jobs {
        let first = instance();
        let mut around = Around::new(at(0));
        around.request(&first, "s1", [failing("s2")]);
        around.asked();
        around.answers.push_back(ended());
        if calls.len() == 3 {
            around
                .answers
                .push_back(answer(200, &json!({ "ok": true })));
        }
        around.answers.push_back(me("usr_1"));
        let (said, asked) = job(&mut around, &instance());
        assert!(
            ["user usr_1", "unchanged"].contains(&said.as_str()),
            "{said}"
        );
        assert_eq!(asked, calls);
        assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);
        // The first instance knows it too, when it asks.
        around.now = at(31);
        around.answers.extend([ended(), me("usr_1")]);
        let live = validate_session(&first, sealed("s1"), Jitter(1));
        assert!(around.drive(live.into_task()).unwrap().is_some());
        assert_eq!(around.asked(), ["me s2", "me s1"]);
        around.now = at(62);
        let good = around.request(&first, "s1", [me("usr_1")]);
        assert_eq!(good, expect("user usr_1", &["me s1"], None));
    }
}

#[test]
fn what_the_platform_took_back_is_shared_until_it_accepts_the_old_session() {
    let told = || {
        let mut around = Around::new(at(0));
        around.request(&instance(), "s1", [failing("s2")]);
        around.asked();
        around
    };
    // It is known to be refused already.
    let (engine, mut around) = (instance(), told());
    around.answers.push_back(ended());
    assert_eq!(around.look(&engine, "s2"), "rejected unauthorized");
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&engine, "s1"), "user usr_1");
    assert_eq!(around.asked(), ["me s2", "me s1"]);
    assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);

    let mut around = told();
    let away = || answer(503, &json!({}));
    around.answers.extend([ended(), away(), away()]);
    let said = around.look(&instance(), "s1");
    assert_eq!(said, "unavailable request_failed");
    assert_eq!(around.redis.values.len(), 1, "{:?}", around.redis.values);

    // Another instance asks about the old one at the same time: it may have a newer one.
    let mut around = told();
    let claim = around.redis.key_of(":newer").replace(":newer", ":claim");
    let end = Duration::from_secs(99);
    around.redis.values.insert(claim, ("1".to_owned(), end));
    around.answers.extend([ended(), me("usr_1")]);
    assert_eq!(around.look(&instance(), "s1"), "user usr_1");
    assert_eq!(around.redis.values.len(), 2, "{:?}", around.redis.values);
}

#[test]
fn a_session_is_over_where_the_platform_refuses_it_and_the_newer_one() {
    let engine = platform();
    let failed = brief(&engine, Driver::Follows, "s1", at(0), [failing("s2")]);
    assert_eq!(failed.0, "unavailable request_failed");
    let live = validate_session(&engine, sealed("s1"), Jitter(1));
    let ran = run(live.into_task(), at(1), [ended(), ended()]);
    assert!(ran.output.unwrap().is_none());
}

#[test]
fn a_sign_out_while_the_newer_session_is_asked_about_wins() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.request(&engine, "s1", [rotated("usr_1", "s2")]);
    (around.now, around.replies) = (at(31), 0);
    around.asked();
    let here = Arc::clone(&engine);
    around.before_reply = Box::new(move |reply, _| {
        if reply == 1 {
            let (token, effort) = (sealed("s1"), Effort::Full);
            let logout = Logout::new(Arc::clone(&here), token, effort, at(31), Jitter(1));
            run(logout, at(31), [answer(200, &json!({ "ok": true }))]);
        }
    });
    let ended = around.refresh(&engine, "s1", [ended()]);
    assert_eq!(
        ended,
        ("ended signed_out".to_owned(), vec!["me s2".to_owned()])
    );
}

#[test]
fn a_host_is_told_that_a_session_expired_once_a_newer_one_is_known_to_be_good() {
    let engine = platform();
    let asks = |second, answers: Vec<Delivery>| {
        brief(&engine, Driver::LeavesToHost, "s1", at(second), answers)
    };
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    assert_eq!(asks(31, vec![failing("s2")]), good(1, None));
    let away = || answer(503, &json!({}));
    assert_eq!(
        asks(32, vec![away(), away()]),
        good(2, None),
        "what is stale"
    );
    let late = ("unavailable request_failed".to_owned(), 2, None);
    assert_eq!(asks(95, vec![away(), away()]), late);
    assert_eq!(asks(96, vec![me("usr_1")]), rejected("session_expired", 1));
    let ran = run(
        refresh_session(&engine, sealed("s1"), Jitter(1)).into_task(),
        at(96),
        [],
    );
    assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
}
