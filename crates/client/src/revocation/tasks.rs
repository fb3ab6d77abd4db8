//! The two tasks of a channel: one publishes the revocations made here, one applies those made elsewhere.
//!
//! A revocation stays queued until the channel took it. After each join, the tasks publish again what the channel lacks: it
//! may have lost everything. The tasks end with their deployment, or when it leaves the channel. If a task ends otherwise,
//! with its runtime, the channel is reported as disconnected.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use mastra_auth_cloud_core::engine::{Applied, CatchUp, CaughtUp, Engine};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::revocation::Revocation;
use mastra_auth_cloud_core::revocation::SpentCallback;
use mastra_auth_cloud_core::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::channel::{ChannelError, ChannelMessage, ChannelUpdate, RevocationChannel};
use super::pause::Pause;
use super::state::State;
use super::status::RevocationStatus;
use crate::system;
use crate::telemetry::revocations as telemetry;

/// Messages per publication.
const BATCH: usize = 256;
/// Longer than a channel with time-outs of its own takes.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to publish pending revocations on closing.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running channel.
pub(crate) struct Revocations {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

struct Shared {
    engine: Arc<Engine>,
    channel: Arc<dyn RevocationChannel>,
    wake: Arc<Notify>,
    /// Notified when nothing is left to publish.
    told: Notify,
    /// What the channel lacked at the last join.
    again: Mutex<VecDeque<Revocation>>,
    state: Mutex<State>,
}

impl Revocations {
    /// Starts a channel for this deployment.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` outside of a tokio runtime.
    pub(crate) fn begin(
        engine: Arc<Engine>,
        channel: Arc<dyn RevocationChannel>,
    ) -> Result<Self, CloudApiError> {
        let runtime = Handle::try_current().map_err(|_| {
            CloudApiError::configuration("revocations: build() must be called in a tokio runtime")
        })?;
        let wake = Arc::new(Notify::new());
        let waker = Arc::clone(&wake);
        engine.publish_revocations(move || waker.notify_one());
        // The time since the last contact starts now, for the channel may be unreachable.
        engine.apply_texts([], system::now());
        let shared = Arc::new(Shared {
            engine,
            channel,
            wake,
            told: Notify::new(),
            again: Mutex::default(),
            state: Mutex::new(State::new(system::now().wall)),
        });
        let (outgoing, incoming) = (Arc::clone(&shared), Arc::clone(&shared));
        let tasks = [
            runtime.spawn(async move {
                let task = Task::new(&outgoing, |state| &mut state.publishes);
                task.shared.publish().await;
            }),
            runtime.spawn(async move {
                let task = Task::new(&incoming, |state| &mut state.receives);
                task.shared.receive().await;
            }),
        ]
        .map(|task| task.abort_handle());
        Ok(Self { shared, tasks })
    }

    pub(crate) fn status(&self) -> RevocationStatus {
        // Locked meanwhile, so that what is being published is always counted somewhere.
        let state = self.shared.state();
        let pending = self
            .shared
            .engine
            .waiting()
            .saturating_add(self.shared.again().len())
            .saturating_add(state.under_way);
        RevocationStatus {
            pending,
            ..state.status
        }
    }
}

impl Revocations {
    /// Publishes pending revocations (up to 2 s) and leaves the channel.
    pub(crate) async fn close(&self) {
        let told = async {
            loop {
                // Registered before the check, so that no notification between the two is missed.
                let told = self.shared.told.notified();
                if self.status().pending == 0 {
                    return;
                }
                told.await;
            }
        };
        if self.shared.state().was_left() {
            return;
        }
        // The status shows whether the time sufficed.
        let _ = tokio::time::timeout(LAST_WORDS, told).await;
        self.leave();
    }

    fn leave(&self) {
        self.shared.state().leave(system::now().wall);
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Revocations {
    fn drop(&mut self) {
        self.leave();
    }
}

/// One of the two tasks. It ends only if its runtime ends or it panics; the channel is then disconnected.
struct Task<'s> {
    shared: &'s Shared,
    has_channel: fn(&mut State) -> &mut bool,
}

impl<'s> Task<'s> {
    const fn new(shared: &'s Shared, has_channel: fn(&mut State) -> &mut bool) -> Self {
        Self {
            shared,
            has_channel,
        }
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.was_left() {
            return;
        }
        *(self.has_channel)(&mut state) = false;
        let lost = state.relink(system::now().wall);
        drop(state);
        let why = "the runtime in which it was built ended, or a task of it panicked";
        telemetry::disconnected(lost, &ChannelError::new(why));
    }
}

/// Runs a channel operation. A panic counts as an error, and the caller retries.
async fn caught<T>(work: impl Future<Output = Result<T, ChannelError>>) -> Result<T, ChannelError> {
    let work = AssertUnwindSafe(work).catch_unwind();
    work.await
        .unwrap_or_else(|_| Err(ChannelError::new("the channel panicked")))
}

/// The number of revocations among these.
fn kept(batch: &[ChannelMessage]) -> usize {
    batch.iter().filter(|message| message.is_kept()).count()
}

impl Shared {
    async fn publish(&self) {
        let mut pause = Pause::default();
        let mut batch = Vec::new();
        loop {
            let now = system::now().wall;
            batch.retain(|message: &ChannelMessage| message.until() > now);
            {
                let mut state = self.state();
                if batch.is_empty() {
                    batch = self.next_batch(now);
                }
                state.under_way = kept(&batch);
            }
            if batch.is_empty() {
                self.told.notify_waiters();
                self.wake.notified().await;
                continue;
            }
            let namespace = self.engine.namespace().as_str();
            let sending = caught(async { self.channel.publish(namespace, &batch).await });
            match tokio::time::timeout(PUBLISH_TIMEOUT, sending).await {
                Ok(Ok(())) => {
                    self.sent(kept(&batch));
                    batch.clear();
                    pause = Pause::default();
                }
                Ok(Err(error)) => self.not_sent(error, &mut pause).await,
                Err(_) => {
                    self.not_sent(ChannelError::new("no answer in time"), &mut pause)
                        .await;
                }
            }
        }
    }

    /// Empty only if the queue is: a batch that expired whole does not hold up the next.
    fn next_batch(&self, now: Timestamp) -> Vec<ChannelMessage> {
        loop {
            let mut next = self.engine.take_revocations(BATCH);
            if next.is_empty() {
                let mut again = self.again();
                let count = BATCH.min(again.len());
                next = again.drain(..count).collect();
            }
            if next.is_empty() {
                let spent = self.engine.take_spent_callbacks(BATCH);
                return spent.iter().map(|one| self.spent_callback(one)).collect();
            }
            next.retain(|revocation| !revocation.is_over(now));
            if !next.is_empty() {
                return next.iter().map(|one| self.message(one)).collect();
            }
        }
    }

    fn message(&self, revocation: &Revocation) -> ChannelMessage {
        let text = self.engine.namespace().encode(revocation);
        ChannelMessage::revocation(text, revocation.until)
    }

    fn spent_callback(&self, spent: &SpentCallback) -> ChannelMessage {
        let text = self.engine.namespace().encode_spent(spent);
        ChannelMessage::spent_callback(text, spent.until)
    }

    fn sent(&self, count: usize) {
        if count > 0 {
            telemetry::published(count);
        }
        let mut state = self.state();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        state.status.sent = state.status.sent.saturating_add(count);
        state.publishes = true;
        // Until the first join ends, the state of the other direction is unknown.
        if state.receives {
            state.relink(system::now().wall);
        }
    }

    async fn not_sent(&self, error: ChannelError, pause: &mut Pause) {
        let lost = {
            let mut state = self.state();
            state.publishes = false;
            state.relink(system::now().wall)
        };
        telemetry::disconnected(lost, &error);
        pause.wait().await;
    }

    async fn receive(&self) {
        let mut pause = Pause::default();
        let mut joining = None;
        let most = self.engine.max_stored();
        loop {
            let namespace = self.engine.namespace().as_str();
            match caught(async { self.channel.receive(namespace, most).await }).await {
                Ok(ChannelUpdate::SnapshotPart(texts)) => self.part(&mut joining, &texts),
                Ok(ChannelUpdate::SnapshotEnd { texts, left_out }) => {
                    self.part(&mut joining, &texts);
                    self.finish(joining.take(), left_out);
                    pause = Pause::default();
                }
                Ok(ChannelUpdate::Published(texts)) => self.news(&texts),
                Err(error) => {
                    joining = None;
                    let lost = {
                        let mut state = self.state();
                        state.receives = false;
                        state.relink(system::now().wall)
                    };
                    telemetry::disconnected(lost, &error);
                    pause.wait().await;
                }
            }
        }
    }

    fn part(&self, joining: &mut Option<CatchUp>, texts: &[String]) {
        let now = system::now();
        let joining = joining.get_or_insert_with(|| self.engine.catch_up(now));
        let texts = texts.iter().map(String::as_str);
        self.count(joining.apply_texts(&self.engine, texts, now));
    }

    fn finish(&self, joining: Option<CatchUp>, left_out: usize) {
        let now = system::now();
        if let Some(joining) = joining {
            let CaughtUp {
                missing,
                stored,
                new,
                ..
            } = joining.finish(&self.engine, now);
            telemetry::connected(stored, new, missing.len());
            *self.again() = missing.into();
        }
        if left_out > 0 {
            telemetry::truncated(left_out);
        }
        let mut state = self.state();
        state.status.left_out = left_out;
        state.receives = true;
        state.publishes = true;
        state.relink(system::now().wall);
        drop(state);
        self.wake.notify_one();
    }

    fn news(&self, texts: &[String]) {
        let texts = texts.iter().map(String::as_str);
        let Applied { new, lag, .. } = self.count(self.engine.apply_texts(texts, system::now()));
        if new > 0 {
            telemetry::received(new, lag);
            self.state().status.lag = lag;
        }
    }

    fn count(&self, heard: Applied) -> Applied {
        let unreadable = heard.unreadable;
        let now = system::now().monotonic;
        let add = |to: &mut u64, count: usize| {
            *to = to.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        };
        let mut state = self.state();
        add(&mut state.status.received, heard.new);
        add(&mut state.status.unreadable, unreadable);
        let told = state.unreadable_log.add(unreadable, now);
        drop(state);
        if let Some(count) = told {
            telemetry::unreadable(count);
        }
        heard
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn again(&self) -> MutexGuard<'_, VecDeque<Revocation>> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
