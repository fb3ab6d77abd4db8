//! The worker on a revocation channel, without the channel: what to publish, what follows from what arrives, how long to
//! wait, and the status.
//!
//! A revocation stays queued until the channel took it. After each join, the worker publishes again what the channel lacks:
//! it may have lost everything. A driver holds the sockets. It publishes each [batch](ChannelWorker::next_batch), subscribes
//! in [turns](ChannelWorker::join), reports what came of both, waits as long as it is asked to, and emits the [events](ChannelEvent).

use alloc::collections::VecDeque;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::engine::{CatchUp, CaughtUp, Engine};
use crate::entropy::Jitter;
use crate::events;
use crate::revocation::backoff::Backoff;
use crate::revocation::log_limit::LogLimit;
use crate::revocation::status::{Change, Link};
use crate::revocation::{ChannelMessage, Revocation, RevocationStatus};
use crate::time::Now;

/// Messages per publication; few in the model, so that it needs several.
const BATCH: usize = if cfg!(shuttle) { 2 } else { 256 };

/// An event to emit, as the [list](crate::events) has it. Exhaustive on purpose: a driver emits each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    /// Joined, and the stored entries are applied.
    Connected {
        /// How many entries the channel stored.
        stored: usize,
        /// How many of them were new here.
        new: usize,
        /// How many revocations the channel lacks.
        republished: usize,
    },
    /// Publishing works again, and nothing was missed meanwhile.
    PublishesAgain,
    /// Lost, or not reached at the start, for this reason.
    Disconnected(String),
    /// Still disconnected, for this reason.
    ReconnectFailed(String),
    /// How many revocations the channel took.
    Published(usize),
    /// Revocations that are new here.
    Received {
        /// How many.
        new: usize,
        /// How long before now the latest of them was made.
        lag: Option<Duration>,
    },
    /// How many entries no warning has counted yet.
    Unreadable(usize),
    /// How many entries the channel stores beyond the limit.
    Truncated(usize),
}

impl ChannelEvent {
    /// Its name in the list.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } | Self::PublishesAgain => events::REVOCATIONS_CONNECTED.name,
            Self::Disconnected(_) => events::REVOCATIONS_DISCONNECTED.name,
            Self::ReconnectFailed(_) => events::REVOCATIONS_RECONNECT_FAILED.name,
            Self::Published(_) => events::REVOCATIONS_PUBLISHED.name,
            Self::Received { .. } => events::REVOCATIONS_RECEIVED.name,
            Self::Unreadable(_) => events::REVOCATIONS_UNREADABLE.name,
            Self::Truncated(_) => events::REVOCATIONS_TRUNCATED.name,
        }
    }
}

/// What follows a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// How long to wait before the next attempt.
    pub wait: Duration,
    /// None where the turn was over already, or the channel was left.
    pub event: Option<ChannelEvent>,
}

/// The worker of one deployment on one channel.
#[derive(Debug)]
pub struct ChannelWorker {
    engine: Arc<Engine>,
    link: Link,
    unreadable: LogLimit,
    /// Published now, or to be published again after a failure.
    batch: Vec<ChannelMessage>,
    /// The last publication of the batch failed, and the next has not begun.
    awaits_retry: bool,
    publish_backoff: Backoff,
    /// What the channel lacked at the last join.
    republish: VecDeque<Revocation>,
    turn: u32,
    /// Until the stored entries of this turn are read.
    is_joining: bool,
    /// From the first of them on.
    catch_up: Option<CatchUp>,
    /// When this turn was joined, on the monotonic clock.
    joined_at: Option<Duration>,
    join_backoff: Backoff,
}

impl ChannelWorker {
    /// Time-out of a publication, and of a join without progress. Longer than a channel with time-outs of its own takes.
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    /// Time to publish pending revocations before leaving the channel.
    pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

    /// Begins to queue the deployment's revocations. `wake` is called on the thread that revokes, after an entry was queued,
    /// and must not block: a batch is due.
    pub fn new(engine: Arc<Engine>, wake: impl Fn() + Send + Sync + 'static, now: Now) -> Self {
        engine.publish_revocations(wake);
        // The time since the last contact starts now, for the channel may be unreachable.
        engine.apply_texts([], now);
        Self {
            engine,
            link: Link::new(now.wall),
            unreadable: LogLimit::default(),
            batch: Vec::new(),
            awaits_retry: false,
            publish_backoff: Backoff::default(),
            republish: VecDeque::new(),
            turn: 0,
            is_joining: false,
            catch_up: None,
            joined_at: None,
            join_backoff: Backoff::default(),
        }
    }

    /// The messages to publish now, up to 256: those of a publication that failed, else revocations, then what the channel
    /// lacked, then used callbacks. Empty only if nothing waits.
    pub fn next_batch(&mut self, now: Now) -> Vec<ChannelMessage> {
        self.awaits_retry = false;
        loop {
            // One that expired whole does not hold up what waits behind it.
            self.batch.retain(|message| message.until() > now.wall);
            if !self.batch.is_empty() {
                return self.batch.clone();
            }
            self.batch = self.take();
            if self.batch.is_empty() {
                return Vec::new();
            }
        }
    }

    fn take(&mut self) -> Vec<ChannelMessage> {
        let namespace = self.engine.namespace();
        let mut next = self.engine.take_revocations(BATCH);
        if next.is_empty() {
            let count = BATCH.min(self.republish.len());
            next = self.republish.drain(..count).collect();
        }
        if next.is_empty() {
            let spent = self.engine.take_spent_callbacks(BATCH);
            let message = |one| ChannelMessage::spent_callback(namespace, one);
            return spent.iter().map(message).collect();
        }
        let message = |one| ChannelMessage::revocation(namespace, one);
        next.iter().map(message).collect()
    }

    /// The channel took the batch.
    pub fn published(&mut self, now: Now) -> Vec<ChannelEvent> {
        let count = self.kept();
        self.batch.clear();
        self.publish_backoff = Backoff::default();
        add(&mut self.link.status.sent, count);
        self.link.publishes = true;
        // Until the first join ends, the state of the other direction is unknown.
        let is_back = self.link.receives && self.link.update(now.wall) == Change::Connected;
        let published = (count > 0).then_some(ChannelEvent::Published(count));
        let back = is_back.then_some(ChannelEvent::PublishesAgain);
        published.into_iter().chain(back).collect()
    }

    /// The channel did not take the batch, for this reason.
    pub fn publish_failed(&mut self, why: impl fmt::Display, now: Now, jitter: Jitter) -> Retry {
        self.link.publishes = false;
        self.awaits_retry = true;
        Retry {
            wait: self.publish_backoff.next(jitter),
            event: self.failed(why, now),
        }
    }

    /// Begins to join, before the channel gives its first entry. Returns the number of the turn, which ends with
    /// [`lost`](Self::lost). What is reported of an earlier turn is ignored.
    ///
    /// What the channel lacks is compared from its first entry on. What was published before then may be lost with all that the
    /// channel stored.
    pub fn join(&mut self) -> u32 {
        self.turn = self.turn.wrapping_add(1);
        self.is_joining = true;
        self.turn
    }

    /// Applies a part of the stored entries, also of entries that a channel gives again within a turn.
    pub fn part(&mut self, turn: u32, texts: &[String], now: Now) -> Vec<ChannelEvent> {
        if turn == self.turn {
            self.is_joining = true;
        }
        self.received(turn, texts, now)
    }

    /// Applies texts: stored entries, or once joined, published messages. No texts note that the channel is alive.
    pub fn received(&mut self, turn: u32, texts: &[String], now: Now) -> Vec<ChannelEvent> {
        if turn != self.turn {
            return Vec::new();
        }
        let texts = texts.iter().map(String::as_str);
        let applied = if self.is_joining {
            let begin = || self.engine.catch_up(now);
            let catch_up = self.catch_up.get_or_insert_with(begin);
            catch_up.apply_texts(&self.engine, texts, now)
        } else {
            self.engine.apply_texts(texts, now)
        };
        let (new, lag, status) = (applied.new, applied.lag, &mut self.link.status);
        add(&mut status.received, new);
        add(&mut status.unreadable, applied.unreadable);
        let is_news = !self.is_joining && new > 0;
        if is_news {
            status.lag = lag;
        }
        let received = is_news.then_some(ChannelEvent::Received { new, lag });
        let unreadable = self.unreadable.add(applied.unreadable, now.monotonic);
        let unreadable = unreadable.map(ChannelEvent::Unreadable);
        received.into_iter().chain(unreadable).collect()
    }

    /// Applies the last of the stored entries. `left_out` is the number of those beyond the limit. A batch is due.
    ///
    /// A driver may join again without a loss between. Where publishing fails, that is no connection: only
    /// [`published`](Self::published) ends the outage.
    pub fn joined(
        &mut self,
        turn: u32,
        texts: &[String],
        left_out: usize,
        now: Now,
    ) -> Vec<ChannelEvent> {
        if turn != self.turn {
            return Vec::new();
        }
        let mut events = self.part(turn, texts, now);
        self.is_joining = false;
        // A channel that was lost is tried anew in both directions. Entries of one that was not say nothing of publishing.
        if !self.link.receives || self.batch.is_empty() {
            self.link.publishes = true;
        }
        self.link.receives = true;
        self.link.update(now.wall);
        if let Some(catch_up) = self.catch_up.take() {
            let CaughtUp {
                mut missing,
                stored,
                new,
            } = catch_up.finish(&self.engine, now);
            if self.link.publishes {
                events.push(ChannelEvent::Connected {
                    stored,
                    new,
                    republished: missing.len(),
                });
            }
            // A batch that the channel did not take is published anyway. One in flight may reach the server of an earlier turn.
            if self.awaits_retry {
                let namespace = self.engine.namespace();
                missing.retain(|one| {
                    !self
                        .batch
                        .contains(&ChannelMessage::revocation(namespace, one))
                });
            }
            self.republish = missing.into();
        }
        if left_out > 0 {
            events.push(ChannelEvent::Truncated(left_out));
        }
        self.joined_at = Some(now.monotonic);
        self.link.status.left_out = left_out;
        events
    }

    /// The join failed, or messages may have been missed, for this reason: the turn is over.
    pub fn lost(&mut self, turn: u32, why: impl fmt::Display, now: Now, jitter: Jitter) -> Retry {
        if turn != self.turn {
            return Retry::default();
        }
        self.turn = self.turn.wrapping_add(1);
        self.is_joining = false;
        self.catch_up = None;
        // A channel that is lost as soon as it is joined is joined less and less often.
        let joined_for = self
            .joined_at
            .take()
            .map(|at| now.monotonic.saturating_sub(at));
        if joined_for.is_some_and(|time| time > Backoff::LONGEST) {
            self.join_backoff = Backoff::default();
        }
        self.link.receives = false;
        Retry {
            wait: self.join_backoff.next(jitter),
            event: self.failed(why, now),
        }
    }

    /// Warns once per loss, and once if the channel could not be reached at the start.
    fn failed(&mut self, why: impl fmt::Display, now: Now) -> Option<ChannelEvent> {
        let event = match self.link.update(now.wall) {
            Change::Disconnected => ChannelEvent::Disconnected,
            Change::None | Change::Connected => ChannelEvent::ReconnectFailed,
        };
        (!self.link.was_left()).then(|| event(why.to_string()))
    }

    /// Leaves the channel. Revocations go on queueing.
    pub fn leave(&mut self, now: Now) {
        self.turn = self.turn.wrapping_add(1);
        self.link.leave(now.wall);
    }

    /// Whether the channel was left.
    pub fn was_left(&self) -> bool {
        self.link.was_left()
    }

    /// The status now.
    pub fn status(&self) -> RevocationStatus {
        let queued = self.engine.waiting().saturating_add(self.republish.len());
        RevocationStatus {
            pending: queued.saturating_add(self.kept()),
            ..self.link.status
        }
    }

    /// The number of revocations in the batch.
    fn kept(&self) -> usize {
        self.batch.iter().filter(|one| one.is_kept()).count()
    }
}

fn add(to: &mut u64, count: usize) {
    *to = to.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
}
