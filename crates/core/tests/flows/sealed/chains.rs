//! Chains of sealed sessions over one Redis: each link may be lost, refused, taken back or signed out.

use std::time::Duration;

use mastra_auth_cloud_core::flow::Step;
use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::validate_session::validate_session;

use super::shared::*;
use super::*;

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
                let request = Authenticate::new(&engine, credentials).refreshing();
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
fn a_task_waits_once_for_a_claim_and_not_for_one_of_its_own() {
    let claim = || {
        chain(&["s1", "s2"])
            .redis
            .key_of(":newer")
            .replace(":newer", ":claim")
    };
    let waited = |around: &Around| around.waits.iter().sum::<Duration>();
    // The other instance is lost.
    let mut around = Around::new(at(0));
    let end = Duration::from_secs(99);
    around.redis.values.insert(claim(), ("1".to_owned(), end));
    let (said, _) = refused(&mut around, |around| look(around, &instance(), "s1"));
    assert_eq!(said, "rejected unauthorized");
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
