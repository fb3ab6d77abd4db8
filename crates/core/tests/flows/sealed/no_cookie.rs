//! Clients whose answers can set no cookie: all they have is the session of their sign-in, while it rotates.

use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;

use super::around::failing;
use super::*;

const MINUTE: u64 = 60;

/// What a refresh for a browser gives.
fn refreshed(
    engine: &Arc<Engine>,
    session: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> String {
    let refresh = refresh_for_browser(engine, sealed(session), Jitter(1));
    renewal_said(&script(refresh, now, answers).output)
}

/// A page that only shows who is signed in: every five minutes the session rotates, from `s0` on.
fn polled(engine: &Arc<Engine>, minutes: u64) {
    for minute in 0..=minutes {
        let answer = match minute / 5 {
            number if minute % 5 == 0 => rotated("usr_1", &format!("s{}", number + 1)),
            _ => me("usr_1"),
        };
        let seen = brief(engine, Driver::Follows, "s0", at(minute * MINUTE), [answer]);
        assert_eq!(seen, good(1, None), "{minute}");
    }
}

#[test]
fn who_only_asks_who_is_signed_in_stays_signed_in() {
    let engine = platform();
    polled(&engine, 34);
    // A night without a request ends nothing.
    let morning = at(600 * MINUTE);
    let gate = brief(&engine, Driver::LeavesToHost, "s0", morning, []);
    assert_eq!(gate, rejected("session_expired", 0));
    let newest = refreshed(&engine, "s0", morning, [me("usr_1")]);
    assert_eq!(newest, "usr_1 has s7");
    // From now on the browser has the newer one, and the old one ends ten minutes later.
    let seen = |minute, answers: Vec<_>| {
        let now = at(minute * MINUTE);
        brief(&engine, Driver::Follows, "s0", now, answers)
    };
    assert_eq!(seen(609, vec![rotated("usr_1", "s8")]), good(1, None));
    assert_eq!(seen(611, vec![ended()]), rejected("unauthorized", 1));
    let newer = brief(&engine, Driver::Sets, "s7", at(611 * MINUTE), [me("usr_1")]);
    assert_eq!(newer, good(1, Some("s8")));
}

#[test]
fn the_old_session_stands_no_longer_than_a_cookie_lives() {
    let day = 24 * 60 * MINUTE;
    for (seconds, answers, expect) in [
        (14 * day - 1, vec![me("usr_1")], good(1, None)),
        (14 * day, vec![ended()], rejected("unauthorized", 1)),
    ] {
        let engine = platform();
        polled(&engine, 0);
        let last = brief(&engine, Driver::Follows, "s0", at(seconds), answers);
        assert_eq!(last, expect, "{seconds}");
    }
}

#[test]
fn a_look_at_the_session_alone_loses_none_either() {
    let engine = platform();
    let live = |minute, answers: Vec<Delivery>| {
        let ran = run(
            validating(&engine, sealed("s0")),
            at(minute * MINUTE),
            answers,
        );
        ran.output.unwrap().is_some()
    };
    assert!(live(0, vec![rotated("usr_1", "s1")]));
    assert!(live(9, vec![rotated("usr_1", "s2")]));
    assert!(live(18, vec![me("usr_1")]));
    assert!(live(60, vec![me("usr_1")]));
}

#[test]
fn a_newer_session_that_was_never_handed_out_is_found_after_a_night() {
    let engine = platform();
    let failed = brief(&engine, Driver::Follows, "s0", at(0), [failing("s1")]);
    assert_eq!(failed.0, "unavailable request_failed");
    let morning = refreshed(&engine, "s0", at(600 * MINUTE), [me("usr_1")]);
    assert_eq!(morning, "usr_1 has s1");
}
