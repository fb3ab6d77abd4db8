//! A newer token whose verification met an outage is kept and verified later. Until then it signs no user in.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter, Renewal};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use serde_json::json;

use crate::keys::by_keys;
use crate::renew::{alive, handed_out, said, short};
use crate::renewing::{left, request};
use crate::world::signer::Signer;
use crate::world::{
    Ran, Step, at, data, lost, refreshing, run, session, sign_in, status, token, v1, verified,
    with_bearer,
};

const VALIDATE: &str = "/api/v1/auth/session/validate";
const VERIFY: &str = "/api/v1/auth/verify";

fn renew(engine: &Arc<Engine>, text: &str, seconds: u64, answers: Vec<Delivery>) -> Ran<Renewal> {
    let flow = refreshing(engine, token(text));
    run(flow, at(seconds), answers)
}

/// A newer token was handed out at 290 s, of which the Cloud could say no more.
fn holding(user: &str) -> (Arc<Engine>, String, String) {
    let engine = v1();
    let (old, new) = (short(user, 0, 300), short(user, 290, 590));
    let answers = vec![handed_out(user, &new), lost(TransportError::Timeout)];
    let ran = renew(&engine, &old, 290, answers);
    assert_eq!(said(&ran.output), "unavailable timeout");
    (engine, old, new)
}

#[test]
fn threat_035_a_newer_token_outlives_the_outage_in_which_it_came() {
    let away: [fn() -> Delivery; 2] = [|| lost(TransportError::Timeout), || status(500)];
    for away in away {
        let (engine, old, new) = holding("usr_1");
        // The Cloud gives no other for the old one once that is over for a minute.
        for seconds in [299, 330, 361, 500] {
            let ran = renew(&engine, &old, seconds, vec![away()]);
            assert_eq!(ran.paths(), [VERIFY], "{seconds}");
            assert_eq!(ran.sent[0].bearer.as_ref(), Some(&new));
            assert!(said(&ran.output).starts_with("unavailable"), "{seconds}");
        }
        let ran = renew(&engine, &old, 520, vec![verified("usr_1", &[])]);
        assert_eq!(said(&ran.output), format!("usr_1 has {new}"));
        assert_eq!(ran.paths(), [VERIFY]);
        // The old one stands for it as long as for any other.
        let late = renew(&engine, &old, 549, vec![]);
        assert_eq!(said(&late.output), format!("usr_1 has {new}"));
        let over = renew(&engine, &old, 550, vec![status(401)]);
        assert_eq!(over.paths(), [VALIDATE]);
        assert_eq!(said(&over.output), "ended request_failed");
    }
}

#[test]
fn the_session_of_a_newer_token_that_is_another_users_is_not_told() {
    let (engine, old, _) = holding("usr_1");
    let answers = vec![status(401), alive("usr_2", 3600)];
    let ran = renew(&engine, &old, 299, answers);
    assert_eq!(said(&ran.output), "unavailable invalid_response");
    let answers = vec![status(401), alive("usr_1", 3600)];
    let ran = renew(&engine, &old, 299, answers);
    assert_eq!(said(&ran.output), "unchanged");
}

#[test]
fn threat_035_a_newer_token_is_held_while_verify_is_not_asked() {
    let engine = v1();
    for user in ["a", "b", "c", "d", "e"] {
        let text = short(user, 0, 400);
        let away = vec![lost(TransportError::Timeout)];
        let told = with_bearer(&engine, &text, at(288), away);
        assert_eq!(told.0, "unavailable timeout");
    }
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 290, 590));
    let ran = renew(&engine, &old, 290, vec![handed_out("usr_1", &new)]);
    assert_eq!(said(&ran.output), "unavailable circuit_open");
    let ran = renew(&engine, &old, 400, vec![verified("usr_1", &[])]);
    assert_eq!(said(&ran.output), format!("usr_1 has {new}"));
}

#[test]
fn threat_030_a_held_token_is_nobodys_before_it_is_verified() {
    let (engine, old, new) = holding("usr_1");
    assert_eq!(with_bearer(&engine, &new, at(291), [status(500)]).1, 1);
    let ran = renew(&engine, &old, 292, vec![verified("usr_2", &[])]);
    assert_eq!(said(&ran.output), "unavailable invalid_response");
    // The Cloud handed out the token that another user has brought.
    let (engine, old, new) = holding("usr_1");
    let other = with_bearer(&engine, &new, at(291), [verified("usr_2", &[])]);
    assert_eq!(other.0, "user usr_2");
    for seconds in [292, 330] {
        let answers = (seconds > 300).then(|| status(500));
        let ran = renew(&engine, &old, seconds, answers.into_iter().collect());
        assert!(said(&ran.output).starts_with("unavailable"), "{seconds}");
    }
    // A user who is cached under another id than the Cloud states now gets no newer token.
    let engine = v1();
    sign_in(&engine, "usr_2", &old);
    let ran = renew(&engine, &old, 290, vec![handed_out("usr_1", &new)]);
    assert_eq!(ran.sent.len(), 1);
    let ran = renew(&engine, &old, 301, vec![status(401)]);
    assert_eq!(ran.paths(), [VALIDATE]);
}

/// The Cloud mixed two sessions up: usr_2 has the token that it handed out for usr_1.
#[test]
fn threat_030_a_held_token_that_another_user_renews_leads_to_nobody_elses_session() {
    for is_away in [false, true] {
        let (engine, old, new) = holding("usr_1");
        let theirs = short("usr_2", 291, 591);
        let answer = if is_away {
            lost(TransportError::Timeout)
        } else {
            verified("usr_2", &[])
        };
        let answers = vec![handed_out("usr_2", &theirs), answer];
        let ran = renew(&engine, &new, 291, answers);
        assert_eq!(ran.paths(), [VALIDATE, VERIFY]);
        let own = short("usr_1", 292, 592);
        let answers = vec![handed_out("usr_1", &own), verified("usr_1", &[])];
        let ran = renew(&engine, &old, 292, answers);
        assert_eq!(ran.paths(), [VALIDATE, VERIFY], "as if nothing were held");
        assert_eq!(ran.sent[0].bearer.as_ref(), Some(&old));
        assert_eq!(said(&ran.output), format!("usr_1 has {own}"));
    }
}

#[test]
fn a_held_token_that_is_over_by_then_is_the_one_to_renew() {
    let (engine, old, new) = holding("usr_1");
    let newest = short("usr_1", 600, 900);
    let answers = vec![
        status(401),
        handed_out("usr_1", &newest),
        verified("usr_1", &[]),
    ];
    let ran = renew(&engine, &old, 600, answers);
    assert_eq!(ran.paths(), [VERIFY, VALIDATE, VERIFY]);
    assert_eq!(ran.sent[1].bearer, Some(new));
    assert_eq!(said(&ran.output), format!("usr_1 has {newest}"));
    let (engine, old, _) = holding("usr_1");
    let ran = renew(&engine, &old, 310, vec![status(401), status(401)]);
    assert_eq!(said(&ran.output), "ended request_failed");
    assert_eq!(renew(&engine, &old, 311, vec![]).sent.len(), 0);
}

/// The Cloud mixed two sessions up, and then extends the one whose token it is.
#[test]
fn threat_030_a_held_token_whose_session_is_extended_is_still_nobody_elses() {
    let (engine, old, _) = holding("usr_1");
    let theirs = "opaque";
    sign_in(&engine, "usr_2", theirs);
    let answers = vec![
        status(401),
        handed_out("usr_1", theirs),
        lost(TransportError::Timeout),
    ];
    let ran = renew(&engine, &old, 292, answers);
    assert_eq!(said(&ran.output), "unavailable timeout");
    let extended = renew(&engine, theirs, 293, vec![alive("usr_2", 7200)]);
    assert_eq!(said(&extended.output), "unchanged, with a cookie");
    let ran = renew(&engine, &old, 294, vec![verified("usr_2", &[])]);
    assert_eq!(said(&ran.output), "unavailable invalid_response");
}

/// Without keys the Cloud's word on a held token counts, and the Cloud may know a later end.
#[test]
fn threat_020_by_keys_a_held_token_past_its_end_and_leeway_is_renewed_and_lets_no_user_in() {
    for (seconds, is_over) in [(89, false), (90, true)] {
        let (key, engine) = (Signer::new("k1"), by_keys());
        let [old, new, newest] = [20, 60, 120].map(|end| key.token("usr_1", end));
        let answers = vec![handed_out("usr_1", &new), lost(TransportError::Timeout)];
        let ran = renew(&engine, &old, 10, answers);
        assert_eq!(said(&ran.output), "unavailable timeout");
        let mut flow = refreshing(&engine, token(&old));
        assert!(matches!(flow.step(Event::Start, at(80)), Step::Send(_)));
        let good = || Event::Delivered(verified("usr_1", &[]));
        let mut step = flow.step(good(), at(seconds));
        if is_over {
            let Step::Send(asked) = step else {
                panic!("it is to be renewed");
            };
            assert!(asked.url().ends_with(VALIDATE));
            flow.step(Event::Delivered(handed_out("usr_1", &newest)), at(seconds));
            step = flow.step(good(), at(seconds));
        }
        let Step::Done(renewal) = step else {
            panic!("it is over");
        };
        let has = if is_over { newest } else { new };
        assert_eq!(said(&renewal), format!("usr_1 has {has}"));
    }
}

#[test]
fn threat_031_a_sign_out_ends_a_held_token_too() {
    let (engine, old, new) = holding("usr_1");
    let flow = Logout::new(
        Arc::clone(&engine),
        token(&old),
        Effort::Once,
        at(295),
        Jitter(1),
    );
    let ran = run(flow, at(295), [data(&serde_json::json!({}))]);
    assert_eq!(
        ran.sent[0].bearer.as_ref(),
        Some(&new),
        "the Cloud is told with the newest"
    );
    for text in [&old, &new] {
        let told = with_bearer(&engine, text, at(296), []);
        assert_eq!(told, ("rejected signed_out".to_owned(), 0));
        let ran = renew(&engine, text, 296, vec![]);
        assert_eq!(said(&ran.output), "ended signed_out");
    }
}

#[test]
fn a_good_token_serves_on_without_a_call_beside_a_held_one() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 400), short("usr_1", 341, 741));
    let known = with_bearer(&engine, &old, at(330), [verified("usr_1", &[])]);
    assert_eq!(known.0, "user usr_1");
    let ask = |seconds, answers| request(&engine, None, &[&old], at(seconds), answers);
    let away = vec![handed_out("usr_1", &new), lost(TransportError::Timeout)];
    assert_eq!(ask(341, away), left("user usr_1", None, 2));
    for seconds in 342..350 {
        assert_eq!(ask(seconds, vec![]), left("user usr_1", None, 0));
    }
    let back = vec![verified("usr_1", &[])];
    assert_eq!(ask(357, back), left("user usr_1", Some(&new), 1));
}

#[test]
fn an_older_token_is_not_served_as_the_one_before_a_held_one() {
    let engine = v1();
    let (oldest, old, new) = (
        short("usr_1", 0, 300),
        short("usr_1", 290, 310),
        short("usr_1", 305, 605),
    );
    let answers = vec![handed_out("usr_1", &old), verified("usr_1", &[])];
    let ran = renew(&engine, &oldest, 290, answers);
    assert_eq!(said(&ran.output), format!("usr_1 has {old}"));
    let answers = vec![handed_out("usr_1", &new), lost(TransportError::Timeout)];
    let ran = renew(&engine, &old, 305, answers);
    assert_eq!(said(&ran.output), "unavailable timeout");
    let away = [lost(TransportError::Timeout)];
    let left = request(&engine, None, &[&oldest], at(306), away);
    let expect = "Left { said: \"unavailable timeout\", cookie: None, calls: 1 }";
    assert_eq!(format!("{left:?}"), expect);
}

#[test]
fn an_old_token_stands_as_long_as_before_for_one_that_is_verified_anew() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 250, 550));
    sign_in(&engine, "usr_1", &old);
    let has_new = |ran: Ran<Renewal>| assert_eq!(said(&ran.output), format!("usr_1 has {new}"));
    let answers = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    has_new(renew(&engine, &old, 250, answers));
    // No longer cached.
    let told = with_bearer(&engine, &new, at(285), [status(403)]);
    assert_eq!(told.0, "rejected request_failed");
    has_new(renew(&engine, &old, 290, vec![verified("usr_1", &[])]));
    has_new(renew(&engine, &old, 329, vec![verified("usr_1", &[])]));
    let over = renew(&engine, &old, 330, vec![status(401)]);
    assert_eq!(over.paths(), [VALIDATE]);
}

/// The Cloud's word on the token counts, and the session's end is known: the next request would be refused.
#[test]
fn threat_020_a_held_token_whose_session_was_to_be_over_is_renewed_first() {
    let engine = v1();
    let held = json!({ "session": session("ses_1", "usr_1", 20), "jwt": "new" });
    let answers = vec![data(&held), lost(TransportError::Timeout)];
    let ran = renew(&engine, "old", 0, answers);
    assert_eq!(said(&ran.output), "unavailable timeout");
    let answers = vec![
        verified("usr_1", &[]),
        handed_out("usr_1", "newest"),
        verified("usr_1", &[]),
    ];
    let ran = renew(&engine, "old", 20, answers);
    assert_eq!(ran.paths(), [VERIFY, VALIDATE, VERIFY]);
    assert_eq!(said(&ran.output), "usr_1 has newest");
    let told = with_bearer(&engine, "newest", at(20), []);
    assert_eq!(told, ("user usr_1".to_owned(), 0));
}
