//! Where two ways meet: signatures and renewal, signatures and sign-out, one cookie and the next.

use std::sync::Arc;

use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use serde_json::json;

use crate::keys::{ask, by_keys};
use crate::renew::{alive, short};
use crate::renewing::{left, request};
use crate::world::signer::{Signer, published};
use crate::world::{
    Step, at, begin, callback, data, fetching, run, session, status, token, user, v1, verified,
};

#[test]
fn threat_032_what_a_key_refuses_is_not_told_as_ended() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let good = key.token("usr_1", 3600);
    ask(&engine, &good, 0, vec![published(&[&key])]);
    let refused = ask(&engine, "opaque", 1, vec![]);
    assert_eq!(refused, "rejected token_malformed, 0 calls");
    let token = token("opaque");
    let flow = Logout::new(Arc::clone(&engine), token, Effort::Once, at(1), Jitter(1));
    let ended = run(flow, at(1), [status(500)]).output;
    assert!(matches!(ended, SignOut::NotConfirmed(_)), "{ended:?}");
}

#[test]
fn threat_083_a_key_set_is_fetched_though_the_last_fetch_was_lost() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let text = key.token("usr_1", 86_400);
    ask(&engine, &text, 0, vec![published(&[&key])]);
    let mut lost = fetching(&engine);
    assert!(matches!(lost.step(Event::Start, at(600)), Step::Send(_)));
    drop(lost);
    assert_eq!(ask(&engine, &text, 629, vec![]), "user usr_1, 0 calls");
    assert_eq!(
        ask(&engine, &text, 660, vec![published(&[&key])]),
        "user usr_1, 1 calls"
    );
}

#[test]
fn threat_082_invented_tokens_that_are_past_their_end_cost_no_call() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let good = key.token("usr_1", 3600);
    ask(&engine, &good, 0, vec![published(&[&key])]);
    for (kid, code) in [
        ("k1", "token_signature_invalid"),
        ("k2", "token_key_unknown"),
    ] {
        let text = Signer::new(kid).token("usr_1", -100);
        assert_eq!(
            request(&engine, None, &[&text], at(1), []),
            left(&format!("rejected {code}"), None, 0)
        );
    }
}

#[test]
fn nobody_leaves_with_the_cookie_of_another() {
    let engine = v1();
    let text = short("usr_1", 0, 300);
    let (_, cookie) = begin(&engine, "state");
    let flow = callback(&engine, "state", "code", &cookie, at(0)).unwrap();
    let signed_in = data(&json!({
        "user": user("usr_1", &[]), "session": session("ses_1", "usr_1", 250), "jwt": text,
    }));
    run(flow, at(0), [signed_in]).output.unwrap();
    // The session ends later than was thought, and then the Cloud does not take its token.
    let answers = [alive("usr_1", 3600), status(401), verified("usr_2", &[])];
    assert_eq!(
        request(&engine, None, &[&text, "other"], at(245), answers),
        left("user usr_2", None, 3)
    );
}

#[test]
fn who_was_verified_a_moment_ago_stays_so_where_the_keys_are_gone() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let text = key.token("usr_1", 86_400);
    ask(&engine, &text, 0, vec![published(&[&key])]);
    for (seconds, expect) in [
        (4220, "user usr_1, 1 calls"),
        (4260, "user usr_1, 2 calls"),
        (4320, "unavailable keys_unavailable, 2 calls"),
    ] {
        let calls = if seconds == 4220 { 1 } else { 2 };
        let answers = (0..calls).map(|_| status(503)).collect();
        assert_eq!(ask(&engine, &text, seconds, answers), expect);
    }
}
