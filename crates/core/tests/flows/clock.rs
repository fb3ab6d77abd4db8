//! A wall clock that is set while a deployment is at work: times of our own go on, and what ended stays ended.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::logout::{Effort, Logout};
use mastra_auth_cloud_core::identity::authority::Authority;
use mastra_auth_cloud_core::time::Now;

use crate::keys::by_keys;
use crate::world::signer::{Signer, published};
use crate::world::{at, run, status, token, with_bearer};

const DAY: i64 = 86_400;

/// So many seconds after the start, on a wall clock that is so many days ahead.
fn ahead(seconds: u64, days: u64) -> Now {
    let now = at(seconds);
    Now {
        wall: now.wall.plus(Duration::from_hours(24 * days)),
        ..now
    }
}

fn ask(authority: &Arc<Authority>, text: &str, now: Now) -> String {
    let (said, calls) = with_bearer(authority, text, now, []);
    assert_eq!(calls, 0, "the keys are as old as they are");
    said
}

fn sign_out(authority: &Arc<Authority>, text: &str, now: Now) {
    let flow = Logout::new(
        Arc::clone(authority),
        token(text),
        Effort::Once,
        now,
        Jitter(1),
    );
    let _ = run(flow, now, [status(500)]);
}

#[test]
fn threat_085_a_clock_that_jumps_revives_no_sign_out() {
    let (key, authority) = (Signer::new("k1"), by_keys());
    let [out, other, stays] = [("usr_1", DAY), ("usr_2", 10 * DAY), ("usr_3", 10 * DAY)]
        .map(|(user, end)| key.token(user, end));
    with_bearer(&authority, &stays, at(0), [published(&[&key])]);
    for text in [&out, &other] {
        assert!(ask(&authority, text, at(1)).starts_with("user"));
    }
    sign_out(&authority, &out, at(2));
    assert_eq!(ask(&authority, &out, at(3)), "rejected signed_out");

    // While the clock is wrong somebody else signs out: what seems to be over is not let go for that.
    sign_out(&authority, &other, ahead(4, 2));
    assert!(ask(&authority, &out, ahead(5, 2)).starts_with("rejected"));
    assert_eq!(ask(&authority, &stays, ahead(6, 2)), "user usr_3");

    for (text, said) in [
        (&out, "rejected signed_out"),
        (&other, "rejected signed_out"),
        (&stays, "user usr_3"),
    ] {
        assert_eq!(ask(&authority, text, at(7)), said);
    }
}
