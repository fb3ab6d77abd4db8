//! The driver of the core's revocation worker: one task publishes, one receives. They call the channel, wait as long as the
//! worker says, and emit its events.
//!
//! The tasks end with their deployment, or when it leaves the channel. If a task ends otherwise, with its runtime, the
//! channel is reported as disconnected.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use mastra_auth_cloud_core::engine::{ChannelWorker, Engine};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::revocation::RevocationStatus;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::channel::{ChannelError, ChannelUpdate, RevocationChannel};
use crate::system;
use crate::telemetry::revocations::emit;

const LATE: ChannelError = ChannelError::new("no answer in time");
const PANICKED: ChannelError = ChannelError::new("the channel panicked");
const ENDED: ChannelError =
    ChannelError::new("the runtime in which it was built ended, or a task of it panicked");

/// A running channel.
pub(crate) struct Revocations {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

struct Shared {
    engine: Arc<Engine>,
    channel: Arc<dyn RevocationChannel>,
    /// Locked for single steps. No event is emitted meanwhile: a subscriber may ask for the status.
    worker: Mutex<ChannelWorker>,
    /// Notified when a batch may be due.
    wake: Arc<Notify>,
    /// Notified when nothing is left to publish.
    flushed: Notify,
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
        let woken = move || waker.notify_one();
        let worker = ChannelWorker::new(Arc::clone(&engine), woken, system::now());
        let shared = Arc::new(Shared {
            engine,
            channel,
            worker: Mutex::new(worker),
            wake,
            flushed: Notify::new(),
        });
        let tasks = [
            runtime.spawn(Arc::clone(&shared).publish()),
            runtime.spawn(Arc::clone(&shared).receive()),
        ]
        .map(|task| task.abort_handle());
        Ok(Self { shared, tasks })
    }

    pub(crate) fn status(&self) -> RevocationStatus {
        self.shared.worker().status()
    }

    /// Publishes pending revocations (up to 2 s) and leaves the channel.
    pub(crate) async fn close(&self) {
        if self.shared.worker().was_left() {
            return;
        }
        let flushed = async {
            loop {
                // Registered before the check, so that no notification between the two is missed.
                let flushed = self.shared.flushed.notified();
                if self.status().pending == 0 {
                    return;
                }
                flushed.await;
            }
        };
        // The status shows whether the time sufficed.
        let _ = timeout(ChannelWorker::FLUSH_TIMEOUT, flushed).await;
        self.leave();
    }

    fn leave(&self) {
        self.shared.worker().leave(system::now());
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Revocations {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Called when a task ends: with its runtime, in a panic, or after the channel was left.
struct OnDrop<F: Fn() -> Duration>(F);

impl<F: Fn() -> Duration> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs a channel operation. A panic counts as an error, and the caller retries.
async fn caught<T>(work: impl Future<Output = Result<T, ChannelError>>) -> Result<T, ChannelError> {
    let work = AssertUnwindSafe(work).catch_unwind();
    work.await.unwrap_or(Err(PANICKED))
}

impl Shared {
    async fn publish(self: Arc<Self>) {
        let _ended = OnDrop(|| self.publish_failed(ENDED));
        let namespace = self.engine.namespace().as_str();
        loop {
            let batch = self.worker().next_batch(system::now());
            if batch.is_empty() {
                self.flushed.notify_waiters();
                self.wake.notified().await;
                continue;
            }
            let publishing = caught(async { self.channel.publish(namespace, &batch).await });
            match timeout(ChannelWorker::TIMEOUT, publishing)
                .await
                .unwrap_or(Err(LATE))
            {
                Ok(()) => {
                    let events = self.worker().published(system::now());
                    emit(events);
                }
                Err(error) => system::sleep(self.publish_failed(error)).await,
            }
        }
    }

    /// Returns how long to wait.
    fn publish_failed(&self, why: ChannelError) -> Duration {
        let retry = self
            .worker()
            .publish_failed(why, system::now(), system::jitter());
        emit(retry.event);
        retry.wait
    }

    async fn receive(self: Arc<Self>) {
        let _ended = OnDrop(|| self.lost(self.join(), ENDED));
        let (namespace, most) = (self.engine.namespace().as_str(), self.engine.max_stored());
        let mut turn = self.join();
        loop {
            let update = caught(async { self.channel.receive(namespace, most).await }).await;
            let now = system::now();
            let events = match update {
                Ok(ChannelUpdate::SnapshotPart(texts)) => self.worker().part(turn, &texts, now),
                Ok(ChannelUpdate::Published(texts)) => self.worker().received(turn, &texts, now),
                Ok(ChannelUpdate::SnapshotEnd { texts, left_out }) => {
                    let events = self.worker().joined(turn, &texts, left_out, now);
                    self.wake.notify_one();
                    events
                }
                Err(error) => {
                    system::sleep(self.lost(turn, error)).await;
                    turn = self.join();
                    continue;
                }
            };
            emit(events);
        }
    }

    fn join(&self) -> u32 {
        self.worker().join()
    }

    /// Returns how long to wait.
    fn lost(&self, turn: u32, why: ChannelError) -> Duration {
        let retry = self
            .worker()
            .lost(turn, why, system::now(), system::jitter());
        emit(retry.event);
        retry.wait
    }

    fn worker(&self) -> MutexGuard<'_, ChannelWorker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
