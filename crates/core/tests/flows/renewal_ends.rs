//! What ends while a session is being renewed, here or elsewhere: nothing is handed out, and no token of it stays good anywhere.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::Delivery;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use serde_json::json;

use crate::renew::{alive, handed_out, said};
use crate::world::{
    START, Step, at, jwt, refreshing, run, status, token, v1, verified, with_bearer,
};

/// A way to end something at that second.
type End<'a> = &'a dyn Fn(&Arc<Engine>, u64);

/// A token of a session that goes by another name than the Cloud's own, `ses_1`.
fn issued(from: i64, to: i64) -> String {
    jwt(&json!({ "sid": "by-its-token", "sub": "usr_1", "iat": START + from, "exp": START + to }))
}

fn instance() -> Arc<Engine> {
    let engine = v1();
    assert!(engine.publish_revocations(|| {}));
    engine
}

fn knows(engine: &Arc<Engine>, token: &str, seconds: u64) {
    let told = with_bearer(engine, token, at(seconds), [verified("usr_1", &[])]);
    assert_eq!(told, ("user usr_1".to_owned(), 1));
}

fn is_refused(engine: &Arc<Engine>, token: &str, seconds: u64) {
    let told = with_bearer(engine, token, at(seconds), []);
    assert_eq!(told, ("rejected signed_out".to_owned(), 0));
}

/// What ended there is heard here.
fn tell(from: &Engine, to: &Engine, seconds: u64) {
    to.apply(from.take_revocations(usize::MAX), at(seconds));
}

fn end_user(engine: &Engine, seconds: u64) {
    engine.end_user(&UserId::parse("usr_1").unwrap(), at(seconds));
}

/// Renews; something ends just before the answer of that place comes.
fn renew(
    engine: &Arc<Engine>,
    old: &str,
    answers: Vec<Delivery>,
    place: usize,
    end: &dyn Fn(),
) -> Renewal {
    let mut flow = refreshing(engine, token(old));
    assert!(matches!(flow.step(Event::Start, at(290)), Step::Send(_)));
    for (turn, answer) in answers.into_iter().enumerate() {
        if turn == place {
            end();
        }
        if let Step::Done(renewal) = flow.step(Event::Delivered(answer), at(292)) {
            return renewal;
        }
    }
    panic!("no end");
}

fn ends<'a>() -> [End<'a>; 5] {
    [
        &|engine, seconds| {
            engine.end_session(&SessionId::parse("ses_1").unwrap(), at(seconds));
        },
        &|engine, seconds| {
            let other = instance();
            other.end_session(&SessionId::parse("ses_1").unwrap(), at(seconds));
            tell(&other, engine, seconds);
        },
        &|engine, seconds| end_user(engine, seconds),
        &|engine, seconds| {
            let other = instance();
            end_user(&other, seconds);
            tell(&other, engine, seconds);
        },
        &|engine, seconds| {
            let old = token(&issued(0, 300));
            let now = at(seconds);
            let flow = Logout::new(Arc::clone(engine), old, Effort::Once, now, Jitter(1));
            let _ = run(flow, now, [status(500)]);
        },
    ]
}

#[test]
fn threat_031_what_ends_while_a_newer_token_is_under_way_ends_that_too_everywhere() {
    // By its own word it is newer than any of the ends.
    let (old, new) = (issued(0, 300), issued(295, 600));
    for (number, end) in ends().into_iter().enumerate() {
        for place in [0, 1] {
            let (here, there) = (instance(), instance());
            knows(&here, &old, 280);
            let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
            let renewal = renew(&here, &old, answers, place, &|| end(&here, 291));
            assert_eq!(said(&renewal), "ended signed_out", "{number} {place}");
            is_refused(&here, &old, 293);
            is_refused(&here, &new, 293);
            // Another instance that never saw it, and has heard all that this one tells.
            tell(&here, &there, 293);
            is_refused(&there, &new, 296);
        }
    }
}

#[test]
fn threat_031_what_ends_while_a_session_is_asked_about_stays_over() {
    let old = issued(0, 300);
    for (number, end) in ends().into_iter().enumerate() {
        let here = instance();
        knows(&here, &old, 280);
        let renewal = renew(&here, &old, vec![alive("usr_1", 3600)], 0, &|| {
            end(&here, 291);
        });
        assert_eq!(said(&renewal), "ended signed_out", "{number}");
        is_refused(&here, &old, 293);
        // Where the Cloud does not answer, a token that was revoked meanwhile is not accepted.
        if number >= 2 {
            let here = instance();
            knows(&here, &old, 280);
            let renewal = renew(&here, &old, vec![status(500)], 0, &|| end(&here, 291));
            assert_eq!(said(&renewal), "ended signed_out", "{number}");
        }
    }
}

#[test]
fn threat_031_what_was_renewed_is_not_handed_out_again_once_its_session_ended() {
    let (old, new) = (issued(0, 300), issued(250, 600));
    for (number, end) in ends().into_iter().enumerate() {
        // A late request with the old one, while the newer is fresh; and while it is to be asked about, by the Cloud's name of it.
        let late = |seconds, answers: Vec<Delivery>| {
            let here = instance();
            knows(&here, &old, 280);
            let renewing = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
            let renewed = renew(&here, &old, renewing, 9, &|| {});
            assert_eq!(said(&renewed), format!("usr_1 has {new}"));
            end(&here, 293);
            let flow = refreshing(&here, token(&old));
            let ran = run(flow, at(seconds), answers);
            assert_eq!(said(&ran.output), "ended signed_out", "{number} {seconds}");
            is_refused(&here, &new, seconds);
        };
        late(293, vec![]);
        if number < 2 {
            late(325, vec![verified("usr_1", &[])]);
            late(325, vec![status(500)]);
        }
    }
}

/// Another request asks about the newer token at the same time, and is told first.
#[test]
fn a_newer_token_that_is_refused_while_a_refresh_asks_about_it_is_not_handed_out() {
    let (old, new) = (issued(0, 300), issued(250, 600));
    let here = instance();
    knows(&here, &old, 280);
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    assert_eq!(
        said(&renew(&here, &old, answers, 9, &|| {})),
        format!("usr_1 has {new}")
    );
    let mut flow = refreshing(&here, token(&old));
    assert!(matches!(flow.step(Event::Start, at(325)), Step::Send(_)));
    let told = with_bearer(&here, &new, at(325), [status(401)]);
    assert_eq!(told.0, "rejected request_failed");
    let Step::Done(renewal) = flow.step(Event::Delivered(status(500)), at(326)) else {
        panic!("it is told")
    };
    assert_eq!(said(&renewal), "unavailable request_failed");
}

#[test]
fn threat_020_a_user_who_ended_elsewhere_takes_what_was_renewed_since_along() {
    // The Cloud's clock, or what is under way, makes the newer token later than the end of its user.
    let (old, new) = (issued(0, 300), issued(292, 600));
    for is_here in [false, true] {
        let (here, there, third) = (instance(), instance(), instance());
        let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
        let renewed = renew(&there, &old, answers, 9, &|| {});
        assert_eq!(said(&renewed), format!("usr_1 has {new}"));
        if is_here {
            end_user(&there, 291);
        } else {
            end_user(&here, 291);
            let ended = here.take_revocations(usize::MAX);
            third.apply(ended.clone(), at(292));
            there.apply(ended, at(293));
        }
        is_refused(&there, &new, 293);
        tell(&there, &third, 294);
        is_refused(&third, &new, 294);
        // A later sign-in is a new session.
        knows(
            &third,
            &jwt(&json!({ "sid": "s2", "sub": "usr_1", "iat": START + 294, "exp": START + 600 })),
            295,
        );
    }
}

#[test]
fn a_refusal_that_is_no_401_ends_no_session_before_its_token_does() {
    for (second, expect) in [
        (299, "unavailable request_failed"),
        (300, "ended request_failed"),
    ] {
        let ran = run(
            refreshing(&v1(), token(&issued(0, 300))),
            at(second),
            [status(403)],
        );
        assert_eq!(said(&ran.output), expect, "{second}");
    }
}

#[test]
fn threat_031_a_sign_out_ends_a_newer_token_under_way_though_neither_names_its_session() {
    let unnamed =
        |from, to| jwt(&json!({ "sub": "usr_1", "iat": START + from, "exp": START + to }));
    let (old, new) = (unnamed(0, 300), unnamed(295, 600));
    let here = instance();
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    let renewal = renew(&here, &old, answers, 1, &|| {
        let (engine, now) = (Arc::clone(&here), at(291));
        let logout = Logout::new(engine, token(&old), Effort::Once, now, Jitter(1));
        let _ = run(logout, now, [status(500)]);
    });
    assert_eq!(said(&renewal), "ended signed_out");
    is_refused(&here, &new, 293);
}
