//! A user without an organization: asked about at every request, and protected like any other.

use mastra_auth_cloud_core::flow::sign_out::Logouts;

use super::*;
use crate::world::{Step, Stepped};

fn nowhere(id: &str) -> Delivery {
    answer(200, &of(id, None, &[]))
}

fn asks(
    engine: &Arc<Engine>,
    second: u64,
    answers: impl IntoIterator<Item = Delivery>,
) -> (String, usize, Option<String>) {
    brief(engine, Driver::Sets, "s1", at(second), answers)
}

#[test]
fn who_has_no_organization_is_asked_about_until_there_is_one() {
    let engine = platform();
    let raw = fast_path::RawCredentials {
        cookie: Some(b"__Host-mastra_session=s1"),
        ..fast_path::RawCredentials::default()
    };
    for second in [0, 1] {
        let answered = asks(&engine, second, [nowhere("usr_1")]);
        assert_eq!(answered, good(1, None));
        assert!(fast_path::known(&engine, &raw, at(second)).is_err());
    }
    assert_eq!(asks(&engine, 2, [me("usr_1")]), good(1, None));
    assert_eq!(asks(&engine, 3, []), good(0, None));
    assert!(fast_path::known(&engine, &raw, at(3)).is_ok());
}

#[test]
fn an_outage_signs_no_newcomer_out() {
    let engine = platform();
    let down = || [answer(503, &json!({})), answer(503, &json!({}))];
    assert_eq!(asks(&engine, 0, [nowhere("usr_1")]), good(1, None));
    assert_eq!(asks(&engine, 80, down()), good(2, None));
    assert_eq!(asks(&engine, 91, down()).0, "unavailable request_failed");
}

#[test]
fn another_instance_may_have_the_newcomers_newer_session() {
    let engine = platform();
    assert_eq!(asks(&engine, 0, [nowhere("usr_1")]), good(1, None));
    for second in [1, 15, 30] {
        let tolerated = asks(&engine, second, [ended()]);
        assert_eq!(tolerated, good(1, None), "{second}");
    }
    let over = brief(&engine, Driver::LeavesToHost, "s1", at(31), []);
    assert_eq!(over, rejected("session_expired", 0));
}

/// A request with `s1` that is being asked about.
fn begun(engine: &Arc<Engine>) -> Stepped<Authentication> {
    let header = format!("{SESSION}=s1");
    let credentials = Credentials::read(engine, None, Some(&header)).unwrap();
    let request = Authenticate::new(engine, credentials.into_owned());
    let task = request.refreshed_by(Refresher::Here).into_task(Jitter(1));
    let mut begun = Stepped::from(task.map(|verdict| verdict.answer));
    assert!(matches!(begun.step(Event::Start, at(0)), Step::Send(_)));
    begun
}

#[test]
fn a_request_that_a_refresh_overtakes_is_answered_by_the_newer_session() {
    for is_newcomer in [false, true] {
        let engine = platform();
        let user = || {
            if is_newcomer {
                nowhere("usr_1")
            } else {
                me("usr_1")
            }
        };
        let mut asked = begun(&engine);
        let answers = [setting("s2", &json!({ "ok": true })), user()];
        let ran = run(refreshing(&engine, sealed("s1")), at(0), answers);
        assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
        let Step::Done(answer) = asked.step(Event::Delivered(ended()), at(0)) else {
            panic!("the newer session is at hand")
        };
        assert_eq!(said(&answer), "user usr_1", "{is_newcomer}");
    }
}

#[test]
fn a_request_that_a_refresh_overtakes_waits_for_what_that_finds_out() {
    for is_newcomer in [false, true] {
        let engine = platform();
        let mut asked = begun(&engine);
        let mut refresh = refreshing(&engine, sealed("s1"));
        assert!(matches!(refresh.step(Event::Start, at(0)), Step::Send(_)));
        let newer = setting("s2", &json!({ "ok": true }));
        let verifies = refresh.step(Event::Delivered(newer), at(0));
        assert!(matches!(verifies, Step::Send(_)), "{verifies:?}");
        let Step::Send(request) = asked.step(Event::Delivered(ended()), at(0)) else {
            panic!("the newer session is not verified yet")
        };
        let cookie = crate::world::Sent::of(&request).cookie;
        assert_eq!(cookie.as_deref(), Some("wos-session=s2"));
        let user = if is_newcomer {
            nowhere("usr_1")
        } else {
            me("usr_1")
        };
        let Step::Done(answer) = asked.step(Event::Delivered(user), at(0)) else {
            panic!("it is verified")
        };
        assert_eq!(said(&answer), "user usr_1", "{is_newcomer}");
    }
}

#[test]
fn a_sign_in_ends_the_session_of_another_user_whatever_became_of_it() {
    for (old, is_ended) in [("usr_1", false), ("usr_2", true)] {
        for is_newcomer in [false, true] {
            let engine = platform();
            // The browser still brings the text that was replaced.
            let answers = [rotated(old, "old-2")];
            brief(&engine, Driver::Follows, "old", at(0), answers);
            let new = if is_newcomer {
                nowhere("usr_1")
            } else {
                me("usr_1")
            };
            brief(&engine, Driver::Sets, "new", at(0), [new]);
            let header = format!("{SESSION}=old");
            let mut ended = Logouts::replaced(&engine, &header, &sealed("new"), at(1), Jitter(1));
            let ended = ended.take();
            assert_eq!(ended.len(), usize::from(is_ended), "{old} {is_newcomer}");
            for logout in ended {
                let ran = run(logout, at(1), [answer(200, &json!({ "ok": true }))]);
                assert_eq!(ran.sent[0].cookie.as_deref(), Some("wos-session=old-2"));
            }
        }
    }
}

#[test]
fn a_refresh_tells_a_stranger_so_and_a_damaged_answer_ends_no_session() {
    let mut config = platform_config();
    config.organization = Some(OrganizationId::parse("org_2").unwrap());
    let engine = open(config, Entropy::new([7; 32]));
    let refreshed = |session, newer, answer| {
        let answers = [setting(newer, &json!({ "ok": true })), answer];
        let ran = run(refreshing(&engine, sealed(session)), at(0), answers);
        renewal_said(&ran.output)
    };
    let stranger = answer(200, &of("usr_2", Some("org_3"), &["org_3"]));
    assert_eq!(
        refreshed("s1", "s2", stranger),
        "ended organization_forbidden"
    );
    // The platform knows nothing of what it has just set.
    assert_eq!(
        refreshed("s3", "s4", ended()),
        "unavailable invalid_response"
    );
}
