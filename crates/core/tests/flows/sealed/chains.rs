//! Chains of sealed sessions over one Redis: each link may be lost, refused, taken back or signed out.

use std::time::Duration;

use mastra_auth_cloud_core::flow::Step;
use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::validate_session::validate_session;

use super::around::*;
use super::*;
use crate::world::Sent;

/// A Redis in which these sessions stand for one another.
fn chain(sessions: &[&str]) -> Around {
    let mut around = Around::new(at(0));
    for pair in sessions.windows(2) {
        let left = left_by_another(pair[0], Some(pair[1]));
        around.redis.values.extend(left.values);
    }
    around
}

fn away() -> Delivery {
    answer(503, &json!({}))
}

fn ok() -> Delivery {
    answer(200, &json!({ "ok": true }))
}

fn sign_out(
    engine: &Arc<Engine>,
    session: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> (SignOut, Vec<String>) {
    let logout = Logout::new(
        Arc::clone(engine),
        sealed(session),
        Effort::Full,
        now,
        Jitter(1),
    );
    let ran = run(logout, now, answers);
    let sent = ran.sent.iter().map(|sent| sent.cookie.clone().unwrap());
    let sent = sent.collect();
    (ran.output, sent)
}

fn look(around: &mut Around, engine: &Arc<Engine>, session: &str) -> String {
    let token = sealed(session);
    let request = Authenticate::new(engine, Credentials::session(&token));
    said(&around.drive(request.into_task(Jitter(1))).answer)
}

/// The platform refuses whatever it is asked about: what is said then, and the number of calls.
fn refused(around: &mut Around, job: impl FnOnce(&mut Around) -> String) -> (String, usize) {
    around.answers.extend((0..9).map(|_| ended()));
    let said = job(around);
    around.answers.clear();
    (said, around.asked().len())
}

#[test]
fn a_lost_reply_at_any_link_ends_no_session() {
    // The looks at both links, and the release between them.
    for lost in 1..=3 {
        let mut around = chain(&["s1", "s2", "s3"]);
        around.before_reply = Box::new(move |reply, redis| redis.is_away = reply == lost);
        let first = match lost {
            1 => Some("me s1"),
            3 => Some("me s2"),
            _ => None,
        };
        around.answers.extend(first.map(|_| ended()));
        around.answers.push_back(me("usr_1"));
        assert_eq!(around.look(&instance(), "s1"), "user usr_1", "{lost}");
        let asked: Vec<_> = first.into_iter().chain(["me s3"]).collect();
        assert_eq!(around.asked(), asked, "{lost}");
    }
}

#[test]
fn the_session_before_one_that_was_taken_back_is_found_after_a_lost_reply_too() {
    let mut around = chain(&["s1", "s2"]);
    around.before_reply = Box::new(|reply, redis| redis.is_away = reply == 3);
    around.answers.extend([ended(), me("usr_1")]);
    assert_eq!(around.look(&instance(), "s1"), "user usr_1");
    assert_eq!(around.asked(), ["me s2", "me s1"]);
}

#[test]
fn what_an_answer_sets_stands_for_each_session_on_the_way() {
    let engine = instance();
    let mut around = chain(&["s1", "s2"]);
    // Two looks, and the release of a claim. What comes fourth shares the newest.
    around.before_reply = Box::new(|reply, redis| redis.is_away = reply == 4);
    let answered = around.request(&engine, "s1", [rotated("usr_1", "s3")]);
    assert_eq!(answered, expect("user usr_1", &["me s2"], Some("s3")));
    // A browser that has the second from another instance.
    assert_eq!(around.look(&engine, "s2"), "user usr_1");
    let (output, sent) = sign_out(&engine, "s2", at(1), [ok()]);
    assert_eq!(output, SignOut::Ended);
    assert_eq!(sent, ["wos-session=s3"]);
    for session in ["s1", "s2", "s3"] {
        assert_eq!(around.look(&engine, session), "rejected signed_out");
    }
}

#[test]
fn a_sign_out_ends_the_old_session_too_where_the_newer_one_may_have_been_taken_back() {
    let (engine, other) = (instance(), instance());
    assert!(engine.publish_revocations(|| {}));
    let mut around = Around::new(at(0));
    around.request(&other, "s1", [me("usr_1")]);
    around.request(&engine, "s1", [failing("s2")]);
    let (output, sent) = sign_out(&engine, "s1", at(0), [ok(), ok()]);
    assert_eq!(output, SignOut::Ended);
    assert_eq!(sent, ["wos-session=s2", "wos-session=s1"]);
    let told = engine.take_revocations(20);
    other.apply(told, at(0));
    assert_eq!(around.look(&other, "s1"), "rejected signed_out");
    // What is not confirmed of either is not confirmed.
    let engine = instance();
    around.redis.values.clear();
    around.request(&engine, "s1", [failing("s2")]);
    let away = (0..4).map(|_| away());
    let (output, _) = sign_out(&engine, "s1", at(0), away.chain([ok()]));
    assert!(matches!(output, SignOut::NotConfirmed(_)), "{output:?}");
}

#[test]
fn a_dead_session_costs_no_more_calls_while_its_refusal_is_cached() {
    for (with_redis, is_verified) in [(true, true), (true, false), (false, true), (false, false)] {
        let title = format!("Redis {with_redis}, verified {is_verified}");
        let dead = || {
            let (engine, mut around) = (instance(), Around::new(at(0)));
            around.redis.is_away = !with_redis;
            let first = if is_verified {
                rotated("usr_1", "s2")
            } else {
                failing("s2")
            };
            around.request(&engine, "s1", [first]);
            around.now = at(95);
            (engine, around)
        };
        let (engine, mut around) = dead();
        let mut request = || {
            refused(&mut around, |around| {
                let header = "__Host-mastra_session=s1";
                let credentials = Credentials::read(&engine, None, Some(header)).unwrap();
                let request = Authenticate::new(&engine, credentials).refreshed_by(Refresher::Here);
                said(&around.drive(request.into_task(Jitter(1))).answer)
            })
        };
        let (said, calls) = request();
        assert_eq!(said, "rejected unauthorized", "{title}");
        assert!((1..=3).contains(&calls), "{title}: {calls}");
        assert_eq!(
            request(),
            ("rejected unauthorized".to_owned(), 0),
            "{title}"
        );
        let (engine, mut around) = dead();
        let mut refresh = || {
            refused(&mut around, |around| {
                let refresh = refresh_for_browser(&engine, sealed("s1"), Jitter(1));
                renewal_said(&around.drive(refresh))
            })
        };
        refresh();
        assert_eq!(refresh(), ("ended unauthorized".to_owned(), 0), "{title}");
    }
    // Nor where the platform refreshes what it does not know.
    let (engine, mut around) = (instance(), Around::new(at(0)));
    let first = around.request(&engine, "x1", [ended(), ok()]);
    assert_eq!(first.0, "rejected unauthorized");
    let again = around.request(&engine, "x1", []);
    assert_eq!(again, expect("rejected unauthorized", &[], None));
}

#[test]
fn a_long_chain_of_dead_sessions_costs_few_calls() {
    let sessions: Vec<_> = (1..40).map(|number| format!("s{number}")).collect();
    let sessions: Vec<_> = sessions.iter().map(String::as_str).collect();
    let mut around = chain(&sessions);
    let (said, calls) = refused(&mut around, |around| look(around, &instance(), "s1"));
    assert_eq!((said.as_str(), calls), ("rejected unauthorized", 3));
}

#[test]
fn threat_114_no_newer_session_of_another_user_is_taken() {
    let engine = platform();
    let mut around = Around::new(at(0));
    around.request(&engine, "s1", [me("usr_1")]);
    around.now = at(31);
    around.request(&engine, "s1", [failing("s2")]);
    around.answers.push_back(me("usr_2"));
    let live = validate_session(&engine, sealed("s1"), Jitter(1));
    let error = around.drive(live.into_task()).unwrap_err();
    assert_eq!(error.code(), "invalid_response");

    // A refresh that overtakes a request.
    let engine = platform();
    let mut around = Around::new(at(0));
    around.request(&engine, "s1", [me("usr_1")]);
    around.now = at(31);
    let token = sealed("s1");
    let request = Authenticate::new(&engine, Credentials::session(&token));
    let Step::Share(work, request) = request.into_task(Jitter(1)).step(Event::Start, at(31)) else {
        panic!("it is stale")
    };
    let Step::Send(_, asked) = work.into_task().step(Event::Start, at(31)) else {
        panic!("the Cloud is asked")
    };
    let refreshed = around.refresh(&engine, "s1", [setting("s2", &json!({})), me("usr_2")]);
    assert_eq!(refreshed.0, "unavailable invalid_response");
    let Step::Done(answer) = asked.step(Event::Delivered(ended()), at(31)) else {
        panic!("the Cloud answered")
    };
    let Step::Done(verdict) = request.step(Event::Shared(answer), at(31)) else {
        panic!("it is known")
    };
    assert_eq!(said(&verdict.answer), "unavailable invalid_response");
}

#[test]
fn a_sign_out_while_redis_names_another_users_session_wins() {
    let (engine, mut around) = (instance(), chain(&["s1", "s2"]));
    around.request(&engine, "s2", [me("usr_2")]);
    let redis = std::mem::take(&mut around.redis);
    around.request(&engine, "s1", [me("usr_1")]);
    (around.redis, around.now, around.replies) = (redis, at(31), 0);
    around.answers.push_back(me("usr_2"));
    assert_eq!(around.look(&engine, "s2"), "user usr_2");
    around.replies = 0;
    let here = Arc::clone(&engine);
    around.before_reply = Box::new(move |reply, _| {
        if reply == 1 {
            _ = sign_out(&here, "s1", at(31), [ok()]);
        }
    });
    assert_eq!(look(&mut around, &engine, "s1"), "rejected signed_out");
}

#[test]
fn a_task_waits_once_for_a_claim_and_not_for_one_of_its_own() {
    let claim = || {
        chain(&["s1", "s2"])
            .redis
            .key_of(":newer")
            .replace(":newer", ":claim")
    };
    let waited = |around: &Around| around.waits.iter().sum::<Duration>();
    // The other instance is lost, or slow.
    let mut around = Around::new(at(0));
    let end = Duration::from_secs(99);
    around.redis.values.insert(claim(), ("1".to_owned(), end));
    let (said, _) = refused(&mut around, |around| look(around, &instance(), "s1"));
    assert_eq!(said, "unavailable timeout");
    assert!(
        waited(&around) < Duration::from_millis(3300),
        "{:?}",
        around.waits
    );
    // Redis took the claim, and its reply was late.
    let mut around = Around::new(at(0));
    around.before_reply = Box::new(move |reply, redis| {
        redis.is_away = reply == 1;
        if reply == 1 {
            redis.values.insert(claim(), ("1".to_owned(), end));
        }
    });
    let (said, _) = refused(&mut around, |around| look(around, &instance(), "s1"));
    assert_eq!(said, "rejected unauthorized");
    assert!(
        waited(&around) < Duration::from_millis(700),
        "{:?}",
        around.waits
    );
}

#[test]
fn the_last_refusal_of_a_chain_says_nothing_while_another_instance_asks() {
    let mut around = chain(&["s1", "s2", "s3"]);
    let newer = chain(&["s1", "s2"]).redis.key_of(":newer");
    let (claim, end) = (newer.replace(":newer", ":claim"), Duration::from_secs(99));
    around.redis.values.insert(claim, ("1".to_owned(), end));
    let (said, calls) = refused(&mut around, |around| look(around, &instance(), "s1"));
    assert_eq!((said.as_str(), calls), ("unavailable timeout", 3));
}

#[test]
fn an_older_session_goes_on_with_the_last_good_one_where_the_newest_was_taken_back() {
    let engine = platform();
    let mut around = Around::new(at(0));
    around.answers.push_back(rotated("usr_1", "s1"));
    assert_eq!(around.look(&engine, "s0"), "user usr_1");
    around.now = at(31);
    around.answers.push_back(failing("s2"));
    assert_eq!(around.look(&engine, "s1"), "user usr_1");
    // It may be good: what is known of the one before it serves meanwhile.
    for failed in [vec![away(), away()], vec![failing("s3")]] {
        around.answers.extend(failed);
        assert_eq!(around.look(&engine, "s0"), "user usr_1");
    }
    around.asked();
    around.answers.extend([ended(), me("usr_1")]);
    assert_eq!(around.look(&engine, "s0"), "user usr_1");
    assert_eq!(around.asked(), ["me s3", "me s1"]);
    around.now = at(62);
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&engine, "s0"), "user usr_1");
    assert_eq!(around.asked(), ["me s1"]);
}

#[test]
fn a_stale_identity_grows_no_fresher_by_a_session_that_leads_to_it() {
    for known_for in [10, 89] {
        let (engine, mut around) = (instance(), chain(&["s1", "s2"]));
        around.request(&engine, "s2", [me("usr_1")]);
        around.now = at(known_for);
        let is_stale = known_for > 30;
        if is_stale {
            let refreshed = around.refresh(&engine, "s1", [away(), away()]);
            assert_eq!(refreshed.0, "usr_1 has s2");
        } else {
            assert_eq!(look(&mut around, &engine, "s1"), "user usr_1");
        }
        around.now = at(if is_stale { 95 } else { 31 });
        around.asked();
        let (_, calls) = refused(&mut around, |around| look(around, &engine, "s2"));
        assert!(calls > 0, "{known_for}");
    }
}

/// A session that was replaced twice: the second time beside an answer that failed.
fn broken(engine: &Arc<Engine>, around: &mut Around) {
    around.answers.push_back(rotated("usr_1", "s1"));
    assert_eq!(around.look(engine, "s0"), "user usr_1");
    around.now = at(31);
    around.answers.push_back(failing("s2"));
    assert_eq!(around.look(engine, "s1"), "user usr_1");
    around.asked();
}

/// The first session, known on one instance with its second, which others replaced since: four times, up to the sixth.
fn gone_on() -> (Arc<Engine>, Around) {
    let (one, other) = (instance(), instance());
    let mut around = Around::new(at(0));
    around.answers.push_back(rotated("usr_1", "s2"));
    assert_eq!(around.look(&one, "s1"), "user usr_1");
    for (minute, newer) in [(5, "s3"), (10, "s4"), (15, "s5"), (20, "s6")] {
        around.now = at(minute * 60);
        around.answers.push_back(rotated("usr_1", newer));
        assert_eq!(around.look(&other, "s1"), "user usr_1");
    }
    around.now = at(25 * 60);
    around.asked();
    around.replies = 0;
    around.good = Some("s6");
    (one, around)
}

#[test]
fn an_instance_with_a_newer_session_of_its_own_takes_the_one_that_others_went_on_to() {
    // A request that could set no cookie: its browser has the first session alone.
    let (one, mut around) = gone_on();
    let answered = around.request(&one, "s1", []);
    assert_eq!(
        answered,
        expect("user usr_1", &["me s2", "me s6"], Some("s6"))
    );
}

#[test]
fn a_lost_reply_beside_an_older_session_of_its_own_ends_no_session() {
    // The look at the second, the release of its claim, and the look at the first.
    for lost in 1..=3 {
        let (one, mut around) = gone_on();
        around.before_reply = Box::new(move |reply, redis| redis.is_away = reply == lost);
        let header = "__Host-mastra_session=s1";
        let credentials = Credentials::read(&one, None, Some(header)).unwrap();
        let request = Authenticate::new(&one, credentials).refreshed_by(Refresher::Here);
        let answer = around.drive(request.into_task(Jitter(1))).answer;
        assert_eq!(said(&answer), "user usr_1", "{lost}: {:?}", around.asked());
    }
}

#[test]
fn what_is_shared_is_not_replaced_by_an_older_session_after_a_lost_reply() {
    let (one, mut around) = gone_on();
    around.before_reply = Box::new(|reply, redis| redis.is_away = reply == 3);
    let live = validate_session(&one, sealed("s1"), Jitter(1));
    let live = around.drive(live.into_task()).unwrap().is_some();
    let asked = around.asked();
    // Whatever that was answered, an instance that comes later finds the newest.
    assert_eq!(look(&mut around, &instance(), "s1"), "user usr_1");
    assert_eq!(around.asked(), ["me s6"], "{live}, {asked:?}");
    assert!(live, "{asked:?}");
}

#[test]
fn a_sign_out_ends_the_last_good_session_too_where_the_newest_was_taken_back() {
    let (engine, mut around) = (platform(), Around::new(at(0)));
    broken(&engine, &mut around);
    // The platform knows neither the newest nor the oldest.
    let header = sealed("s0");
    let logout = Logout::new(Arc::clone(&engine), header, Effort::Full, at(32), Jitter(1));
    let (mut task, mut event, mut sent) = (logout.into_task(), Event::Start, Vec::new());
    let output = loop {
        match task.step(event, at(32)) {
            Step::Send(request, rest) => {
                let session = Sent::of(&request).cookie.unwrap();
                let is_good = session == "wos-session=s1";
                event = Event::Delivered(if is_good { ok() } else { ended() });
                task = rest;
                sent.push(session);
            }
            Step::Done(output) => break output,
            other => panic!("{other:?}"),
        }
    };
    assert!(sent.contains(&"wos-session=s1".to_owned()), "{sent:?}");
    assert_eq!(output, SignOut::Ended);
}

#[test]
fn a_look_at_an_older_session_goes_on_with_the_last_good_one_too() {
    for engine in [platform(), instance()] {
        let mut around = Around::new(at(0));
        broken(&engine, &mut around);
        // The platform knows the second alone.
        around.answers.extend([ended(), me("usr_1")]);
        around.answers.push_back(ended());
        let live = validate_session(&engine, sealed("s0"), Jitter(1));
        let live = around.drive(live.into_task()).unwrap();
        assert!(live.is_some(), "{:?}", around.asked());
        assert_eq!(around.asked(), ["me s2", "me s1"]);
        around.answers.clear();
    }
}

#[test]
fn threat_114_no_older_session_leads_to_another_user() {
    let (engine, mut around) = (platform(), Around::new(at(0)));
    broken(&engine, &mut around);
    around.answers.push_back(me("usr_2"));
    // What is known of the one between.
    assert_eq!(look(&mut around, &engine, "s0"), "user usr_1");

    let (engine, mut around) = (platform(), Around::new(at(0)));
    broken(&engine, &mut around);
    around.answers.push_back(me("usr_2"));
    let live = validate_session(&engine, sealed("s0"), Jitter(1));
    assert!(around.drive(live.into_task()).is_err());

    // An instance that knows the one between, and is told of both.
    let (engine, mut around) = (instance(), chain(&["s0", "s1"]));
    around.request(&engine, "s1", [me("usr_1")]);
    around.now = at(31);
    let told = left_by_another("s1", Some("s2"));
    around.redis.values.extend(told.values);
    around.answers.push_back(me("usr_2"));
    assert_eq!(
        look(&mut around, &engine, "s0"),
        "unavailable invalid_response"
    );
}

#[test]
fn a_host_is_not_made_to_refresh_while_the_platform_is_away() {
    let (engine, mut around) = (platform(), Around::new(at(0)));
    broken(&engine, &mut around);
    let answered = brief(
        &engine,
        Driver::LeavesToHost,
        "s0",
        at(32),
        [away(), away()],
    );
    assert_eq!(answered, good(2, None));
}

#[test]
fn threat_114_a_sign_out_ends_no_session_of_another_user() {
    for signs_out in ["s1", "s2"] {
        let (engine, mut around) = (platform(), Around::new(at(0)));
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        around.request(&engine, "s1", [failing("s2")]);
        around.request(&engine, "s2", [me("usr_2")]);
        let (output, sent) = sign_out(&engine, signs_out, at(32), [ok()]);
        assert_eq!(output, SignOut::Ended);
        assert_eq!(sent, [format!("wos-session={signs_out}")]);
        let (other, user) = if signs_out == "s1" {
            ("s2", "user usr_2")
        } else {
            ("s1", "user usr_1")
        };
        around.now = at(33);
        around.answers.push_back(me(&user[5..]));
        assert_eq!(look(&mut around, &engine, other), user);
        assert_eq!(look(&mut around, &engine, signs_out), "rejected signed_out");
    }
    // Nor one that Redis names.
    let (engine, mut around) = (instance(), chain(&["s1", "s2"]));
    around.request(&engine, "s2", [me("usr_2")]);
    let redis = std::mem::take(&mut around.redis);
    around.request(&engine, "s1", [me("usr_1")]);
    around.redis = redis;
    let logout = Logout::new(
        Arc::clone(&engine),
        sealed("s1"),
        Effort::Full,
        at(1),
        Jitter(1),
    );
    around.asked();
    around.answers.push_back(ok());
    assert_eq!(around.drive(logout.into_task()), SignOut::Ended);
    assert_eq!(around.asked(), ["logout s1"]);
    assert_eq!(look(&mut around, &engine, "s2"), "user usr_2");
}

#[test]
fn a_sign_out_goes_round_no_circle() {
    let mut around = chain(&["s1", "s2", "s1"]);
    around.good = Some("s2");
    let logout = Logout::new(instance(), sealed("s1"), Effort::Full, at(0), Jitter(1));
    _ = around.drive(logout.into_task());
    assert_eq!(around.redis.seen, ["GETRANGE newer"; 2]);
}

#[test]
fn what_may_have_been_taken_back_is_not_shared_in_the_place_of_the_last_good_session() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    broken(&engine, &mut around);
    around.answers.extend([away(), away()]);
    assert_eq!(around.look(&engine, "s0"), "user usr_1");
    around.asked();
    // The platform knows the second alone.
    around.good = Some("s1");
    assert_eq!(
        look(&mut around, &instance(), "s0"),
        "user usr_1",
        "{:?}",
        around.asked()
    );
}

#[test]
fn a_sign_out_on_an_instance_that_never_saw_the_newer_session_ends_that() {
    let (one, other, third) = (instance(), instance(), instance());
    assert!(one.publish_revocations(|| {}) && other.publish_revocations(|| {}));
    let mut around = Around::new(at(0));
    // It knows the first alone.
    around.request(&third, "s1", [me("usr_1")]);
    around.answers.push_back(rotated("usr_1", "s2"));
    assert_eq!(around.look(&one, "s1"), "user usr_1");
    around.asked();
    // The platform knows the second alone.
    let logout = Logout::new(
        Arc::clone(&other),
        sealed("s1"),
        Effort::Full,
        at(0),
        Jitter(1),
    );
    around.good = Some("s2");
    let output = around.drive(logout.into_task());
    assert_eq!(
        around
            .asked()
            .last()
            .map(|it| it.rsplit(' ').next().unwrap().to_owned())
            .as_deref(),
        Some("s2"),
        "{output:?}"
    );
    let told = other.take_revocations(20);
    third.apply(told.clone(), at(0));
    one.apply(told, at(0));
    assert_eq!(look(&mut around, &third, "s1"), "rejected signed_out");
    for session in ["s1", "s2"] {
        assert_eq!(look(&mut around, &one, session), "rejected signed_out");
    }
}

/// An instance that saw the first session replaced, and knows of that what it says here. Then Redis names another user's session in
/// its place.
#[test]
fn threat_114_what_is_known_of_a_session_outlives_its_refusal() {
    let replaced = || {
        let (engine, mut around) = (instance(), Around::new(at(0)));
        around.request(&engine, "s0", [rotated("usr_1", "s1")]);
        around.now = at(31);
        let named = left_by_another("s0", Some("s2"));
        around.redis.values.extend(named.values);
        around.asked();
        (engine, around)
    };
    let (engine, mut around) = replaced();
    let (said, asked) = around.refresh(&engine, "s0", [ended(), me("usr_2")]);
    assert_eq!(said, "unavailable invalid_response");
    assert_eq!(asked, ["me s1", "me s2"]);
    let (engine, mut around) = replaced();
    around.answers.extend([ended(), me("usr_2")]);
    let live = validate_session(&engine, sealed("s0"), Jitter(1));
    assert!(around.drive(live.into_task()).is_err());
    assert_eq!(around.asked(), ["me s1", "me s2"]);
}

#[test]
fn threat_114_a_newer_session_that_another_user_renews_stands_for_none_of_this_one() {
    let (engine, mut around) = (platform(), Around::new(at(0)));
    around.request(&engine, "s0", [me("usr_1")]);
    around.now = at(31);
    around.request(&engine, "s0", [failing("s1")]);
    around.request(&engine, "s1", [rotated("usr_2", "s2")]);
    around.now = at(95);
    let answered = around.request(&engine, "s0", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s0"], None));
    // Nor does the end of the one end the other.
    let (output, sent) = sign_out(&engine, "s0", at(96), [ok()]);
    assert_eq!(output, SignOut::Ended);
    assert_eq!(sent, ["wos-session=s0"]);
    around.answers.push_back(me("usr_2"));
    assert_eq!(look(&mut around, &engine, "s1"), "user usr_2");
}
