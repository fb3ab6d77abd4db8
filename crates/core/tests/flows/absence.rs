//! A key server that is unreachable for an hour, on the test's own clock, with requests all the while.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::{Event, Jitter, Step, Task};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use serde_json::json;

use crate::keys::by_keys;
use crate::world::signer::{Signer, published};
use crate::world::{answer, at, lost, said, status};

const DAY: i64 = 86_400;
const HOUR: u64 = 3_600;

/// What a key server says that has no keys to give.
fn nonsense(turn: usize) -> Delivery {
    let text = |text: &str| Ok(Response::new(200, text.as_bytes().to_vec()));
    match turn % 8 {
        0 => answer(200, &json!({ "keys": [] })),
        1 => text("<html>"),
        2 => text("{\"keys\":[{\"kty\""),
        3 => text(""),
        4 => status(503),
        5 => status(404),
        6 => lost(TransportError::Timeout),
        _ => lost(TransportError::Connect),
    }
}

/// A deployment, its key server, and when that was asked.
struct Desk<'k> {
    engine: Arc<Engine>,
    keys: &'k [&'k Signer],
    away: std::ops::Range<u64>,
    asked: Vec<u64>,
}

impl Desk<'_> {
    fn ask(&mut self, token: &str, second: u64) -> String {
        let credentials = Credentials::token(token).into_owned();
        let request = Authenticate::new(&self.engine, credentials);
        let verdict = self.drive(request.into_task(Jitter(1)), second);
        said(&verdict.answer)
    }

    fn drive<T>(&mut self, mut task: Task<'static, T>, second: u64) -> T {
        let mut event = Event::Start;
        loop {
            (event, task) = match task.step(event, at(second)) {
                Step::Send(request, rest) => {
                    assert!(
                        request.url().ends_with("/jwks.json"),
                        "nothing else is asked"
                    );
                    self.asked.push(second);
                    let answer = if self.away.contains(&second) {
                        nonsense(self.asked.len())
                    } else {
                        published(self.keys)
                    };
                    (Event::Delivered(answer), rest)
                }
                Step::Wait(_, rest) => (Event::Woken, rest),
                Step::Share(work, rest) => {
                    (Event::Shared(self.drive(work.into_task(), second)), rest)
                }
                Step::Spawn(work, rest) => {
                    self.drive(work.into_task(), second);
                    (Event::Start, rest)
                }
                Step::Check(..) | Step::Redis(..) => panic!("nothing is handed out"),
                Step::Done(output) => return output,
            };
        }
    }
}

#[test]
fn threat_084_an_hour_without_a_key_server_keeps_nobody_out() {
    let (key, stranger) = (Signer::new("k1"), Signer::new("k9"));
    // It becomes unreachable right after a fetch, later, and in the last moment before the set is old; and it is back just after an attempt.
    for (gone, step, strangers) in [
        (1, 5, 1),
        (300, 5, 1),
        (599, 5, 0),
        (600, 7, 0),
        (600, 7, 1),
    ] {
        let mut desk = Desk {
            engine: by_keys(),
            keys: &[&key],
            away: gone..gone + HOUR,
            asked: Vec::new(),
        };
        let known = ["usr_1", "usr_2"].map(|user| (key.token(user, DAY), format!("user {user}")));
        for second in (0..gone + HOUR + 1_200).step_by(step) {
            for (token, user) in &known {
                assert_eq!(desk.ask(token, second), *user, "gone at {gone}, {second}");
            }
            let new = format!("usr_new_{second}");
            assert_eq!(
                desk.ask(&key.token(&new, DAY), second),
                format!("user {new}"),
                "gone at {gone}, {second}"
            );
            // Invented key ids make nothing worse.
            for _ in 0..strangers {
                let said = desk.ask(&stranger.token("usr_x", DAY), second);
                assert!(!said.starts_with("user"), "{said}");
            }
        }
        assert!(desk.asked.len() > 100, "it was tried all the while");
        for four in desk.asked.windows(4) {
            assert!(
                four[3] - four[0] >= 60,
                "three in a minute at most: {four:?}"
            );
        }
        let now = at(gone + HOUR + 1_200);
        assert!(
            desk.engine.keys_age(now) < Some(Duration::from_secs(650)),
            "and all is well again"
        );
    }
}
