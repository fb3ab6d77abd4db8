//! How a session's token becomes a newer one.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::refresh_session::refresh_session;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::SessionId;
use mastra_auth_cloud_core::time::Now;
use serde_json::json;

use crate::world::{
    Ran, START, Step, Stepped, answer, at, data, exchanged, jwt, lost, pkce, refreshing, run,
    session, sign_in, status, token, v1, verified, with_bearer,
};

const VALIDATE: &str = "/api/v1/auth/session/validate";
const VERIFY: &str = "/api/v1/auth/verify";

/// A token of the session `ses_1` that lives from then to then.
pub(crate) fn short(user: &str, from: i64, to: i64) -> String {
    jwt(&json!({ "sid": "ses_1", "sub": user, "iat": START + from, "exp": START + to }))
}

/// What the Cloud says of the session of an hour, with a newer token.
pub(crate) fn handed_out(user: &str, newer: &str) -> Delivery {
    data(&json!({ "session": session("ses_1", user, 3600), "jwt": newer }))
}

pub(crate) fn alive(user: &str, seconds: i64) -> Delivery {
    data(&json!({ "session": session("ses_1", user, seconds) }))
}

fn renew(engine: &Arc<Engine>, text: &str, now: Now, answers: Vec<Delivery>) -> Ran<Renewal> {
    let flow = refreshing(engine, token(text));
    run(flow, now, answers)
}

pub(crate) fn said(renewal: &Renewal) -> String {
    match renewal {
        Renewal::Renewed(renewed) => format!(
            "{} has {}",
            renewed.identity.user().id(),
            renewed.identity.user().session_token().expose()
        ),
        Renewal::Unchanged { cookie: None, .. } => "unchanged".to_owned(),
        Renewal::Unchanged { .. } => "unchanged, with a cookie".to_owned(),
        Renewal::Ended(error) => format!("ended {}", error.code()),
        Renewal::Unavailable(error) => format!("unavailable {}", error.code()),
    }
}

fn brief(ran: &Ran<Renewal>) -> (String, usize) {
    (said(&ran.output), ran.sent.len())
}

#[test]
fn a_newer_token_is_verified_before_it_is_anybodys() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 250, 550));
    sign_in(&engine, "usr_1", &old);
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &["admin"])];
    let ran = renew(&engine, &old, at(250), answers);
    assert_eq!(ran.paths(), [VALIDATE, VERIFY]);
    assert_eq!(ran.sent[0].bearer.as_deref(), Some(old.as_str()));
    assert_eq!(ran.sent[1].bearer.as_deref(), Some(new.as_str()));
    let Renewal::Renewed(renewed) = &ran.output else {
        panic!("{:?}", ran.output)
    };
    assert_eq!(renewed.identity.user().roles(), ["admin"]);
    assert_eq!(renewed.identity.session_id().unwrap().as_str(), "ses_1");
    assert_eq!(
        renewed.identity.expires_at().unwrap().unix_seconds(),
        START + 550
    );
    let cookie = renewed.cookie.expose();
    assert!(cookie.contains(&format!("={new};")) && cookie.ends_with("Max-Age=3350"));
    assert_eq!(
        with_bearer(&engine, &new, at(251), []),
        ("user usr_1".to_owned(), 0)
    );
}

#[test]
fn the_pkce_dialect_hands_it_out_beside_the_session() {
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 250, 550));
    let session = json!({
        "userId": "usr_1", "createdAt": START * 1000, "expiresAt": (START + 3600) * 1000, "access_token": new,
    });
    let claims = json!({ "sub": "usr_1", "email": "", "role": "member" });
    let answers = vec![answer(200, &session), answer(200, &claims)];
    let ran = renew(&pkce(), &old, at(301), answers);
    assert_eq!(said(&ran.output), format!("usr_1 has {new}"));
    assert_eq!(ran.paths(), ["/auth/session/validate", "/auth/verify"]);
}

#[test]
fn threat_030_only_what_the_cloud_hands_out_for_the_same_user_is_adopted() {
    let (old, new) = (short("usr_1", 0, 300), short("usr_2", 250, 550));
    for answers in [
        // The session, the newer token and what is cached of the old one name one user, or the renewal is rejected.
        vec![handed_out("usr_2", &new)],
        vec![handed_out("usr_1", &new), verified("usr_2", &[])],
        vec![alive("usr_2", 3600)],
        // One that is over ends none of this user's.
        vec![alive("usr_2", 250)],
        vec![data(
            &json!({ "session": session("ses_1", "usr_1", 60), "jwt": "two words" }),
        )],
        vec![data(
            &json!({ "session": session("ses_1", "usr_1", 60), "jwt": 7 }),
        )],
    ] {
        let engine = v1();
        sign_in(&engine, "usr_1", &old);
        let ran = renew(&engine, &old, at(250), answers);
        assert_eq!(said(&ran.output), "unavailable invalid_response");
        let after = with_bearer(&engine, &old, at(251), [verified("usr_1", &[])]);
        assert_eq!(after.0, "user usr_1");
        let new = with_bearer(&engine, &new, at(251), [status(401)]);
        assert_eq!(new.1, 1, "nothing is known of it");
    }
}

#[test]
fn threat_033_late_requests_with_the_old_token_reuse_the_result() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    sign_in(&engine, "usr_1", &old);
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    assert_eq!(brief(&renew(&engine, &old, at(290), answers)).1, 2);
    // Until 30 s after the end of the old one, and as fresh as any identity.
    for (now, calls) in [(290, 0), (319, 0), (320, 1), (329, 0)] {
        let ran = renew(
            &engine,
            &old,
            at(now),
            (0..calls).map(|_| verified("usr_1", &[])).collect(),
        );
        assert_eq!(brief(&ran), (format!("usr_1 has {new}"), calls), "{now}");
    }
    let ran = renew(&engine, &old, at(330), vec![status(401)]);
    assert_eq!(brief(&ran), ("ended request_failed".to_owned(), 1));
}

#[test]
fn what_was_renewed_twice_leads_to_the_newest() {
    let engine = v1();
    let tokens: Vec<_> = (0..4).map(|n| short("usr_1", n * 5, n * 5 + 5)).collect();
    sign_in(&engine, "usr_1", &tokens[0]);
    for (n, pair) in tokens.windows(2).enumerate() {
        let now = at(4 + 5 * u64::try_from(n).unwrap());
        let answers = vec![handed_out("usr_1", &pair[1]), verified("usr_1", &[])];
        let ran = renew(&engine, &pair[0], now, answers);
        assert_eq!(brief(&ran), (format!("usr_1 has {}", pair[1]), 2));
        let first = renew(&engine, &tokens[0], now, vec![]);
        assert_eq!(brief(&first), (format!("usr_1 has {}", pair[1]), 0));
    }
    // The newest is past its end as well: it is the one to ask with.
    let newest = short("usr_1", 20, 25);
    let answers = vec![handed_out("usr_1", &newest), verified("usr_1", &[])];
    let ran = renew(&engine, &tokens[0], at(21), answers);
    assert_eq!(ran.sent[0].bearer.as_ref(), Some(&tokens[3]));
    assert_eq!(said(&ran.output), format!("usr_1 has {newest}"));
}

#[test]
fn what_was_forgotten_is_verified_and_not_renewed_again() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    assert_eq!(brief(&renew(&engine, &old, at(290), answers)).1, 2);
    assert_eq!(
        with_bearer(&engine, &new, at(320), [status(403)]).0,
        "rejected request_failed"
    );
    let ran = renew(&engine, &old, at(321), vec![verified("usr_2", &[])]);
    assert_eq!(said(&ran.output), "unavailable invalid_response");
    let ran = renew(&engine, &old, at(321), vec![verified("usr_1", &[])]);
    assert_eq!(ran.paths(), [VERIFY]);
    assert_eq!(said(&ran.output), format!("usr_1 has {new}"));
    assert_eq!(ran.sent[0].bearer, Some(new));
}

#[test]
fn what_was_renewed_is_stale_like_any_identity() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    sign_in(&engine, "usr_1", &old);
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    assert_eq!(brief(&renew(&engine, &old, at(290), answers)).1, 2);
    let away = vec![lost(TransportError::Timeout)];
    let ran = renew(&engine, &old, at(321), away);
    assert_eq!(brief(&ran), (format!("usr_1 has {new}"), 1));
    // Refused, it may be past its end by the Cloud's clock: it is the one to renew then.
    let ran = renew(&engine, &old, at(322), vec![status(401), status(401)]);
    assert_eq!(ran.paths(), [VERIFY, VALIDATE]);
    assert_eq!(brief(&ran), ("ended request_failed".to_owned(), 2));
    let ran = renew(&engine, &old, at(323), vec![]);
    assert_eq!(brief(&ran), ("ended request_failed".to_owned(), 0));
}

#[test]
fn a_newer_token_that_is_past_its_end_as_well_is_renewed() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    sign_in(&engine, "usr_1", &old);
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    assert_eq!(brief(&renew(&engine, &old, at(290), answers)).1, 2);
    let newest = short("usr_1", 321, 621);
    let renewed = [handed_out("usr_1", &newest), verified("usr_1", &[])];
    let answers = [status(401)].into_iter().chain(renewed).collect();
    let ran = renew(&engine, &old, at(321), answers);
    assert_eq!(ran.paths(), [VERIFY, VALIDATE, VERIFY]);
    assert_eq!(said(&ran.output), format!("usr_1 has {newest}"));
}

#[test]
fn a_session_that_cannot_be_renewed_is_not_asked_about_again() {
    for (refusal, code) in [
        (status(401), "request_failed"),
        (status(404), "request_failed"),
        (alive("usr_1", 300), "session_expired"),
        (alive("usr_1", 3600), "session_expired"),
        // A newer token of a session that is over is not even looked at.
        (
            data(&json!({ "session": session("ses_1", "usr_1", 300), "jwt": "newer" })),
            "session_expired",
        ),
    ] {
        let engine = v1();
        let old = short("usr_1", 0, 300);
        sign_in(&engine, "usr_1", &old);
        let ended = |calls| (format!("ended {code}"), calls);
        let ran = renew(&engine, &old, at(300), vec![refusal]);
        assert_eq!(brief(&ran), ended(1));
        assert_eq!(brief(&renew(&engine, &old, at(304), vec![])), ended(0));
        assert_eq!(
            with_bearer(&engine, &old, at(304), []),
            (format!("rejected {code}"), 0)
        );
    }
}

#[test]
fn a_refusal_of_something_else_ends_no_session_that_is_good() {
    let old = short("usr_1", 0, 300);
    for (refusal, expect, after) in [
        (
            status(401),
            "ended request_failed",
            "rejected request_failed",
        ),
        (status(404), "unavailable request_failed", "user usr_1"),
        (status(403), "unavailable request_failed", "user usr_1"),
        (status(429), "unavailable request_failed", "user usr_1"),
        (
            lost(TransportError::Timeout),
            "unavailable timeout",
            "user usr_1",
        ),
    ] {
        let engine = v1();
        sign_in(&engine, "usr_1", &old);
        let flow = refreshing(&engine, token(&old));
        assert_eq!(said(&run(flow, at(20), [refusal]).output), expect);
        assert_eq!(with_bearer(&engine, &old, at(21), []).0, after);
    }
}

#[test]
fn an_outage_between_the_two_calls_adopts_nothing() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    let answers = vec![handed_out("usr_1", &new), lost(TransportError::Timeout)];
    let ran = renew(&engine, &old, at(290), answers);
    assert_eq!(brief(&ran), ("unavailable timeout".to_owned(), 2));
    assert_eq!(with_bearer(&engine, &new, at(290), [status(401)]).1, 1);
    // Refused a moment after it was handed out: the session ended between the two.
    let engine = v1();
    let answers = vec![handed_out("usr_1", &new), status(401)];
    let ran = renew(&engine, &old, at(291), answers);
    assert_eq!(brief(&ran), ("ended request_failed".to_owned(), 2));
}

#[test]
fn threat_035_an_answer_that_takes_longer_than_the_newer_token_lasts_ends_no_session() {
    // Late was the newer token itself, or the answer about it.
    let came = [7, 12];
    for (came, late) in came
        .into_iter()
        .flat_map(|came| [(came, status(401)), (came, verified("usr_1", &[]))])
    {
        let engine = v1();
        let (old, new) = (short("usr_1", 0, 5), short("usr_1", 6, 11));
        let mut flow = refreshing(&engine, token(&old));
        assert!(matches!(flow.step(Event::Start, at(6)), Step::Send(_)));
        let newer = Event::Delivered(handed_out("usr_1", &new));
        assert!(matches!(flow.step(newer, at(came)), Step::Send(_)));
        let Step::Done(output) = flow.step(Event::Delivered(late), at(12)) else {
            panic!("an end")
        };
        let told = said(&output);
        let newest = short("usr_1", 12, 17);
        let answers = vec![handed_out("usr_1", &newest), verified("usr_1", &[])];
        if told.starts_with("unavailable") {
            assert_eq!(told, "unavailable timeout");
            let ran = renew(&engine, &old, at(12), answers);
            assert_eq!(said(&ran.output), format!("usr_1 has {newest}"));
        } else {
            // By the Cloud's clock it may be good still.
            assert_eq!(told, format!("usr_1 has {new}"));
        }
    }
}

#[test]
fn a_later_end_is_written_again() {
    let engine = v1();
    let (_, cookie) = crate::world::begin(&engine, "s");
    let flow = crate::world::callback(&engine, "s", "c0de", &cookie, at(0)).unwrap();
    assert!(
        run(flow, at(0), [exchanged("usr_1", "opaque")])
            .output
            .is_ok()
    );
    let ran = renew(&engine, "opaque", at(3590), vec![alive("usr_1", 3600)]);
    assert_eq!(said(&ran.output), "unchanged");
    let ran = renew(&engine, "opaque", at(3590), vec![alive("usr_1", 7200)]);
    let Renewal::Unchanged {
        cookie: Some(cookie),
        ..
    } = &ran.output
    else {
        panic!("{:?}", ran.output)
    };
    assert!(cookie.expose().contains("=opaque;") && cookie.expose().ends_with("Max-Age=3610"));
    let known = with_bearer(&engine, "opaque", at(3601), [verified("usr_1", &[])]);
    assert_eq!(known.0, "user usr_1");
}

#[test]
fn a_clock_that_was_set_far_ahead_renews_by_the_clouds_word_and_no_oftener() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 250, 550));
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    let ran = renew(&engine, &old, at(600), answers);
    assert_eq!(brief(&ran), (format!("usr_1 has {new}"), 2));
    let again = renew(&engine, &old, at(601), vec![]);
    assert_eq!(brief(&again), (format!("usr_1 has {new}"), 0));
    // Its life of 300 s began when it came.
    assert_eq!(with_bearer(&engine, &new, at(629), []).0, "user usr_1");
    let over = with_bearer(&engine, &new, at(900), []);
    assert_eq!(over, ("rejected session_expired".to_owned(), 0));
}

/// Which of the two tokens is signed out, and when.
fn sign_out(engine: &Arc<Engine>, text: &str, now: Now) -> Ran<String> {
    let flow = Logout::new(
        Arc::clone(engine),
        token(text),
        Effort::Once,
        now,
        Jitter(1),
    );
    let ran = run(flow, now, [data(&json!({}))]);
    Ran {
        output: format!("{:?}", ran.output),
        sent: ran.sent,
        waits: ran.waits,
    }
}

#[test]
fn threat_031_signing_out_one_token_ends_the_other_too() {
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    for which in [&old, &new] {
        let engine = v1();
        sign_in(&engine, "usr_1", &old);
        sign_in(&engine, "usr_2", "other");
        let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
        assert_eq!(brief(&renew(&engine, &old, at(290), answers)).1, 2);
        let ran = sign_out(&engine, which, at(291));
        assert_eq!(ran.output, "Ended");
        assert_eq!(
            ran.sent[0].bearer.as_ref(),
            Some(&new),
            "the Cloud is told with the newest"
        );
        for text in [&old, &new] {
            assert_eq!(
                with_bearer(&engine, text, at(292), []),
                ("rejected signed_out".to_owned(), 0)
            );
            let ran = renew(&engine, text, at(292), vec![]);
            assert_eq!(brief(&ran), ("ended signed_out".to_owned(), 0));
        }
        assert_eq!(with_bearer(&engine, "other", at(1), []).0, "user usr_2");
    }
}

#[test]
fn threat_031_a_sign_out_while_a_renewal_is_under_way_wins() {
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    for before in [VALIDATE, VERIFY] {
        let engine = v1();
        sign_in(&engine, "usr_1", &old);
        let mut flow = refreshing(&engine, token(&old));
        let Step::Send(mut request) = flow.step(Event::Start, at(290)) else {
            panic!("a request")
        };
        if before == VERIFY {
            let handed_out = Event::Delivered(handed_out("usr_1", &new));
            let Step::Send(next) = flow.step(handed_out, at(290)) else {
                panic!("a request")
            };
            request = next;
        }
        assert!(request.url().ends_with(before));
        assert_eq!(sign_out(&engine, &old, at(290)).sent.len(), 1);
        let mut answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
        if before == VERIFY {
            let _spent = answers.remove(0);
        }
        let mut steps = answers.into_iter();
        let output = loop {
            let Some(answer) = steps.next() else {
                panic!("no end")
            };
            if let Step::Done(output) = flow.step(Event::Delivered(answer), at(291)) {
                break output;
            }
        };
        assert_eq!(said(&output), "ended signed_out");
        for text in [&old, &new] {
            assert_eq!(
                with_bearer(&engine, text, at(291), []),
                ("rejected signed_out".to_owned(), 0),
                "{before}"
            );
        }
    }
}

#[test]
fn two_people_who_renew_do_not_meet() {
    let engine = v1();
    let tokens = |user: &str| (short(user, 0, 300), short(user, 290, 590));
    for user in ["ada", "bob"] {
        sign_in(&engine, user, &tokens(user).0);
    }
    let (mut keys, mut flows) = (Vec::new(), Vec::new());
    for user in ["ada", "bob"] {
        let refresh = refresh_session(&engine, token(&tokens(user).0), Jitter(1));
        keys.push(refresh.key());
        let mut flow = Stepped::from(refresh);
        assert!(matches!(flow.step(Event::Start, at(290)), Step::Send(_)));
        flows.push((user, flow));
    }
    assert_ne!(keys[0], keys[1]);
    for (user, flow) in &mut flows {
        let newer = Event::Delivered(handed_out(user, &tokens(user).1));
        assert!(matches!(flow.step(newer, at(290)), Step::Send(_)));
    }
    for (user, flow) in &mut flows {
        let Step::Done(output) = flow.step(Event::Delivered(verified(user, &[])), at(290)) else {
            panic!("an end")
        };
        assert_eq!(said(&output), format!("{user} has {}", tokens(user).1));
    }
}

#[test]
fn threat_030_a_revoked_session_of_another_user_ends_none_of_this_one() {
    let engine = v1();
    with_bearer(&engine, "t", at(0), [verified("usr_1", &[])]);
    engine.end_session(&SessionId::parse("ses_1").unwrap(), at(1));
    let ran = renew(&engine, "t", at(2), vec![alive("usr_2", 3600)]);
    assert_eq!(said(&ran.output), "unavailable invalid_response");
    let told = with_bearer(&engine, "t", at(3), []);
    assert_eq!(told, ("user usr_1".to_owned(), 0));
}

/// The Cloud says so to another request, while the newer token is verified.
#[test]
fn threat_030_a_token_that_turns_out_to_be_another_users_is_not_replaced() {
    let new = short("usr_1", 0, 600);
    for (last, expect) in [
        (verified("usr_1", &[]), "unavailable invalid_response"),
        (lost(TransportError::Timeout), "unavailable timeout"),
    ] {
        let engine = v1();
        let mut flow = refreshing(&engine, token("t"));
        flow.step(Event::Start, at(0));
        flow.step(Event::Delivered(handed_out("usr_1", &new)), at(0));
        with_bearer(&engine, "t", at(0), [verified("usr_2", &[])]);
        let Step::Done(renewal) = flow.step(Event::Delivered(last), at(1)) else {
            panic!("an end")
        };
        assert_eq!(said(&renewal), expect);
        assert!(engine.newer_token(&token("t"), at(1)).is_none());
    }
}
