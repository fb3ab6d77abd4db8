//! A cached identity is found without an allocation, and takes little more memory than its text. A binary of its own, for its
//! allocator counts.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]
#![allow(clippy::print_stdout, reason = "what is measured is printed")]

mod world;

use std::sync::Arc;

use allocation_counter::measure;
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{RawCredentials, known};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::{Authentication, Event, Jitter, Step};
use serde_json::json;

use world::{SESSION, START, at, config, data, jwt, open, resident, v1, verified, with_bearer};

fn is_known(engine: &Arc<Engine>, authorization: Option<&str>, cookie: Option<&str>) -> bool {
    let credentials = Credentials::read(engine, authorization, cookie).unwrap();
    let task = Authenticate::new(engine, credentials).into_task(Jitter(1));
    match task.step(Event::Start, at(1)) {
        Step::Done(verdict) => matches!(verdict.answer, Authentication::Authenticated(_)),
        _ => false,
    }
}

/// What the fast path leaves, such as the second credential of a request.
#[test]
fn a_hit_past_the_fast_path_allocates_a_task_and_nothing_else() {
    let engine = v1();
    let token = jwt(&json!({ "sub": "usr_1", "sid": "ses_1", "jti": "j".repeat(500) }));
    with_bearer(&engine, &token, at(0), [verified("usr_1", &["member"])]);
    let bearer = format!("Bearer {token}");
    let cookie = format!("theme=dark; {SESSION}={token}; visited=1; {SESSION}x={token}");
    for (authorization, cookie) in [
        (Some(bearer.as_str()), None),
        (None, Some(cookie.as_str())),
        (Some(bearer.as_str()), Some(cookie.as_str())),
    ] {
        // What is set up once, as a thread's share of something, is set up before.
        assert!(is_known(&engine, authorization, cookie));
        let counted = measure(|| {
            for _ in 0..1000 {
                assert!(is_known(&engine, authorization, cookie));
            }
        });
        assert_eq!(counted.count_total, 2000, "the job, and its host");
    }
}

#[test]
fn a_warm_hit_allocates_nothing() {
    let engine = v1();
    let token = jwt(&json!({ "sub": "usr_1", "jti": "j".repeat(500) }));
    with_bearer(&engine, &token, at(0), [verified("usr_1", &["member"])]);
    let bearer = format!("Bearer {token}");
    let cookie = format!("theme=dark; {SESSION}={token}; visited=1");
    for (authorization, cookie) in [
        (Some(bearer.as_str()), None),
        (None, Some(cookie.as_bytes())),
        (Some(bearer.as_str()), Some(cookie.as_bytes())),
    ] {
        let brought = RawCredentials {
            authorization,
            cookie,
            ..RawCredentials::default()
        };
        // The first takes the token's digest to hand.
        for _ in 0..2 {
            let counted = measure(|| {
                for _ in 0..1000 {
                    assert!(known(&engine, &brought, at(1)).is_ok());
                }
            });
            assert_eq!(counted.count_total, 0);
        }
    }
}

/// The count is one that counts: what is not remembered costs a request's worth.
#[test]
fn a_miss_is_counted() {
    let engine = v1();
    let counted = measure(|| assert!(!is_known(&engine, Some("Bearer unknown"), None)));
    assert!(counted.count_total > 0);
}

/// A user signs in with an opaque token of 256 bits; returns the bytes of the text that is this user's alone.
fn signs_in(engine: &Arc<Engine>, number: u64) -> u64 {
    let (id, token) = (format!("usr_{number}"), format!("{number:043}"));
    let [email, name] = ["ada.lovelace@example.com", "Ada Lovelace"];
    let user =
        json!({ "id": id, "email": email, "name": name, "created_at": START, "roles": ["member"] });
    let (said, _) = with_bearer(engine, &token, at(0), [data(&json!({ "user": user }))]);
    assert_eq!(said, format!("user {id}"));
    u64::try_from(id.len() + email.len() + name.len() + token.len()).unwrap()
}

/// Lets ten times as many users sign in as the table holds. None may take more than `most` bytes beside its own text, its
/// places in the table among them.
fn identities_stay_small(places: u64, most: u64) {
    let mut config = config(Dialect::V1);
    config.policy.max_entries = usize::try_from(places).unwrap();
    let engine = open(config, Entropy::new([7; 32]));
    let (mut bytes, mut beside) = (0, Vec::new());
    for round in 0..10 {
        let mut text = 0;
        let counted = measure(|| {
            text = (round * places..(round + 1) * places)
                .map(|number| signs_in(&engine, number))
                .max()
                .unwrap();
        });
        bytes += counted.bytes_current;
        let held = u64::try_from(engine.statistics().identities).unwrap();
        assert!(held * 100 > places * 98, "{held} identities");
        let each = u64::try_from(bytes).unwrap().div_ceil(held);
        beside.push(each - text);
        println!(
            "{} sign-ins: {held} identities of {each} bytes, {text} of them their own text; {} MB resident",
            (round + 1) * places,
            resident() / 1000
        );
    }
    assert!(beside.iter().all(|bytes| *bytes <= most), "{beside:?}");
    // Full after the first round; what the table keeps of the evicted is full a few rounds later.
    assert!(beside[9] <= beside[4], "the memory grows: {beside:?}");
}

#[test]
fn threat_080_an_identity_takes_little_more_than_its_text() {
    identities_stay_small(5_000, 390);
}

#[test]
#[ignore = "takes minutes: cargo xtask soak sessions"]
fn soak_sessions() {
    identities_stay_small(1_000_000, 450);
}
