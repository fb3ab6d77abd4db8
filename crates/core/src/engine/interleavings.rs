//! A model of the outbox and of the worker on a channel: revocations, publications, joins and losses, in very many orders of
//! their steps.
//!
//! Run by `cargo xtask model`. The publisher and the receiver take the steps of a driver, and the channel fails, forgets all it
//! stored, or takes a batch without saying so. In every order: the channel ends with each revocation, and first got those of one
//! thread in their order, unless the outbox overflowed.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use alloc::collections::BTreeSet;
use core::time::Duration;
use std::sync::Arc;

use shuttle::rand::Rng as _;
use shuttle::sync::{Condvar, Mutex, MutexGuard};
use shuttle::thread;

use crate::config::Config;
use crate::cookie::{CookieOptions, CookieSpec};
use crate::engine::{ChannelWorker, Engine};
use crate::entropy::{Entropy, Jitter};
use crate::ids::{ProjectId, SessionId};
use crate::revocation::{ChannelMessage, Revocation, Subject};
use crate::time::{Now, Timestamp};
use crate::url::BaseUrl;

const ORDERS: usize = 1000;
/// How often the channel forgets what it stored, and how often a publication fails.
const FAULTS: u32 = 2;

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_769_594_400),
        monotonic: Duration::ZERO,
    }
}

fn engine() -> Arc<Engine> {
    let mut config = Config::new(
        BaseUrl::parse("https://cloud.mastra.ai").unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    config.policy.max_entries = 64;
    Engine::new(config, Entropy::new([7; 32]))
}

/// The sessions that two threads revoke, in their order.
fn sessions(of_each: usize) -> [Vec<SessionId>; 2] {
    ["ada", "bob"].map(|who| {
        let session = |n| SessionId::parse(&format!("{who} {n}")).unwrap();
        (0..of_each).map(session).collect()
    })
}

fn revoking(engine: &Arc<Engine>, sessions: &[Vec<SessionId>; 2]) -> Vec<thread::JoinHandle<()>> {
    let revoke = |own: &Vec<SessionId>| {
        let (engine, own) = (Arc::clone(engine), own.clone());
        thread::spawn(move || own.iter().for_each(|one| engine.end_session(one, now())))
    };
    sessions.iter().map(revoke).collect()
}

/// Fails where these do not name each of the sessions, or the first names of one thread's are out of order.
fn all_are_in(published: &[SessionId], sessions: &[Vec<SessionId>; 2], is_in_order: bool) {
    for own in sessions {
        let first = |one| published.iter().position(|it| it == one);
        let places: Vec<_> = own.iter().map(first).collect();
        assert!(
            places.iter().all(Option::is_some),
            "{published:?} lacks one of {own:?}"
        );
        assert!(
            !is_in_order || places.is_sorted(),
            "{published:?} for {own:?}"
        );
    }
}

fn session(of: &Revocation) -> SessionId {
    match &of.subject {
        Subject::Session(id) => id.clone(),
        other => panic!("{other:?}"),
    }
}

/// A wake-up that is kept until it is waited for, as a driver has it.
#[derive(Default)]
struct Wake(Mutex<bool>, Condvar);

impl Wake {
    fn notify(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }

    fn wait(&self) {
        let mut is_due = self.0.lock().unwrap();
        while !*is_due {
            is_due = self.1.wait(is_due).unwrap();
        }
        *is_due = false;
    }
}

/// What the channel stores, and what it ever took.
#[derive(Default)]
struct Stored {
    texts: BTreeSet<String>,
    taken: Vec<SessionId>,
    /// How often it forgot all.
    lost: u32,
    failed: u32,
    /// It forgets no more.
    keeps: bool,
    /// The receiver has ended.
    is_over: bool,
}

impl Stored {
    fn texts(&self) -> Vec<String> {
        self.texts.iter().cloned().collect()
    }
}

struct World {
    engine: Arc<Engine>,
    worker: Mutex<ChannelWorker>,
    wake: Arc<Wake>,
    stored: Mutex<Stored>,
    /// Notified when the channel takes or forgets, and when it forgets no more.
    changed: Condvar,
}

impl World {
    fn open(engine: Arc<Engine>) -> Self {
        let wake = Arc::new(Wake::default());
        let waker = Arc::clone(&wake);
        let worker = ChannelWorker::new(Arc::clone(&engine), move || waker.notify(), now());
        Self {
            engine,
            worker: Mutex::new(worker),
            wake,
            stored: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn worker(&self) -> MutexGuard<'_, ChannelWorker> {
        self.worker.lock().unwrap()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }

    /// Whether the channel says that it took the batch.
    fn send(&self, batch: &[ChannelMessage]) -> bool {
        let mut stored = self.stored();
        let is_good = stored.failed >= FAULTS || shuttle::rand::thread_rng().gen_bool(0.5);
        let arrives = is_good || shuttle::rand::thread_rng().gen_bool(0.5);
        stored.failed += u32::from(!is_good);
        if arrives {
            for message in batch {
                let said = self.engine.namespace().parse(message.text()).unwrap();
                stored.taken.push(session(&said));
                stored.texts.insert(message.text().to_owned());
            }
        }
        drop(stored);
        self.changed.notify_all();
        is_good
    }

    fn publish(&self) {
        loop {
            let is_over = self.stored().is_over;
            let batch = self.worker().next_batch(now());
            if !batch.is_empty() {
                if self.send(&batch) {
                    self.worker().published(now());
                } else {
                    self.worker().publish_failed("it failed", now(), Jitter(0));
                }
            } else if is_over {
                return;
            } else {
                self.wake.wait();
            }
        }
    }

    /// Joins until the channel keeps all since the last join.
    fn receive(&self) {
        loop {
            let turn = self.worker().join();
            let lost = self.stored().lost;
            let first = self.stored().texts();
            self.worker().part(turn, &first, now());
            let texts = {
                let stored = self.stored();
                (stored.lost == lost).then(|| stored.texts())
            };
            if let Some(texts) = texts {
                self.worker().joined(turn, &texts, 0, now());
                self.wake.notify();
                let mut stored = self.stored();
                while stored.lost == lost {
                    if stored.keeps {
                        return;
                    }
                    stored = self.changed.wait(stored).unwrap();
                }
            }
            self.worker().lost(turn, "it is lost", now(), Jitter(0));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Stored)) {
        change(&mut self.stored());
        self.changed.notify_all();
    }
}

/// Two threads revoke while the worker publishes and joins, and the channel forgets. Only what is revoked once the worker has
/// begun is queued, and keeps its order.
fn world(of_each: usize, is_in_order: bool) {
    let run = move || {
        let (engine, sessions) = (engine(), sessions(of_each));
        let early = (!is_in_order).then(|| revoking(&engine, &sessions));
        let world = Arc::new(World::open(Arc::clone(&engine)));
        let revoking = early.unwrap_or_else(|| revoking(&engine, &sessions));
        let begin = |work: fn(&World)| {
            let world = Arc::clone(&world);
            thread::spawn(move || work(&world))
        };
        let forgetting = begin(|world| {
            for _ in 0..FAULTS {
                world.change(|stored| {
                    stored.texts.clear();
                    stored.lost += 1;
                });
            }
        });
        let (publishing, receiving) = (begin(World::publish), begin(World::receive));
        for thread in revoking.into_iter().chain([forgetting]) {
            thread.join().unwrap();
        }
        world.change(|stored| stored.keeps = true);
        receiving.join().unwrap();
        // Nothing else wakes the publisher: what is lost is waited for without end, which the model reports.
        let mut stored = world.stored();
        while stored.texts.len() < 2 * of_each {
            stored = world.changed.wait(stored).unwrap();
        }
        stored.is_over = true;
        drop(stored);
        world.wake.notify();
        publishing.join().unwrap();
        assert_eq!(world.worker().status().pending, 0);
        let stored = world.stored();
        all_are_in(&stored.taken, &sessions, is_in_order);
    };
    shuttle::check_random(run, ORDERS);
    shuttle::check_pct(run, ORDERS, 3);
}

#[test]
fn each_revocation_reaches_the_channel_in_its_order() {
    world(2, true);
}

#[test]
fn each_revocation_reaches_the_channel_after_an_overflow() {
    world(3, false);
}

/// Two threads take what two others revoke. `of_each` may be more than the outbox holds.
fn two_take(of_each: usize, overflows: bool) {
    let run = move || {
        let (engine, sessions) = (engine(), sessions(of_each));
        assert!(engine.publish_revocations(|| {}));
        let revoking = revoking(&engine, &sessions);
        let is_over = Arc::new(Mutex::new(false));
        let taking: Vec<_> = (0..2)
            .map(|_| {
                let (engine, is_over) = (Arc::clone(&engine), Arc::clone(&is_over));
                thread::spawn(move || {
                    let mut taken = Vec::new();
                    loop {
                        let is_last = *is_over.lock().unwrap();
                        let page = engine.take_revocations(2);
                        if is_last && page.is_empty() {
                            return taken;
                        }
                        taken.extend(page.iter().map(session));
                        thread::yield_now();
                    }
                })
            })
            .collect();
        revoking.into_iter().for_each(|one| one.join().unwrap());
        *is_over.lock().unwrap() = true;
        let mut all = Vec::new();
        for taken in taking.into_iter().map(|one| one.join().unwrap()) {
            for own in &sessions {
                let of_one: Vec<_> = taken.iter().filter(|one| own.contains(one)).collect();
                assert!(overflows || of_one.is_sorted(), "{of_one:?}");
            }
            all.extend(taken);
        }
        assert_eq!(engine.waiting(), 0);
        assert!(overflows || all.len() == 2 * of_each, "once each: {all:?}");
        all_are_in(&all, &sessions, false);
    };
    shuttle::check_random(run, ORDERS);
    shuttle::check_pct(run, ORDERS, 3);
}

#[test]
fn two_that_take_get_each_revocation_once() {
    two_take(2, false);
}

#[test]
fn two_that_take_lose_none_to_an_overflow() {
    two_take(6, true);
}
