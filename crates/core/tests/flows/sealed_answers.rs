//! Dialect `platform`: odd answers to a sealed session, and answers that cross each other. None of them loses the session.

use std::sync::Arc;

use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Event;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, Logouts, SignOut};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::url::RedirectUri;
use serde_json::json;

use crate::renew::said as renewal_said;
use crate::sealed::{
    Driver, ME, REFRESH, brief, ended, good, me, of, platform, platform_config, rejected, rotated,
    sealed, setting, with_cookie,
};
use crate::world::{Step, answer, at, open, refreshing, run, said, validating};

#[test]
fn a_newer_session_is_kept_though_the_rest_of_its_answer_cannot_be_used() {
    for odd in [json!({ "user": 7 }), json!([]), json!("text")] {
        let engine = platform();
        let asks =
            |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
        assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
        // The stale identity answers, and the next request asks with the newer session.
        assert_eq!(asks(31, vec![setting("s2", &odd)]), good(1, None), "{odd}");
        assert_eq!(asks(32, vec![me("usr_1")]), good(1, Some("s2")), "{odd}");
    }
}

/// An answer with this status that sets a newer session.
#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
fn failing(status: u16, newer: &str) -> Delivery {
    let response = Response::new(status, b"{}".to_vec());
    Ok(response.with_cookies([format!("wos-session={newer}; Path=/")]))
}

/// An answer that sets a newer session and whose body could not be read.
#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
fn cut_off(status: u16, error: TransportError, newer: &str) -> Delivery {
    let response = Response::without_body(status, error);
    Ok(response.with_cookies([format!("wos-session={newer}; Path=/")]))
}

#[test]
fn a_newer_session_beside_a_failure_is_asked_with_again() {
    let again = [
        failing(502, "s2"),
        failing(503, "s2"),
        failing(504, "s2"),
        cut_off(200, TransportError::Closed, "s2"),
        cut_off(503, TransportError::Closed, "s2"),
    ];
    for first in again {
        let case = format!("{first:?}");
        let engine = platform();
        let answers = [first, me("usr_1")];
        let (ran, cookie) = with_cookie(&engine, Driver::Sets, "s1", at(0), answers);
        let asked = ran.sent.iter().map(|sent| sent.cookie.as_deref().unwrap());
        let asked: Vec<_> = asked.collect();
        assert_eq!(asked, ["wos-session=s1", "wos-session=s2"], "{case}");
        assert_eq!(said(&ran.output), "user usr_1", "{case}");
        assert!(cookie.unwrap().expose().contains("=s2;"), "{case}");
    }
    // Twice in a row.
    let engine = platform();
    let answers = [failing(503, "s2"), rotated("usr_1", "s3")];
    let seen = brief(&engine, Driver::Sets, "s1", at(0), answers);
    assert_eq!(seen, good(2, Some("s3")));
}

#[test]
fn a_newer_session_beside_an_answer_that_is_not_repeated_is_kept() {
    let once = [
        failing(500, "s2"),
        failing(429, "s2"),
        failing(403, "s2"),
        failing(302, "s2"),
        cut_off(200, TransportError::TooLarge, "s2"),
        cut_off(200, TransportError::Timeout, "s2"),
    ];
    for first in once {
        let case = format!("{first:?}");
        let engine = platform();
        let seen = brief(&engine, Driver::Follows, "s1", at(0), [first]);
        assert_eq!(seen.1, 1, "{case}");
        let later = at(10);
        let next = brief(&engine, Driver::Sets, "s1", later, [me("usr_1")]);
        assert_eq!(next, good(1, Some("s2")), "{case}");
    }
    // Both failed, each beside a newer one.
    let engine = platform();
    let seen = |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
    seen(0, vec![failing(503, "s2"), failing(503, "s3")]);
    assert_eq!(seen(1, vec![me("usr_1")]), good(1, Some("s3")));
}

#[test]
fn a_refresh_takes_the_newer_session_beside_a_failure_too() {
    for first in [
        failing(503, "s2"),
        failing(429, "s2"),
        cut_off(200, TransportError::TooLarge, "s2"),
    ] {
        let engine = platform();
        let answers = [first, me("usr_1")];
        let ran = run(refreshing(&engine, sealed("s1")), at(0), answers);
        assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
        assert_eq!(ran.paths(), [REFRESH, ME]);
    }
}

#[test]
fn a_user_who_is_no_member_for_a_moment_keeps_the_session() {
    let mut config = platform_config();
    config.organization = Some(OrganizationId::parse("org_1").unwrap());
    let engine = open(config, Entropy::new([7; 32]));
    let asks = |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    let removed = setting("s2", &of("usr_1", Some("org_2"), &["org_2"]));
    let refused = rejected("organization_forbidden", 1);
    assert_eq!(asks(31, vec![removed]), refused);
    assert_eq!(asks(32, vec![]), rejected("organization_forbidden", 0));
    let later = asks(300, vec![me("usr_1")]);
    assert_eq!(later, good(1, Some("s2")), "the newer one was kept");
}

#[test]
fn a_newer_session_of_another_user_is_none_of_this_one() {
    let engine = platform();
    let asks = |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    assert_eq!(asks(31, vec![rotated("usr_2", "s2")]), good(1, None));
    assert_eq!(asks(32, vec![me("usr_1")]), good(1, None), "it stands");
}

#[test]
fn a_refusal_brings_no_session_and_no_clearing_cookie_counts() {
    let engine = platform();
    let asks = |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
    let refusal = json!({ "type": "unauthorized", "status": 401 }).to_string();
    let refusal = Response::new(401, refusal.into_bytes());
    let with = refusal.with_cookies(["wos-session=s9; Path=/".to_owned()]);
    assert_eq!(
        asks(0, vec![Ok(with), ended()]),
        rejected("unauthorized", 2)
    );
    let engine = platform();
    for (second, cookies) in [
        (0, vec!["wos-session=; Max-Age=0"]),
        (31, vec!["wos-session=two words"]),
        (62, vec!["wos-session=s2", "wos-session="]),
        (93, vec!["Wos-Session=s2"]),
        (124, vec!["wos-session"]),
        (155, vec!["wos-session=s1; Path=/"]),
    ] {
        let body = of("usr_1", Some("org_1"), &["org_1"]).to_string();
        let response = Response::new(200, body.into_bytes());
        let response = response.with_cookies(cookies.iter().map(|it| (*it).to_owned()));
        let brought = brief(&engine, Driver::Sets, "s1", at(second), [Ok(response)]);
        assert_eq!(brought, good(1, None), "{cookies:?}");
    }
    // Of two, a browser keeps the last.
    let body = of("usr_1", Some("org_1"), &["org_1"]).to_string();
    let response = Response::new(200, body.into_bytes());
    let response = response.with_cookies(["wos-session=s8", "wos-session=s9"].map(str::to_owned));
    let brought = brief(&engine, Driver::Sets, "s1", at(186), [Ok(response)]);
    assert_eq!(brought, good(1, Some("s9")));
}

#[test]
fn a_good_answer_ends_the_grace_of_a_refusal_before_it() {
    let mut config = platform_config();
    config.policy.fresh = std::time::Duration::from_secs(1);
    let engine = open(config, Entropy::new([7; 32]));
    let asks = |second, answers: Vec<_>| brief(&engine, Driver::Follows, "s1", at(second), answers);
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    assert_eq!(asks(31, vec![ended()]), good(1, None));
    assert_eq!(asks(58, vec![me("usr_1")]), good(1, None));
    assert_eq!(asks(62, vec![me("usr_1")]), good(1, None));
    // It has a grace of its own after the next refusal.
    for second in [70, 99] {
        assert_eq!(asks(second, vec![ended()]), good(1, None));
    }
    assert_eq!(asks(101, vec![]), rejected("session_expired", 0));
}

/// What a proxy answers where it does not pass a call on, and what the platform's schema names for none of these calls.
#[test]
fn threat_081_only_a_401_refuses_a_session_or_says_that_it_is_gone() {
    let problem = json!({ "title": "Not Found", "status": 404 }).to_string();
    let (error, session) = (json!({ "error": "Bad Request" }).to_string(), sealed("s1"));
    for (status, body) in [
        (404, "404 page not found"),
        (403, "Forbidden by policy"),
        (400, "Bad Request"),
        (404, &*problem),
        (403, &*problem),
        (400, &*error),
    ] {
        let engine = platform();
        let answered = || Ok(Response::new(status, body.into()));
        let unavailable = ("unavailable invalid_response".to_owned(), 1, None);
        for second in [0, 1] {
            let asked = brief(&engine, Driver::Sets, "s1", at(second), [answered()]);
            assert_eq!(asked, unavailable, "{status} {body}: and it is not cached");
        }
        assert_eq!(
            brief(&engine, Driver::Sets, "s1", at(2), [me("usr_1")]),
            good(1, None)
        );
        assert_eq!(
            brief(&engine, Driver::Sets, "s1", at(33), [answered()]),
            good(1, None)
        );
        let ran = run(refreshing(&engine, session.clone()), at(34), [answered()]);
        assert_eq!(renewal_said(&ran.output), unavailable.0);
        let logout = |answered| {
            let (engine, token, effort) = (platform(), session.clone(), Effort::Full);
            let logout = Logout::new(engine, token, effort, at(35), Jitter(1));
            run(logout, at(35), [answered]).output
        };
        let SignOut::NotConfirmed(error) = logout(answered()) else {
            panic!("told as done: {status} {body}")
        };
        assert_eq!((error.code(), error.status()), ("invalid_response", 502));
        assert_eq!(logout(ended()), SignOut::AlreadyGone);
    }
}

#[test]
fn a_refresh_takes_the_newer_session_whatever_else_is_answered() {
    let engine = platform();
    let page = Response::new(200, b"<html>".to_vec());
    let page = page.with_cookies(["wos-session=s2; Path=/".to_owned()]);
    let ran = run(
        refreshing(&engine, sealed("s1")),
        at(0),
        [Ok(page), me("usr_1")],
    );
    assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
}

#[test]
fn a_refresh_that_another_answer_overtakes_ends_with_the_newer_session() {
    let engine = platform();
    let asks = |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    let mut refresh = refreshing(&engine, sealed("s1"));
    assert!(matches!(refresh.step(Event::Start, at(31)), Step::Send(_)));
    assert_eq!(asks(31, vec![rotated("usr_1", "s2")]), good(1, Some("s2")));
    let Step::Done(renewal) = refresh.step(Event::Delivered(ended()), at(31)) else {
        panic!("the newer session is at hand")
    };
    assert_eq!(renewal_said(&renewal), "usr_1 has s2");
    assert_eq!(asks(32, vec![]), good(0, Some("s2")));
}

#[test]
fn a_refresh_that_is_refused_first_hides_no_newer_session() {
    let engine = platform();
    let asks = |second, answers: Vec<_>| brief(&engine, Driver::Sets, "s1", at(second), answers);
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    let mut asked = validating(&engine, sealed("s1"));
    assert!(matches!(asked.step(Event::Start, at(31)), Step::Send(_)));
    let ran = run(refreshing(&engine, sealed("s1")), at(31), [ended()]);
    assert_eq!(renewal_said(&ran.output), "ended unauthorized");
    let answered = Event::Delivered(rotated("usr_1", "s2"));
    let Step::Done(live) = asked.step(answered, at(31)) else {
        panic!("the newer session is at hand")
    };
    assert_eq!(live.unwrap().unwrap().user_id().as_str(), "usr_1");
    assert_eq!(asks(32, vec![]), good(0, Some("s2")));
}

#[test]
fn a_request_that_is_refused_first_hides_no_newer_session_of_a_refresh() {
    let engine = platform();
    let mut refresh = refreshing(&engine, sealed("s1"));
    assert!(matches!(refresh.step(Event::Start, at(0)), Step::Send(_)));
    let asks =
        |second, answers: Vec<_>| brief(&engine, Driver::LeavesToHost, "s1", at(second), answers);
    assert_eq!(asks(0, vec![ended()]), rejected("unauthorized", 1));
    // Its user is not known yet.
    let answered = Event::Delivered(setting("s2", &json!({ "ok": true })));
    assert!(matches!(refresh.step(answered, at(0)), Step::Send(_)));
    assert_eq!(asks(1, vec![me("usr_1")]), rejected("session_expired", 1));
    let ran = run(refreshing(&engine, sealed("s1")), at(1), []);
    assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
}

#[test]
fn a_request_that_a_refresh_overtakes_is_answered_by_the_newer_session() {
    let engine = platform();
    // Never seen here before: nothing is tolerated.
    let mut asked = validating(&engine, sealed("s1"));
    assert!(matches!(asked.step(Event::Start, at(0)), Step::Send(_)));
    let answers = [setting("s2", &json!({ "ok": true })), me("usr_1")];
    let ran = run(refreshing(&engine, sealed("s1")), at(0), answers);
    assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
    let Step::Done(live) = asked.step(Event::Delivered(ended()), at(0)) else {
        panic!("the newer session is at hand")
    };
    assert_eq!(live.unwrap().unwrap().user_id().as_str(), "usr_1");
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(1), []),
        good(0, Some("s2"))
    );
}

#[test]
fn the_page_of_a_sign_out_is_found_by_the_session_that_the_browser_brought() {
    let engine = platform();
    let first = brief(&engine, Driver::Sets, "s1", at(0), [rotated("usr_1", "s2")]);
    assert_eq!(first, good(1, Some("s2")));
    let logout = Logout::new(
        Arc::clone(&engine),
        sealed("s1"),
        Effort::Full,
        at(1),
        Jitter(1),
    );
    let page = "https://identity.example/logout";
    let body = json!({ "ok": true, "logoutUrl": page });
    let ran = crate::world::script(logout.into_task(), at(1), [answer(200, &body)]);
    assert_eq!(ran.paths(), ["/v1/auth/logout"]);
    let back = RedirectUri::parse("https://app.example.com/").unwrap();
    let found = engine.logout_page(&back, Some(&sealed("s1")));
    assert_eq!(found.as_deref(), Some(page));
}

#[test]
fn a_sign_in_ends_the_session_of_another_user_alone() {
    for (old, is_ended) in [("usr_1", false), ("usr_2", true)] {
        let engine = platform();
        for (session, user) in [("old", old), ("new", "usr_1")] {
            let seen = brief(&engine, Driver::Sets, session, at(0), [me(user)]);
            assert_eq!(seen.0, format!("user {user}"));
        }
        let header = "__Host-wos-session=old";
        let mut ended = Logouts::replaced(&engine, header, &sealed("new"), at(1), Jitter(1));
        let header = "__Host-mastra_session=old";
        let by_name = Logouts::replaced(&engine, header, &sealed("new"), at(1), Jitter(1)).take();
        let count = ended.take().len().saturating_add(by_name.len());
        assert_eq!(count, usize::from(is_ended), "{old}");
    }
    // A session that was never seen here may be the new one's other text.
    let engine = platform();
    let seen = brief(&engine, Driver::Sets, "new", at(0), [me("usr_1")]);
    assert_eq!(seen, good(1, None));
    let header = "__Host-mastra_session=old";
    let ended = Logouts::replaced(&engine, header, &sealed("new"), at(1), Jitter(1)).take();
    assert!(ended.is_empty());
}
