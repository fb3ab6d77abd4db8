//! How much memory a deployment holds, however many tokens come by.
//!
//! Measured is what the process has resident (`VmRSS` in `/proc/self/status`), so the tables with all that the allocator keeps
//! beside them. Each token is another one of another user: most are verified and have their permissions looked up, some are
//! refused, some signed out after that or without having been seen. The answers are written beforehand: no sockets.
//! `cargo xtask soak memory` takes ten million; what runs in the usual tests has smaller tables and fewer tokens.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "what is measured is printed"
)]

mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::Response;
use mastra_auth_cloud_core::time::Now;
use serde_json::json;
use world::{START, Step, Stepped, at, config, jwt, looking_up, resident, token};

const PERMISSIONS: &str = r#"{"ok":true,"data":{"permissions":["agents:read","workflows:*"]}}"#;

/// One of very many that come by.
struct Visitor {
    number: u64,
    token: String,
}

impl Visitor {
    fn new(number: u64) -> Self {
        let claims = json!({
            "sub": format!("usr_{number}"), "sid": format!("ses_{number}"), "iat": START, "exp": START + 86_400,
            "email": "somebody.with.a.usual.name@example.com", "aud": "demo", "iss": "https://cloud.mastra.ai",
        });
        let token = jwt(&claims);
        Self { number, token }
    }

    fn is_refused(&self) -> bool {
        self.number % 8 == 5
    }

    /// What the Cloud says to this request of theirs.
    fn answer(&self, endpoint: &str) -> Response {
        let number = self.number;
        let (status, body) = match endpoint {
            path if path.ends_with("/permissions") => (200, PERMISSIONS.to_owned()),
            path if path.ends_with("/verify") && !self.is_refused() => (
                200,
                format!(
                    r#"{{"ok":true,"data":{{"user":{{"id":"usr_{number}","email":"somebody.with.a.usual.name@example.com","name":"Somebody","created_at":"2026-01-28T10:00:00Z","roles":["member"]}}}}}}"#
                ),
            ),
            path if path.ends_with("/destroy") => (200, r#"{"ok":true}"#.to_owned()),
            _ => (401, r#"{"ok":false}"#.to_owned()),
        };
        Response::new(status, body.into_bytes())
    }

    fn drive<T>(&self, task: impl Into<Stepped<T>>, now: Now) -> T {
        let (mut task, mut event) = (task.into(), Event::Start);
        loop {
            event = match task.step(event, now) {
                Step::Send(request) => Event::Delivered(Ok(self.answer(request.endpoint()))),
                Step::Wait(_) => Event::Woken,
                Step::Done(output) => return output,
            }
        }
    }

    fn authenticate(&self, engine: &Arc<Engine>, now: Now) -> Authentication {
        let credentials = Credentials::token(&self.token).into_owned();
        let request = Authenticate::new(engine, credentials);
        self.drive(request.into_task(Jitter(1)), now).answer
    }

    fn sign_out(&self, engine: &Arc<Engine>, now: Now) {
        let token = token(&self.token);
        let flow = Logout::new(Arc::clone(engine), token, Effort::Once, now, Jitter(1));
        let _ = self.drive(flow, now);
    }

    fn comes_by(&self, engine: &Arc<Engine>, now: Now) {
        if self.number % 8 == 7 {
            self.sign_out(engine, now);
            return;
        }
        match self.authenticate(engine, now) {
            Authentication::Authenticated(identity) => {
                assert_eq!(
                    identity.user().id().as_str().strip_prefix("usr_"),
                    Some(self.number.to_string().as_str())
                );
                let flow = looking_up(engine, identity.user());
                self.drive(flow, now).unwrap();
            }
            Authentication::Rejected(_) => assert!(self.is_refused()),
            other => panic!("{other:?}"),
        }
        if self.number % 8 == 6 {
            self.sign_out(engine, now);
        }
    }
}

/// Lets that many come by; the tables are full after a tenth of them, and turned over often enough after another.
fn stays_level(engine: &Arc<Engine>, tokens: u64) {
    let (begun, empty) = (Instant::now(), resident());
    let mut levels = Vec::new();
    for number in 0..tokens {
        // A millisecond later each.
        let now = at(0).plus(Duration::from_millis(number));
        Visitor::new(number).comes_by(engine, now);
        if (number + 1) % (tokens / 10) == 0 {
            levels.push(resident());
            println!(
                "{} tokens: {} kB, {:?}",
                number + 1,
                resident(),
                engine.statistics()
            );
        }
    }
    let full = levels.remove(0);
    let (least, most) = (levels.iter().min().unwrap(), levels.iter().max().unwrap());
    println!(
        "{tokens} tokens in {:?}: {empty} kB before the first, {full} kB with full tables, {least} to {most} kB from {} tokens on",
        begun.elapsed(),
        tokens / 5
    );
    assert!((most - least) * 20 <= levels[0], "{least} to {most} kB");
}

#[test]
fn threat_080_memory_stays_level_whatever_comes_by() {
    let mut config = config(Dialect::V1);
    config.policy.max_entries = 200;
    config.policy.deny_list_capacity = 1_000;
    stays_level(&Engine::new(config, Entropy::new([7; 32])), 40_000);
}

#[test]
#[ignore = "takes minutes: cargo xtask soak memory"]
fn soak_memory() {
    let engine = Engine::new(config(Dialect::V1), Entropy::new([7; 32]));
    stays_level(&engine, 10_000_000);
}
