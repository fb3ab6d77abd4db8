//! A cached identity is found without an allocation. A binary of its own, for its allocator counts.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod world;

use std::sync::Arc;

use allocation_counter::measure;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{RawCredentials, known};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::{Authentication, Event, Jitter, Step};
use serde_json::json;

use world::{SESSION, at, jwt, v1, verified, with_bearer};

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
