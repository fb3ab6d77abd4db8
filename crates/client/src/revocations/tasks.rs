//! The two tasks of a channel: what ends here goes out, what ended elsewhere comes in.
//!
//! What goes out is kept until the channel took it. Whenever the channel was joined anew, what it does not hold of all that
//! stands here is told again: it may have lost everything it knew. The tasks end with the deployment they work for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::identity::authority::{Authority, Heard, Joined, Joining};
use mastra_auth_cloud_core::identity::revocation::Revocation;
use mastra_auth_cloud_core::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::channel::{ChannelError, Message, Received, RevocationChannel};
use super::complaints::Complaints;
use super::status::{Link, RevocationStatus};
use crate::signals::channel;
use crate::system;

/// How many go out at once.
const BATCH: usize = 256;
/// Longer than a channel takes that keeps its own times.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A channel at work.
pub(crate) struct Revocations {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

struct Shared {
    authority: Arc<Authority>,
    channel: Arc<dyn RevocationChannel>,
    wake: Arc<Notify>,
    /// What the channel did not hold when it was joined.
    again: Mutex<VecDeque<Revocation>>,
    state: Mutex<State>,
}

struct State {
    status: RevocationStatus,
    /// Whether each of the two tasks has the channel.
    receives: bool,
    publishes: bool,
    /// Whether it was found out once whether the channel is there.
    was_tried: bool,
    /// What is out on its way.
    under_way: usize,
    complaints: Complaints,
}

impl Revocations {
    /// Sets a channel to work for this deployment.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` outside of a tokio runtime.
    pub(crate) fn begin(
        authority: Arc<Authority>,
        channel: Arc<dyn RevocationChannel>,
    ) -> Result<Self, CloudApiError> {
        let runtime = Handle::try_current().map_err(|_| {
            CloudApiError::configuration("revocations: build() must be called in a tokio runtime")
        })?;
        let wake = Arc::new(Notify::new());
        let waker = Arc::clone(&wake);
        authority.publish_revocations(move || waker.notify_one());
        // The time since the channel was heard of begins now, for it may not be there.
        authority.hear([], system::now());
        let shared = Arc::new(Shared {
            authority,
            channel,
            wake,
            again: Mutex::default(),
            state: Mutex::new(State {
                status: RevocationStatus::new(system::now().wall),
                receives: false,
                publishes: true,
                was_tried: false,
                under_way: 0,
                complaints: Complaints::default(),
            }),
        });
        let (outgoing, incoming) = (Arc::clone(&shared), Arc::clone(&shared));
        let tasks = [
            runtime.spawn(async move { outgoing.publish().await }),
            runtime.spawn(async move { incoming.receive().await }),
        ]
        .map(|task| task.abort_handle());
        Ok(Self { shared, tasks })
    }

    pub(crate) fn status(&self) -> RevocationStatus {
        let (status, under_way) = {
            let state = self.shared.state();
            (state.status, state.under_way)
        };
        let pending = self
            .shared
            .authority
            .statistics()
            .waiting
            .saturating_add(self.shared.again().len())
            .saturating_add(under_way);
        RevocationStatus { pending, ..status }
    }
}

impl Drop for Revocations {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Shared {
    async fn publish(&self) {
        let mut pause = Pause::default();
        let mut batch = Vec::new();
        loop {
            let now = system::now().wall;
            batch.retain(|message: &Message| message.until() > now);
            if batch.is_empty() {
                batch = self.next_batch(now);
            }
            self.state().under_way = batch.len();
            if batch.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let realm = self.authority.realm().as_str();
            let sending = self.channel.publish(realm, &batch);
            match tokio::time::timeout(PUBLISH_TIMEOUT, sending).await {
                Ok(Ok(())) => {
                    channel::sent(batch.len());
                    self.sent(batch.len());
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

    fn next_batch(&self, now: Timestamp) -> Vec<Message> {
        let mut next = self.authority.take_revocations(BATCH);
        if next.is_empty() {
            let mut again = self.again();
            let count = BATCH.min(again.len());
            next = again.drain(..count).collect();
        }
        next.into_iter()
            .filter(|revocation| !revocation.is_over(now))
            .map(|revocation| {
                let text = self.authority.realm().encode(&revocation);
                Message::new(text, revocation.until)
            })
            .collect()
    }

    fn sent(&self, count: usize) {
        let mut state = self.state();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        state.status.sent = state.status.sent.saturating_add(count);
        state.publishes = true;
        state.relink();
    }

    async fn not_sent(&self, error: ChannelError, pause: &mut Pause) {
        let lost = {
            let mut state = self.state();
            state.publishes = false;
            state.relink()
        };
        channel::away(lost, &error);
        pause.wait().await;
    }

    async fn receive(&self) {
        let mut pause = Pause::default();
        let mut joining = None;
        let most = self.authority.most_standing();
        loop {
            let realm = self.authority.realm().as_str();
            match self.channel.receive(realm, most).await {
                Ok(Received::Part(texts)) => self.part(&mut joining, &texts),
                Ok(Received::Standing { texts, left_out }) => {
                    self.part(&mut joining, &texts);
                    self.joined(joining.take(), left_out);
                    pause = Pause::default();
                }
                Ok(Received::News(texts)) => self.news(&texts),
                Err(error) => {
                    joining = None;
                    let lost = {
                        let mut state = self.state();
                        state.receives = false;
                        state.relink()
                    };
                    channel::away(lost, &error);
                    pause.wait().await;
                }
            }
        }
    }

    fn part(&self, joining: &mut Option<Joining>, texts: &[String]) {
        let now = system::now();
        let joining = joining.get_or_insert_with(|| self.authority.joining(now));
        let texts = texts.iter().map(String::as_str);
        self.count(joining.hear(&self.authority, texts, now));
    }

    fn joined(&self, joining: Option<Joining>, left_out: usize) {
        let now = system::now();
        if let Some(joining) = joining {
            let Joined {
                lacking,
                standing,
                new,
                ..
            } = joining.joined(now);
            channel::connected(standing, new, lacking.len());
            *self.again() = lacking.into();
        }
        if left_out > 0 {
            channel::left_out(left_out);
        }
        let mut state = self.state();
        state.status.left_out = left_out;
        state.receives = true;
        state.publishes = true;
        state.relink();
        drop(state);
        self.wake.notify_one();
    }

    fn news(&self, texts: &[String]) {
        let texts = texts.iter().map(String::as_str);
        let Heard { new, lag, .. } = self.count(self.authority.hear(texts, system::now()));
        if new > 0 {
            channel::received(new, lag);
            self.state().status.lag = lag;
        }
    }

    fn count(&self, heard: Heard) -> Heard {
        let unreadable = heard.unreadable;
        let now = system::now().monotonic;
        let add = |to: &mut u64, count: usize| {
            *to = to.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        };
        let mut state = self.state();
        add(&mut state.status.received, heard.new);
        add(&mut state.status.unreadable, unreadable);
        let told = state.complaints.more(unreadable, now);
        drop(state);
        if let Some(count) = told {
            channel::unreadable(count);
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

impl State {
    /// Says anew whether the channel is there; true where it was lost just now, or is found not to be there at the start.
    fn relink(&mut self) -> bool {
        let was_tried = std::mem::replace(&mut self.was_tried, true);
        let since = system::now().wall;
        match (self.status.is_connected(), self.receives && self.publishes) {
            (false, true) => self.status.link = Link::Connected { since },
            (true, false) => {
                self.status.link = Link::Away { since };
                self.status.lost = self.status.lost.saturating_add(1);
                return true;
            }
            (false, false) => return !was_tried,
            (true, true) => {}
        }
        false
    }
}

/// Waits that double up to a second, each give or take a half: what all instances lost at once they do not join at once, and
/// tell anew.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pause {
    async fn wait(&mut self) {
        let time = self.next(system::jitter());
        system::sleep(time).await;
    }

    fn next(&mut self, mut jitter: Jitter) -> Duration {
        let time = self.0;
        self.0 = time.saturating_mul(2).min(LONGEST_PAUSE);
        jitter.spread(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn threat_031_instances_that_lost_a_channel_at_once_do_not_join_it_at_once() {
        let mut firsts = HashSet::new();
        for _ in 0..100 {
            let mut pause = Pause::default();
            for base in [50, 100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
                let time = pause.next(system::jitter());
                assert!((base / 2..base * 3 / 2).contains(&time), "{time:?}");
                if base == FIRST_PAUSE {
                    firsts.insert(time);
                }
            }
        }
        assert!(firsts.len() > 50, "{firsts:?}");
    }
}
