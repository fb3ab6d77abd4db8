//! Runs `vectors/revocation_worker.json`: the worker on a revocation channel, call by call.

use core::time::Duration;
use std::sync::Arc;

use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
use mastra_auth_cloud_core::engine::{ChannelEvent, ChannelWorker, Engine, Retry};
use mastra_auth_cloud_core::entropy::{Entropy, Jitter};
use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::revocation::ChannelState;
use mastra_auth_cloud_core::time::{Now, Timestamp};
use mastra_auth_cloud_core::url::BaseUrl;
use serde_json::{Value, json};

const BASE: i64 = 1_769_594_400_000;

#[test]
fn vectors_revocation_worker() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/revocation_worker.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let mut world = World::new();
        for step in case["steps"].as_array().unwrap() {
            let got = world.step(step);
            assert_eq!(got, step["expect"], "{}: {step}", case["name"]);
        }
    }
}

#[test]
fn entries_that_come_again_within_a_turn_are_compared_whole() {
    let mut world = World::new();
    let at = now(&json!({"at": 1}));
    world.revoke("ses_1", at);
    let batch = world.worker.next_batch(at);
    let texts: Vec<String> = batch.iter().map(|one| one.text().to_owned()).collect();
    world.worker.published(at);
    let turn = world.worker.join();
    for _ in 0..2 {
        assert_eq!(world.worker.part(turn, &texts, at), []);
        let joined = events(&world.worker.joined(turn, &[], 0, at));
        let expect =
            json!({"type": "revocations_connected", "stored": 1, "new": 0, "republished": 0});
        assert_eq!(joined, json!([expect]));
    }
}

#[test]
fn what_the_channel_did_not_take_is_published_once_although_a_join_misses_it() {
    let mut world = World::new();
    let at = now(&json!({"at": 1}));
    world.revoke("ses_1", at);
    world.revoke("ses_2", at);
    let batch = world.worker.next_batch(at);
    let failing = json!({"jitter": 0});
    world.worker.publish_failed("full", at, jitter(&failing));
    let turn = world.worker.join();
    world.worker.joined(turn, &[], 0, at);
    assert_eq!(world.worker.status().pending, 2);
    assert_eq!(world.worker.next_batch(at), batch);
    world.worker.published(at);
    assert_eq!(world.worker.next_batch(at), []);
    assert_eq!(world.worker.status().sent, 2);
    // What the channel lost after it had taken it is published again.
    let turn = world.worker.join();
    world.worker.joined(turn, &[], 0, at);
    assert_eq!(world.worker.next_batch(at).len(), 2);
}

#[test]
fn what_is_in_flight_to_another_server_is_published_at_the_new_one_too() {
    let mut world = World::new();
    let at = now(&json!({"at": 1}));
    world.revoke("ses_1", at);
    for was_refused_before in [false, true] {
        let batch = world.worker.next_batch(at);
        assert_eq!(batch.len(), 1);
        if was_refused_before {
            let refused = json!({"jitter": 0});
            world.worker.publish_failed("full", at, jitter(&refused));
            assert_eq!(world.worker.next_batch(at), batch);
        }
        // A fail-over to an empty server, while the answer of the old one is outstanding.
        let turn = world.worker.join();
        world.worker.joined(turn, &[], 0, at);
        world.worker.published(at);
    }
    assert_eq!(world.worker.next_batch(at).len(), 1);
}

struct World {
    engine: Arc<Engine>,
    worker: ChannelWorker,
    turn: u32,
}

fn now(step: &Value) -> Now {
    let at = step["at"].as_u64().unwrap();
    Now {
        wall: Timestamp::from_unix_millis(BASE).plus(Duration::from_millis(at)),
        monotonic: Duration::from_millis(at),
    }
}

impl World {
    fn new() -> Self {
        let config = Config::new(
            BaseUrl::parse(DEFAULT_BASE_URL).unwrap(),
            ProjectId::parse("demo").unwrap(),
            CookieSpec::new(CookieOptions::default()).unwrap(),
        );
        let engine = Engine::new(config, Entropy::new([7; 32]));
        let worker = ChannelWorker::new(Arc::clone(&engine), || {}, now(&json!({"at": 0})));
        Self {
            engine,
            worker,
            turn: 0,
        }
    }

    fn step(&mut self, step: &Value) -> Value {
        let (now, turn, texts) = (now(step), self.turn(step), self.texts(step));
        let worker = &mut self.worker;
        match step["do"].as_str().unwrap() {
            "revoke_session" => self.revoke(step["id"].as_str().unwrap(), now),
            "revoke_sessions" => {
                (0..step["count"].as_u64().unwrap()).for_each(|n| {
                    self.revoke(&format!("ses_{n}"), now);
                });
                Value::Null
            }
            "revoke_user" => {
                let id = UserId::parse(step["id"].as_str().unwrap()).unwrap();
                self.engine.end_user(&id, now);
                Value::Null
            }
            "next_batch" => {
                let batch = worker.next_batch(now);
                if step["expect"].is_number() {
                    return batch.len().into();
                }
                let shown = |text: &str| {
                    let words: Vec<_> = text.split(' ').collect();
                    format!("{} {}", words[2], words[5])
                };
                batch.iter().map(|one| shown(one.text())).collect()
            }
            "published" => events(&worker.published(now)),
            "publish_failed" => {
                retry(&worker.publish_failed(step["why"].as_str().unwrap(), now, jitter(step)))
            }
            "join" => {
                self.turn = worker.join();
                Value::Null
            }
            "received" => events(&worker.received(turn, &texts, now)),
            "joined" => {
                let left_out = step["left_out"].as_u64().unwrap_or(0);
                let left_out = usize::try_from(left_out).unwrap();
                events(&worker.joined(turn, &texts, left_out, now))
            }
            "lost" => {
                let why = step["why"].as_str().unwrap();
                retry(&worker.lost(turn, why, now, jitter(step)))
            }
            "leave" => {
                assert!(!worker.was_left());
                worker.leave(now);
                assert!(worker.was_left());
                Value::Null
            }
            "status" => self.status(&step["expect"]),
            other => panic!("{other}"),
        }
    }

    fn revoke(&self, id: &str, now: Now) -> Value {
        self.engine.end_session(&SessionId::parse(id).unwrap(), now);
        Value::Null
    }

    fn turn(&self, step: &Value) -> u32 {
        let turn = step["turn"].as_u64();
        turn.map_or(self.turn, |turn| u32::try_from(turn).unwrap())
    }

    fn texts(&self, step: &Value) -> Vec<String> {
        let text = |text: &Value| match text.as_array().map(Vec::as_slice) {
            Some([kind, id, at, until]) => {
                let time = |time: &Value| BASE + time.as_i64().unwrap();
                let (kind, id) = (kind.as_str().unwrap(), id.as_str().unwrap());
                let (at, until) = (time(at), time(until));
                format!("1 {} {kind} {at} {until} {id}", self.engine.namespace())
            }
            _ => text.as_str().unwrap().to_owned(),
        };
        step["texts"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect()
    }

    /// The members that are expected.
    fn status(&self, expect: &Value) -> Value {
        let status = self.worker.status();
        let since = match status.state {
            ChannelState::Connected { since } | ChannelState::Disconnected { since } => since,
            other => panic!("{other:?}"),
        };
        let mut shown = json!({
            "connected": status.is_connected(),
            "since": since.unix_millis() - BASE,
            "lag": status.lag.map(|lag| lag.as_secs_f64()),
            "pending": status.pending,
            "sent": status.sent,
            "received": status.received,
            "unreadable": status.unreadable,
            "left_out": status.left_out,
            "lost": status.lost,
        });
        let members = shown.as_object_mut().unwrap();
        members.retain(|name, _| expect.get(name).is_some());
        shown
    }
}

/// As the driver for Node makes it of `Math.random()`.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 9e15"
)]
fn jitter(step: &Value) -> Jitter {
    Jitter((step["share"].as_f64().unwrap_or(0.414_543) * 9e15) as u64)
}

fn retry(retry: &Retry) -> Value {
    json!({
        "wait": retry.wait.as_millis(),
        "event": retry.event.as_ref().map(event),
    })
}

fn events(events: &[ChannelEvent]) -> Value {
    events.iter().map(event).collect()
}

fn event(event: &ChannelEvent) -> Value {
    let mut shown = match event {
        ChannelEvent::Connected {
            stored,
            new,
            republished,
        } => json!({"stored": stored, "new": new, "republished": republished}),
        ChannelEvent::PublishesAgain => json!({}),
        ChannelEvent::Disconnected(error) | ChannelEvent::ReconnectFailed(error) => {
            json!({"error": error})
        }
        ChannelEvent::Published(count)
        | ChannelEvent::Unreadable(count)
        | ChannelEvent::Truncated(count) => json!({"count": count}),
        ChannelEvent::Received { new, lag } => {
            json!({"new": new, "lag_seconds": lag.map(|lag| lag.as_secs_f64())})
        }
    };
    shown["type"] = event.name().into();
    shown
}
