//! Several instances, one session and one Redis: who asks the platform, and what the others are answered.

use std::time::Duration;

use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::flow::{Event, Step};
use mastra_auth_cloud_core::ids::UserId;

use super::around::*;
use super::*;

#[test]
fn threat_033_one_instance_asks_and_the_others_take_the_newer_session() {
    let (one, two, three) = (instance(), instance(), instance());
    let mut around = Around::new(at(0));
    let first = around.request(&one, "s1", [rotated("usr_1", "s2")]);
    assert_eq!(first, expect("user usr_1", &["me s1"], Some("s2")));
    // The platform refuses the old one from now on: no other instance asks with it.
    for other in [&two, &three] {
        let answered = around.request(other, "s1", [me("usr_1")]);
        assert_eq!(answered, expect("user usr_1", &["me s2"], Some("s2")));
        // From now on it is known here, and Redis is not asked.
        around.redis.seen.clear();
        let again = around.request(other, "s1", []);
        assert_eq!(again, expect("user usr_1", &[], Some("s2")));
        let newest = around.request(other, "s2", []);
        assert_eq!(newest, expect("user usr_1", &[], None));
        assert_eq!(around.redis.seen, [""; 0]);
    }
    // It may be replaced again by each of them.
    around.now = at(40);
    let next = around.request(&two, "s1", [rotated("usr_1", "s3")]);
    assert_eq!(next, expect("user usr_1", &["me s2"], Some("s3")));
    let next = around.request(&three, "s2", [me("usr_1")]);
    assert_eq!(next, expect("user usr_1", &["me s3"], Some("s3")));
    let fresh = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(fresh, expect("user usr_1", &["me s3"], Some("s3")));
}

#[test]
fn an_instance_that_never_saw_the_session_goes_on_where_no_cookie_could_be_set() {
    let (one, mut around) = (instance(), Around::new(at(0)));
    for minute in 0..=25_u64 {
        around.now = at(minute * 60);
        let answer = match minute / 5 {
            number if minute % 5 == 0 => rotated("usr_1", &format!("s{}", number + 1)),
            _ => me("usr_1"),
        };
        around.answers.push_back(answer);
        assert_eq!(around.look(&one, "s0"), "user usr_1", "{minute}");
    }
    let kept = |around: &Around| {
        let keys = around.redis.values.keys();
        keys.filter(|key| key.ends_with(":newer")).count()
    };
    assert_eq!(kept(&around), 3, "the first, and two within their grace");
    // A stream that goes on with the newest alone moves the first one too.
    around.now = at(30 * 60);
    around.answers.push_back(rotated("usr_1", "s7"));
    assert_eq!(around.look(&one, "s6"), "user usr_1");
    around.now = at(100 * 60);
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&instance(), "s0"), "user usr_1");
    assert_eq!(around.asked().last().unwrap(), "me s7");
    assert_eq!(kept(&around), 2, "the first, and what the stream has");
    // Once the newer one is handed out, the old ones are kept for the grace alone.
    let set = around.request(&one, "s0", [me("usr_1")]);
    assert_eq!(set, expect("user usr_1", &["me s7"], Some("s7")));
    around.now = at(109 * 60);
    assert_eq!(kept(&around), 2);
    let late = around.request(&instance(), "s0", [me("usr_1")]);
    assert_eq!(late, expect("user usr_1", &["me s7"], Some("s7")));
    around.now = at(111 * 60);
    let over = around.request(&instance(), "s0", [ended(), ended()]);
    let asked = ["me s0", "refresh s0"];
    assert_eq!(over, expect("rejected unauthorized", &asked, None));
}

#[test]
fn a_look_at_a_session_alone_shares_it_for_longer_too() {
    let (one, mut around) = (instance(), Around::new(at(0)));
    around.answers.push_back(rotated("usr_1", "s1"));
    let live = around.drive(validate_session(&one, sealed("s0"), Jitter(1)).into_task());
    assert!(live.unwrap().is_some());
    around.now = at(20 * 60);
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&instance(), "s0"), "user usr_1");
    assert_eq!(around.asked(), ["me s0", "me s1"]);
}

#[test]
fn threat_114_redis_is_left_with_the_newer_session_alone_and_with_no_text_of_any() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.request(&engine, "secret-one", [me("usr_1")]);
    let look = ["SET claim", "GETRANGE newer"];
    assert_eq!(around.redis.seen, [&look[..], &["DEL claim"]].concat());
    assert!(around.redis.values.is_empty());
    around.redis.seen.clear();
    around.now = at(31);
    around.request(&engine, "secret-one", [rotated("usr_1", "secret-two")]);
    let keep = ["SET newer", "DEL claim"];
    assert_eq!(around.redis.seen, [look, keep].concat());
    let kept = format!("{:?}", around.redis.values);
    assert!(
        kept.contains(":newer") && !kept.contains("secret"),
        "{kept}"
    );
    let (_, end) = &around.redis.values[&around.redis.key_of(":newer")];
    assert_eq!(*end, Duration::from_secs(31 + 600));
}

#[test]
fn a_session_that_another_instance_asks_about_is_waited_for() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    let newer = left_by_another("s1", Some("s2"));
    let claim = newer.key_of(":newer").replace(":newer", ":claim");
    let end = Duration::from_secs(10);
    around.redis.values.insert(claim, ("1".to_owned(), end));
    around.during = Box::new(move |wait, redis| {
        if wait == 5 {
            redis.values.extend(newer.values.clone());
        }
    });
    let answered = around.request(&engine, "s1", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s2"], Some("s2")));
    // 25 ms, doubled up to 200 ms, each spread by half.
    for (wait, base) in around.waits.iter().zip([25, 50, 100, 200, 200]) {
        let base = Duration::from_millis(base);
        assert!(*wait >= base / 2 && *wait <= base * 3 / 2, "{wait:?}");
    }
    assert_eq!(around.waits.len(), 5);
}

#[test]
fn a_claim_ends_by_itself_and_no_request_waits_longer_than_for_a_call() {
    // The other instance is lost: nothing was ever kept.
    let claimed = |seconds| {
        let mut around = Around::new(at(0));
        let newer = left_by_another("s1", Some("s2"));
        let claim = newer.key_of(":newer").replace(":newer", ":claim");
        let end = Duration::from_secs(seconds);
        around.redis.values.insert(claim, ("1".to_owned(), end));
        around
    };
    let mut around = claimed(1);
    let answered = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], None));
    let waited = around.waits.iter().sum::<Duration>();
    assert!(waited < Duration::from_millis(1300), "{waited:?}");
    assert!(around.redis.values.is_empty(), "claimed and released");

    let mut around = claimed(10);
    let answered = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], None));
    let waited = around.waits.iter().sum::<Duration>();
    assert!(
        waited >= Duration::from_secs(3) && waited < Duration::from_millis(3300),
        "{waited:?}"
    );
    assert_eq!(around.redis.values.len(), 1, "another's claim stays");
}

#[test]
fn a_refusal_counts_at_once_only_where_no_instance_can_have_a_newer_session() {
    let known = |around: &mut Around| {
        let engine = instance();
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        engine
    };
    let mut around = Around::new(at(0));
    let engine = known(&mut around);
    around.redis.seen.clear();
    let refused = around.request(&engine, "s1", [ended(), ended()]);
    let asked = ["me s1", "refresh s1"];
    assert_eq!(refused, expect("rejected unauthorized", &asked, None));
    assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);
    let once = ["SET claim", "GETRANGE newer", "DEL claim"];
    assert_eq!(around.redis.seen, [once, once].concat());

    // Redis is away, or another instance still asks: a grace of 30 s, as without Redis.
    let mut around = Around::new(at(0));
    let engine = known(&mut around);
    around.redis.is_away = true;
    let tolerated = around.request(&engine, "s1", [ended()]);
    assert_eq!(tolerated, expect("user usr_1", &["me s1"], None));
    let mut around = Around::new(at(0));
    let engine = known(&mut around);
    let newer = left_by_another("s1", Some("s2"));
    let claim = newer.key_of(":newer").replace(":newer", ":claim");
    let end = Duration::from_secs(99);
    around.redis.values.insert(claim, ("1".to_owned(), end));
    let tolerated = around.request(&engine, "s1", [ended()]);
    assert_eq!(tolerated, expect("user usr_1", &["me s1"], None));
}

#[test]
fn a_refusal_says_nothing_while_another_instance_asks_for_longer_than_a_call_may_take() {
    let slow = || {
        let mut around = Around::new(at(0));
        let newer = left_by_another("s1", Some("s2"));
        let claim = newer.key_of(":newer").replace(":newer", ":claim");
        let end = Duration::from_secs(99);
        around.redis.values.insert(claim, ("1".to_owned(), end));
        (around, newer)
    };
    let (mut around, newer) = slow();
    around.answers.push_back(ended());
    assert_eq!(around.look(&instance(), "s1"), "unavailable timeout");
    // A host refreshes after `session_expired`.
    let engine = instance();
    around.answers.push_back(ended());
    let header = Some("__Host-mastra_session=s1");
    let credentials = Credentials::read(&engine, None, header).unwrap();
    let request = Authenticate::new(&engine, credentials).refreshed_by(Refresher::Host);
    let verdict = around.drive(request.into_task(Jitter(1)));
    assert_eq!(said(&verdict.answer), "rejected session_expired");
    let refreshed = around.refresh(&engine, "s1", [ended()]);
    assert_eq!(refreshed.0, "unavailable timeout");
    around.redis.values.extend(newer.values);
    let refreshed = around.refresh(&engine, "s1", [me("usr_1")]);
    assert_eq!(refreshed.0, "usr_1 has s2");
    // A driver that can set the cookie refreshes it itself, which waits once more.
    let (mut around, newer) = slow();
    around.during = Box::new(move |wait, redis| {
        // The time of a call is over before.
        if wait == 25 {
            redis.values.extend(newer.values.clone());
        }
    });
    let answered = around.request(&instance(), "s1", [ended(), me("usr_1")]);
    assert_eq!(
        answered,
        expect("user usr_1", &["me s1", "me s2"], Some("s2"))
    );
}

#[test]
fn without_redis_for_a_while_a_rotation_is_kept_here_and_shared_again_later() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.redis.is_away = true;
    let answered = around.request(&engine, "s1", [rotated("usr_1", "s2")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], Some("s2")));
    around.redis.is_away = false;
    around.now = at(31);
    let next = around.request(&engine, "s2", [rotated("usr_1", "s3")]);
    assert_eq!(next, expect("user usr_1", &["me s2"], Some("s3")));
    let other = around.request(&instance(), "s2", [me("usr_1")]);
    assert_eq!(other, expect("user usr_1", &["me s3"], Some("s3")));
    // One warning, however often it fails, and a minute later the next with the number.
    let failed = |second| engine.redis_failed(at(second));
    assert_eq!(
        [0, 1, 59, 60, 61].map(failed),
        [Some(1), None, None, Some(3), None]
    );
}

#[test]
fn a_value_that_cannot_be_decrypted_counts_as_none() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    let mut redis = left_by_another("s1", Some("s2"));
    let key = redis.key_of(":newer");
    redis
        .values
        .insert(key, ("1 AAAA".to_owned(), Duration::MAX));
    around.redis = redis;
    let answered = around.request(&engine, "s1", [rotated("usr_1", "s3")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], Some("s3")));
    let other = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(other, expect("user usr_1", &["me s3"], Some("s3")));
}

#[test]
fn a_sign_out_during_the_wait_wins() {
    for is_refresh in [false, true] {
        let (engine, mut around) = (instance(), Around::new(at(0)));
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        let newer = left_by_another("s1", Some("s2"));
        let claim = newer.key_of(":newer").replace(":newer", ":claim");
        let end = Duration::from_secs(99);
        around.redis.values.insert(claim, ("1".to_owned(), end));
        let here = Arc::clone(&engine);
        around.during = Box::new(move |wait, redis| {
            if wait == 2 {
                let logout = Logout::new(
                    Arc::clone(&here),
                    sealed("s1"),
                    Effort::Full,
                    at(31),
                    Jitter(1),
                );
                run(logout, at(31), [answer(200, &json!({ "ok": true }))]);
            }
            if wait == 3 {
                redis.values.extend(newer.values.clone());
            }
        });
        if is_refresh {
            let refreshed = around.refresh(&engine, "s1", []);
            assert_eq!(refreshed, ("ended signed_out".to_owned(), vec![]));
        } else {
            let refused = around.request(&engine, "s1", []);
            assert_eq!(refused, expect("rejected signed_out", &[], None));
        }
        assert_eq!(around.waits.len(), 2);
    }
}

#[test]
fn a_sign_out_or_the_end_of_a_user_while_redis_is_told_of_a_newer_session_wins() {
    type Job = fn(&mut Around, &Arc<Engine>) -> String;
    type End = fn(&Arc<Engine>, Now);
    let jobs: [Job; 4] = [
        |around, engine| {
            let header = "__Host-mastra_session=s1";
            let credentials = Credentials::read(engine, None, Some(header)).unwrap();
            let request = Authenticate::new(engine, credentials).refreshed_by(Refresher::Here);
            said(&around.drive(request.into_task(Jitter(1))).answer)
        },
        |around, engine| {
            let token = sealed("s1");
            let request = Authenticate::new(engine, Credentials::session(&token));
            said(&around.drive(request.into_task(Jitter(1))).answer)
        },
        |around, engine| {
            let live = validate_session(engine, sealed("s1"), Jitter(1));
            let live = around.drive(live.into_task()).unwrap();
            live.map_or("signed_out", |_| "alive").to_owned()
        },
        |around, engine| {
            let renewal = refresh_for_browser(engine, sealed("s1"), Jitter(1));
            renewal_said(&around.drive(renewal))
        },
    ];
    let ends: [End; 2] = [
        |engine, now| {
            let (token, effort) = (sealed("s1"), Effort::Full);
            let logout = Logout::new(Arc::clone(engine), token, effort, now, Jitter(1));
            let (mut task, mut event) = (logout.into_task(), Event::Start);
            // Of both, where the newer one is not known to be good.
            loop {
                (task, event) = match task.step(event, now) {
                    Step::Send(_, rest) => {
                        let done = answer(200, &json!({ "ok": true }));
                        (rest, Event::Delivered(done))
                    }
                    Step::Redis(_, rest) => (rest, Event::Lost),
                    _ => break,
                };
            }
        },
        |engine, now| engine.end_user(&UserId::parse("usr_1").unwrap(), now),
    ];
    // Where old sessions are shared for longer than the grace, they are moved to the newest.
    let all = ends.map(|end| [false, true].map(|is_moved| jobs.map(|job| (end, is_moved, job))));
    let all = all.into_iter().flatten().flatten();
    for (number, (end, is_moved, job)) in all.enumerate() {
        let run_to = |end_at: usize| {
            let (engine, mut around) = (instance(), Around::new(at(0)));
            around.request(&engine, "s1", [me("usr_1")]);
            if is_moved {
                around.now = at(31);
                around.answers.push_back(rotated("usr_1", "s1b"));
                assert_eq!(around.look(&engine, "s1"), "user usr_1");
            }
            let now = if is_moved { at(20 * 60) } else { at(31) };
            (around.now, around.replies) = (now, 0);
            let here = Arc::clone(&engine);
            around.before_reply = Box::new(move |reply, _| {
                if reply == end_at {
                    end(&here, now);
                }
            });
            // A refresh asks for the newer session first, and then whose it is.
            let answers = [rotated("usr_1", "s2"), me("usr_1")];
            around.answers.extend(answers);
            (job(&mut around, &engine), around.replies)
        };
        let (good, replies) = run_to(0);
        assert!(!good.contains("signed_out"), "{number}: {good}");
        assert!(replies >= 2, "{number}: {replies}");
        for reply in 1..=replies {
            let (said, _) = run_to(reply);
            assert!(said.contains("signed_out"), "{number}, {reply}: {said}");
        }
    }
}

#[test]
fn threat_114_a_newer_session_of_another_user_is_none() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.request(&engine, "s1", [me("usr_1")]);
    // Too late for what is stale.
    around.now = at(95);
    around.redis = left_by_another("s1", Some("s2"));
    let answered = around.request(&engine, "s1", [me("usr_2")]);
    assert_eq!(answered.0, "unavailable invalid_response");
    // Also where it is known here already.
    around.request(&engine, "s2", [me("usr_2")]);
    let answered = around.request(&engine, "s1", []);
    assert_eq!(answered, expect("unavailable invalid_response", &[], None));
}

#[test]
fn threat_114_sessions_that_name_one_another_in_a_circle_hold_up_no_task() {
    let mut around = Around::new(at(0));
    around.redis = left_by_another("s1", Some("s2"));
    around
        .redis
        .values
        .extend(left_by_another("s2", Some("s1")).values);
    let answered = around.request(&instance(), "s1", []);
    assert_eq!(answered.0, "rejected session_expired");
    assert!(around.redis.seen.len() < 600, "{}", around.redis.seen.len());
}

#[test]
fn a_refresh_takes_the_newer_session_too() {
    let (one, two) = (instance(), instance());
    let mut around = Around::new(at(0));
    let answers = || [setting("s2", &json!({ "ok": true })), me("usr_1")];
    let first = around.refresh(&one, "s1", answers());
    let asked = ["refresh s1", "me s2"].map(str::to_owned).to_vec();
    assert_eq!(first, ("usr_1 has s2".to_owned(), asked));
    let other = around.refresh(&two, "s1", [me("usr_1")]);
    let asked = vec!["me s2".to_owned()];
    assert_eq!(other, ("usr_1 has s2".to_owned(), asked));
    // Nothing newer: asked once, and the claim is free again.
    let same = around.refresh(
        &instance(),
        "s9",
        [answer(200, &json!({ "ok": true })), me("usr_1")],
    );
    assert_eq!(same.0, "unchanged");
    let left: Vec<_> = around
        .redis
        .values
        .keys()
        .filter(|it| it.ends_with("claim"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn where_the_newer_session_has_ended_so_has_the_old_one() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.redis = left_by_another("s1", Some("s2"));
    let refused = around.request(&engine, "s1", [ended(), ended(), ended()]);
    let asked = ["me s2", "me s1", "refresh s1"];
    assert_eq!(refused, expect("rejected unauthorized", &asked, None));
    around.redis.seen.clear();
    let again = around.request(&engine, "s1", []);
    assert_eq!(again, expect("rejected unauthorized", &[], None));
    assert_eq!(around.redis.seen, [""; 0], "it is cached");
}

#[test]
fn only_sealed_sessions_are_shared() {
    let engine = instance();
    let mut around = Around::new(at(0));
    let other = crate::world::v1();
    other.share_sessions();
    let body = json!({ "user": { "id": "usr_1", "email": "ada@example.com" } });
    for (engine, answer) in [(&engine, me("usr_1")), (&other, crate::world::data(&body))] {
        let credentials = Credentials::read(engine, Some("Bearer t-1"), None).unwrap();
        around.answers.push_back(answer);
        let request = Authenticate::new(engine, credentials);
        let verdict = around.drive(request.into_task(Jitter(1)));
        assert_eq!(said(&verdict.answer), "user usr_1");
    }
    assert_eq!(around.redis.seen, [""; 0]);
    let unshared = brief(&platform(), Driver::Sets, "s1", at(0), [me("usr_1")]);
    assert_eq!(unshared, good(1, None));
}

#[test]
fn a_newer_session_that_was_not_handed_out_is_shared_in_the_place_of_the_first_one() {
    let (one, mut around) = (instance(), Around::new(at(0)));
    around.answers.push_back(rotated("usr_1", "s1"));
    assert_eq!(around.look(&one, "s0"), "user usr_1");
    around.now = at(31);
    let same = answer(200, &json!({ "ok": true }));
    let refreshed = around.refresh(&one, "s1", [same, rotated("usr_1", "s2")]);
    assert_eq!(refreshed.0, "usr_1 has s2");
    around.now = at(100 * 60);
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&instance(), "s0"), "user usr_1");
    assert_eq!(around.asked(), ["me s2"]);
}

#[test]
fn no_request_waits_once_the_time_of_a_call_is_over() {
    let waits = |timeout: Option<Duration>| {
        let mut config = platform_config();
        config.policy.call_timeout = timeout.unwrap_or(config.policy.call_timeout);
        let engine = open(config, Entropy::new([7; 32]));
        engine.share_sessions();
        let mut around = Around::new(at(0));
        let newer = left_by_another("s1", Some("s2")).key_of(":newer");
        let (claim, end) = (newer.replace(":newer", ":claim"), Duration::from_secs(99));
        around.redis.values.insert(claim, ("1".to_owned(), end));
        around.request(&engine, "s1", [me("usr_1")]);
        around.waits
    };
    let first = waits(None)[0];
    assert_eq!(waits(Some(first)), [first]);
}
