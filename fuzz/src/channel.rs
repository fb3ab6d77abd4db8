//! Revocations between two instances over a channel that fails at any moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::{ChannelWorker, Engine};
use mastra_auth_cloud_core::entropy::{Entropy, Jitter};
use mastra_auth_cloud_core::ids::SessionId;
use mastra_auth_cloud_core::revocation::Subject;
use mastra_auth_cloud_core::revocation::redis::RedisSet;
use mastra_auth_cloud_core::time::{Now, Timestamp};

use super::answers::config;
use super::script::Script;
use super::world::START;

struct Instance {
    engine: Arc<Engine>,
    worker: ChannelWorker,
    turn: u32,
    /// What it ended itself.
    ended: BTreeSet<String>,
    /// What was published since it joined, and has not arrived.
    on_its_way: Vec<String>,
    is_joined: bool,
}

/// Two instances and what is stored, by a script. Whatever is lost on the way: once both have published and joined, both know all
/// that either ended, and nothing else.
pub fn channel(data: &[u8]) {
    let mut script = Script(data);
    let mut now = Now {
        wall: Timestamp::from_unix_seconds(START),
        monotonic: Duration::ZERO,
    };
    let mut both = [7, 8].map(|seed| Instance::new(seed, now));
    let mut stored: Vec<String> = Vec::new();
    while !script.is_over() {
        let (on, what) = (script.below(2), script.below(8));
        let number = script.byte();
        match what {
            0 | 1 => both[on].end(number, now),
            2 | 3 => publish(&mut both, on, &mut stored, number % 4 == 3, now),
            4 => both[on].join(&stored, usize::from(number), now),
            5 => both[on].receive(usize::from(number % 8), now),
            6 => both[on].lose(now),
            _ => now = now.plus(Duration::from_secs(u64::from(number))),
        }
    }
    for on in [0, 1] {
        // Where more waits than one batch holds.
        for _ in 0..8 {
            publish(&mut both, on, &mut stored, false, now);
        }
        assert_eq!(both[on].engine.waiting(), 0);
        assert_eq!(both[on].worker.status().pending, 0);
    }
    let all: BTreeSet<String> = both.iter().flat_map(|one| one.ended.clone()).collect();
    for one in &mut both {
        one.join(&stored, usize::MAX, now);
        assert!(one.worker.status().is_connected());
        let known = one
            .engine
            .revocations(now)
            .into_iter()
            .map(|found| match found.subject {
                Subject::Session(id) => id.as_str().to_owned(),
                other => panic!("{other:?}"),
            });
        assert_eq!(known.collect::<BTreeSet<_>>(), all);
        assert_eq!(one.worker.status().unreadable, 0);
    }
}

impl Instance {
    fn new(seed: u8, now: Now) -> Self {
        let engine = Engine::new(config("v1"), Entropy::new([seed; 32]));
        Self {
            worker: ChannelWorker::new(Arc::clone(&engine), || {}, now),
            engine,
            turn: 0,
            ended: BTreeSet::new(),
            on_its_way: Vec::new(),
            is_joined: false,
        }
    }

    fn end(&mut self, number: u8, now: Now) {
        let id = format!("ses_{}", number % 32);
        self.engine
            .end_session(&SessionId::parse(&id).unwrap(), now);
        self.ended.insert(id);
    }

    /// Joins, and is lost where it has not read everything yet.
    fn join(&mut self, stored: &[String], most: usize, now: Now) {
        self.turn = self.worker.join();
        self.on_its_way.clear();
        let (read, rest) = stored.split_at(stored.len().min(most));
        if rest.is_empty() {
            let half = read.len() / 2;
            self.worker.part(self.turn, &read[..half], now);
            self.worker.joined(self.turn, &read[half..], 0, now);
            self.is_joined = true;
        } else {
            self.worker.part(self.turn, read, now);
            self.lose(now);
        }
    }

    fn receive(&mut self, count: usize, now: Now) {
        let count = count.min(self.on_its_way.len());
        let texts: Vec<_> = self.on_its_way.drain(..count).collect();
        self.worker.received(self.turn, &texts, now);
    }

    fn lose(&mut self, now: Now) {
        self.worker.lost(self.turn, "lost", now, Jitter(1));
        self.on_its_way.clear();
        self.is_joined = false;
    }
}

fn publish(both: &mut [Instance; 2], on: usize, stored: &mut Vec<String>, fails: bool, now: Now) {
    let batch = both[on].worker.next_batch(now);
    if batch.is_empty() {
        return;
    }
    // As Redis is told: all are published, and those that count later are stored too.
    let set = RedisSet::new("namespace", "0");
    let all = batch
        .iter()
        .map(|one| (one.text(), one.until(), one.is_kept()));
    let told: Vec<_> = set.publish(all, now.wall).concat();
    let count = |text: &str| told.iter().filter(|word| *word == text).count();
    assert!(
        batch
            .iter()
            .all(|one| count(one.text()) > usize::from(one.is_kept()))
    );
    if fails {
        both[on].worker.publish_failed("lost", now, Jitter(1));
        return;
    }
    for message in &batch {
        let text = message.text().to_owned();
        if message.is_kept() && !stored.contains(&text) {
            stored.push(text.clone());
        }
        for one in both.iter_mut().filter(|one| one.is_joined) {
            one.on_its_way.push(text.clone());
        }
    }
    both[on].worker.published(now);
}
