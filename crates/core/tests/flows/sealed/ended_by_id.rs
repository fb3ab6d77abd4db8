//! An operator ends a session by its id, which each instance makes of the first text that it saw.

use mastra_auth_cloud_core::ids::SessionId;

use super::*;
use crate::revocations::{deliver, published};

fn instance() -> Arc<Engine> {
    let engine = platform();
    assert!(engine.publish_revocations(|| {}));
    engine
}

fn id_of(engine: &Engine, session: &str) -> SessionId {
    let identity = engine.verified(&sealed(session)).unwrap();
    identity.session_id().unwrap().clone()
}

/// A session that was given `s1` and `s2` on the first instance, and is brought to the second one as `s2`.
fn on_two() -> [Arc<Engine>; 2] {
    let both = [instance(), instance()];
    let first = brief(&both[0], Driver::Sets, "s1", at(0), [me("usr_1")]);
    assert_eq!(first, good(1, None));
    let turned = [rotated("usr_1", "s2")];
    let newer = brief(&both[0], Driver::Sets, "s1", at(31), turned);
    assert_eq!(newer, good(1, Some("s2")));
    let other = brief(&both[1], Driver::Sets, "s2", at(32), [me("usr_1")]);
    assert_eq!(other, good(1, None));
    let ids = [id_of(&both[0], "s2"), id_of(&both[1], "s2")];
    assert_ne!(ids[0], ids[1]);
    both
}

/// Until neither has news for the other.
fn talk(both: &[Arc<Engine>; 2]) {
    let [one, two] = both;
    for _ in 0..4 {
        deliver(two, &published(one), at(70));
        deliver(one, &published(two), at(70));
    }
    assert_eq!((one.waiting(), two.waiting()), (0, 0));
}

fn out(both: &[Arc<Engine>; 2], sessions: &[&str]) {
    for engine in both {
        for session in sessions {
            let refused = brief(engine, Driver::LeavesToHost, session, at(71), []);
            assert_eq!(refused, rejected("signed_out", 0), "{session}");
        }
    }
}

#[test]
fn a_session_that_rotated_ends_on_each_instance_by_the_id_of_any() {
    for named_by in [0, 1] {
        for ended_on in [0, 1] {
            let both = on_two();
            let id = id_of(&both[named_by], "s2");
            both[ended_on].end_session(&id, at(70));
            talk(&both);
            out(&both, &["s2"]);
        }
    }
}

#[test]
fn the_texts_that_either_instance_was_given_end_together() {
    for named_by in [0, 1] {
        for ended_on in [0, 1] {
            let both = on_two();
            let turned = [rotated("usr_1", "s3")];
            let newer = brief(&both[1], Driver::Sets, "s2", at(63), turned);
            assert_eq!(newer, good(1, Some("s3")));
            let id = id_of(&both[named_by], ["s2", "s3"][named_by]);
            both[ended_on].end_session(&id, at(70));
            talk(&both);
            out(&both, &["s2", "s3"]);
        }
    }
}

#[test]
fn another_session_of_the_user_goes_on() {
    let both = on_two();
    both[0].end_session(&id_of(&both[0], "s2"), at(70));
    talk(&both);
    for engine in &both {
        let other = brief(engine, Driver::Sets, "other", at(71), [me("usr_1")]);
        assert_eq!(other, good(1, None));
    }
}
