//! The worker on a revocation channel, and revocations by an operator. The channel is in TypeScript.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::{
    ChannelEvent as CoreEvent, ChannelWorker as CoreWorker, Engine as CoreEngine, Retry,
};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::revocation::ChannelState;
use mastra_auth_cloud_core::time::Now;
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Or, millis, or, seconds, timestamp};
use crate::engine::Engine;
use crate::flow::jitter;
use crate::guard::{Result, guard};

/// What `Date.now()` and `performance.now()` say.
#[napi(object, object_to_js = false)]
pub struct Clocks {
    /// Milliseconds since the Unix epoch.
    pub wall: f64,
    /// Milliseconds since a fixed start.
    pub monotonic: f64,
}

/// One revocation, or one used callback, as it is sent.
#[napi(object)]
pub struct Revocation {
    /// The text to send.
    pub text: String,
    /// When it expires, in milliseconds since the Unix epoch.
    pub until: f64,
    /// Whether the channel stores it for disconnected instances.
    pub kept: bool,
}

/// What a channel is served with. Times are in milliseconds.
#[napi(object, object_from_js = false)]
pub struct ChannelFacts {
    /// The namespace of this deployment's revocations.
    pub realm: String,
    /// The largest number of stored entries that is of use.
    pub most: u32,
    /// Time-out of a publication, and of a join without progress.
    pub timeout: f64,
    /// Time to publish pending revocations before leaving.
    pub flush_timeout: f64,
}

/// An event to emit as it is.
#[napi(object, object_from_js = false)]
#[derive(Default)]
#[allow(missing_docs, reason = "the list of events says what each member is")]
pub struct ChannelEvent {
    #[napi(
        ts_type = "'revocations_connected' | 'revocations_disconnected' | 'revocations_reconnect_failed' | 'revocations_published' | 'revocations_received' | 'revocations_unreadable' | 'revocations_truncated'"
    )]
    pub r#type: &'static str,
    pub stored: Option<u32>,
    pub new: Option<u32>,
    pub republished: Option<u32>,
    pub count: Option<u32>,
    pub lag_seconds: Option<f64>,
    pub error: Option<String>,
}

/// What follows a failure.
#[napi(object, object_from_js = false)]
pub struct ChannelRetry {
    /// How many milliseconds to wait before the next attempt.
    pub wait: f64,
    /// The event to emit, if any.
    pub event: Option<ChannelEvent>,
}

/// The status of a channel.
#[napi(object, object_from_js = false)]
#[allow(missing_docs, reason = "the package's status says what each member is")]
pub struct ChannelStatus {
    pub connected: bool,
    pub since: f64,
    pub lag: Option<f64>,
    pub pending: u32,
    pub sent: u32,
    pub received: u32,
    pub unreadable: u32,
    pub left_out: u32,
    pub lost: u32,
}

#[napi]
impl Engine {
    /// Revokes a session, here and for other instances.
    #[napi]
    pub fn end_session(&self, session_id: String) -> Result<Or<bool>> {
        guard(|| {
            or(SessionId::parse(&session_id)
                .map(|session| self.0.end_session(&session, now()))
                .map(|()| true)
                .map_err(CloudApiError::argument))
        })
    }

    /// Revokes every session of a user that began before now, here and for other instances.
    #[napi]
    pub fn end_user(&self, user_id: String) -> Result<Or<bool>> {
        guard(|| {
            or(UserId::parse(&user_id)
                .map(|user| self.0.end_user(&user, now()))
                .map(|()| true)
                .map_err(CloudApiError::argument))
        })
    }

    /// Shares newer sealed sessions with other instances from now on: flows have commands for Redis. Returns the time-out of
    /// these, in milliseconds.
    #[napi]
    pub fn share_sessions(&self) -> Result<f64> {
        guard(|| self.0.share_sessions().as_secs_f64() * 1e3)
    }

    /// Starts the worker on a channel: from now on revocations are queued for it.
    #[napi]
    pub fn channel_worker(&self, at: Clocks) -> Result<ChannelWorker> {
        guard(|| {
            let engine = Arc::clone(&self.0);
            let begun = (now().monotonic, at.monotonic);
            // No wake-up: JavaScript asks for a batch after each call that may revoke.
            let worker = CoreWorker::new(Arc::clone(&engine), || {}, at.now(begun));
            ChannelWorker {
                engine,
                worker,
                begun,
            }
        })
    }
}

/// The worker on a channel: it says what to publish, what follows from what arrives, and how long to wait.
#[napi]
pub struct ChannelWorker {
    engine: Arc<CoreEngine>,
    worker: CoreWorker,
    /// One moment on the core's monotonic clock and on JavaScript's.
    begun: (Duration, f64),
}

#[napi]
impl ChannelWorker {
    /// What the channel is served with.
    #[napi]
    pub fn facts(&self) -> Result<ChannelFacts> {
        guard(|| ChannelFacts {
            realm: self.engine.namespace().as_str().to_owned(),
            most: count(self.engine.max_stored()),
            timeout: in_millis(CoreWorker::TIMEOUT),
            flush_timeout: in_millis(CoreWorker::FLUSH_TIMEOUT),
        })
    }

    /// The messages to publish now; empty if nothing waits.
    #[napi]
    pub fn next_batch(&mut self, at: Clocks) -> Result<Vec<Revocation>> {
        guard(|| {
            let batch = self.worker.next_batch(at.now(self.begun));
            let plain = batch.iter().map(|message| Revocation {
                text: message.text().to_owned(),
                until: millis(message.until()),
                kept: message.is_kept(),
            });
            plain.collect()
        })
    }

    /// The channel took the batch.
    #[napi]
    pub fn published(&mut self, at: Clocks) -> Result<Vec<ChannelEvent>> {
        guard(|| plain(self.worker.published(at.now(self.begun))))
    }

    /// The channel did not take the batch. `share` is a random number between 0 and 1.
    #[napi]
    pub fn publish_failed(&mut self, why: String, share: f64, at: Clocks) -> Result<ChannelRetry> {
        guard(|| {
            let now = at.now(self.begun);
            self.worker.publish_failed(why, now, jitter(share)).into()
        })
    }

    /// Begins to join. Returns the number of the turn.
    #[napi]
    pub fn join(&mut self) -> Result<u32> {
        guard(|| self.worker.join())
    }

    /// Applies a part of the stored entries or, once joined, published messages. None note that the channel is alive.
    #[napi]
    pub fn received(
        &mut self,
        turn: u32,
        texts: Vec<String>,
        at: Clocks,
    ) -> Result<Vec<ChannelEvent>> {
        guard(|| plain(self.worker.received(turn, &texts, at.now(self.begun))))
    }

    /// Applies the last of the stored entries.
    #[napi]
    pub fn joined(
        &mut self,
        turn: u32,
        texts: Vec<String>,
        left_out: u32,
        at: Clocks,
    ) -> Result<Vec<ChannelEvent>> {
        guard(|| {
            let left_out = usize::try_from(left_out).unwrap_or(usize::MAX);
            plain(
                self.worker
                    .joined(turn, &texts, left_out, at.now(self.begun)),
            )
        })
    }

    /// The join failed, or messages may have been missed: the turn is over.
    #[napi]
    pub fn lost(&mut self, turn: u32, why: String, share: f64, at: Clocks) -> Result<ChannelRetry> {
        guard(|| {
            let now = at.now(self.begun);
            self.worker.lost(turn, why, now, jitter(share)).into()
        })
    }

    /// Leaves the channel.
    #[napi]
    pub fn leave(&mut self, at: Clocks) -> Result<()> {
        guard(|| {
            self.worker.leave(at.now(self.begun));
        })
    }

    /// The status now.
    #[napi]
    pub fn status(&self) -> Result<ChannelStatus> {
        guard(|| {
            let status = self.worker.status();
            let since = match status.state {
                ChannelState::Connected { since } | ChannelState::Disconnected { since } => since,
                _ => timestamp(0.0),
            };
            ChannelStatus {
                connected: status.is_connected(),
                since: millis(since),
                lag: status.lag.map(|lag| lag.as_secs_f64()),
                pending: count(status.pending),
                sent: count(status.sent),
                received: count(status.received),
                unreadable: count(status.unreadable),
                left_out: count(status.left_out),
                lost: count(status.lost),
            }
        })
    }
}

impl Clocks {
    /// The core's time. JavaScript's clocks count, for tests set those.
    fn now(&self, (begun, monotonic): (Duration, f64)) -> Now {
        let since = seconds((self.monotonic - monotonic) / 1e3);
        Now {
            wall: timestamp(self.wall),
            monotonic: begun.saturating_add(since),
        }
    }
}

fn count(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn plain(events: Vec<CoreEvent>) -> Vec<ChannelEvent> {
    events.into_iter().map(ChannelEvent::from).collect()
}

impl From<Retry> for ChannelRetry {
    fn from(retry: Retry) -> Self {
        Self {
            wait: in_millis(retry.wait),
            event: retry.event.map(ChannelEvent::from),
        }
    }
}

impl From<CoreEvent> for ChannelEvent {
    fn from(event: CoreEvent) -> Self {
        let mut plain = Self {
            r#type: event.name(),
            ..Self::default()
        };
        match event {
            CoreEvent::Connected {
                stored,
                new,
                republished,
            } => {
                plain.stored = Some(count(stored));
                plain.new = Some(count(new));
                plain.republished = Some(count(republished));
            }
            CoreEvent::PublishesAgain => {}
            CoreEvent::Disconnected(error) | CoreEvent::ReconnectFailed(error) => {
                plain.error = Some(error);
            }
            CoreEvent::Published(number)
            | CoreEvent::Unreadable(number)
            | CoreEvent::Truncated(number) => plain.count = Some(count(number)),
            CoreEvent::Received { new, lag } => {
                plain.new = Some(count(new));
                plain.lag_seconds = lag.map(|lag| lag.as_secs_f64());
            }
        }
        plain
    }
}
