//! Revocations on their way to other instances, until a driver takes them; and when the way was last seen to be open.
//!
//! Filled only where a driver asked for it. Bounded: where more come than are taken the oldest give way, and lose nothing by it:
//! once nothing else waits, what ended here and still stands is told again.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{OnceLock, PoisonError};

use super::retelling::{Mark, Retelling};
use super::revocation::Revocation;
use super::spent::SpentCallback;
use super::sync::{Mutex, MutexGuard};

const CAPACITY: usize = 10_000;
/// How many spent callbacks wait at most. One that gives way is settled by the Cloud.
const SPENT_CAPACITY: usize = 1_000;

/// Called after something came in. Must not wait.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(crate) struct Outbox {
    open: AtomicBool,
    wake: OnceLock<Wake>,
    ended: OnceLock<Wake>,
    queue: Mutex<Queue>,
    last_heard: Mutex<Option<Duration>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Revocation>,
    spent: VecDeque<SpentCallback>,
    retelling: Retelling,
}

impl Outbox {
    /// From now on it is filled; false where somebody empties it already.
    pub(crate) fn open(&self, wake: Wake) -> bool {
        let first = self.wake.set(wake).is_ok();
        self.open.store(true, Ordering::Release);
        first
    }

    /// From now on `wake` is called whenever something ended that was seen to be good; false where another is called already.
    pub(crate) fn on_end(&self, wake: Wake) -> bool {
        self.ended.set(wake).is_ok()
    }

    /// Says that something ended.
    pub(crate) fn ended(&self) {
        if let Some(wake) = self.ended.get() {
            wake();
        }
    }

    /// Takes in what ended here. It must stand in the denials by then: there it is looked for where it gives way.
    pub(crate) fn put(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let mut revocations = revocations.into_iter().peekable();
        if revocations.peek().is_none() {
            return;
        }
        self.ended();
        if !self.open.load(Ordering::Acquire) {
            return;
        }
        {
            let mut queue = self.queue();
            for revocation in revocations {
                if queue.waiting.len() >= CAPACITY {
                    queue.waiting.pop_front();
                    queue.retelling.gave_way();
                }
                queue.waiting.push_back(revocation);
            }
        }
        self.wake();
    }

    /// Takes in a callback that was used here.
    pub(crate) fn put_spent(&self, spent: SpentCallback) {
        if !self.open.load(Ordering::Acquire) {
            return;
        }
        {
            let mut queue = self.queue();
            if queue.spent.len() >= SPENT_CAPACITY {
                queue.spent.pop_front();
            }
            queue.spent.push_back(spent);
        }
        self.wake();
    }

    fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    /// The oldest spent callbacks, up to `most`.
    pub(crate) fn take_spent(&self, most: usize) -> Vec<SpentCallback> {
        let mut queue = self.queue();
        let count = most.min(queue.spent.len());
        queue.spent.drain(..count).collect()
    }

    /// The oldest, up to `most`; where none wait and some gave way, what is to be told again. `own` gives what ended here and
    /// stands, in one order: what comes after the one that it is given, up to so many.
    pub(crate) fn take(
        &self,
        most: usize,
        own: impl Fn(Option<&Revocation>, usize) -> Vec<Revocation>,
    ) -> Vec<Revocation> {
        let mut queue = self.queue();
        if queue.waiting.is_empty() {
            return queue.retelling.next(most, own);
        }
        let count = most.min(queue.waiting.len());
        queue.waiting.drain(..count).collect()
    }

    /// What gave way until now: whoever tells all that stands from now on has told it.
    pub(crate) fn mark(&self) -> Mark {
        self.queue().retelling.mark()
    }

    /// All that stood at that mark is told by another way.
    pub(crate) fn told(&self, mark: Mark) {
        self.queue().retelling.told(mark);
    }

    /// Whoever tells of ends heard of others just now, on the monotonic clock.
    pub(crate) fn heard(&self, now: Duration) {
        *self
            .last_heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(crate) fn last_heard(&self) -> Option<Duration> {
        *self
            .last_heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are still to be told, those that gave way included.
    pub(crate) fn len(&self) -> usize {
        let queue = self.queue();
        queue.waiting.len().saturating_add(queue.retelling.due())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::revocation::Subject;
    use crate::ids::UserId;
    use crate::time::Timestamp;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    fn revocation(n: usize) -> Revocation {
        let at = Timestamp::from_unix_millis(0);
        let id = UserId::parse(&format!("usr_{n}")).unwrap();
        Revocation::new(Subject::User(id), at, at)
    }

    /// Takes where nothing is to be told again.
    fn take(outbox: &Outbox, most: usize) -> Vec<Revocation> {
        outbox.take(most, |_, _| panic!("nothing gave way"))
    }

    #[test]
    fn nothing_is_kept_where_nobody_takes_it() {
        let outbox = Outbox::default();
        outbox.put([revocation(1)]);
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn whoever_takes_them_is_woken_and_gets_them_in_their_order() {
        let (outbox, woken) = (Outbox::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&woken);
        let wake = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        assert!(outbox.open(Box::new(wake)));
        assert!(!outbox.open(Box::new(|| {})), "one at a time");
        outbox.put([]);
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        outbox.put([revocation(1), revocation(2)]);
        outbox.put([revocation(3)]);
        assert_eq!(woken.load(Ordering::SeqCst), 2);
        assert_eq!(take(&outbox, 2), [revocation(1), revocation(2)]);
        assert_eq!(take(&outbox, 2), [revocation(3)]);
        assert!(take(&outbox, 2).is_empty());
    }

    #[test]
    fn threat_080_what_waits_is_bounded() {
        let outbox = Outbox::default();
        outbox.open(Box::new(|| {}));
        (0..CAPACITY + 5).for_each(|n| outbox.put([revocation(n)]));
        assert_eq!(outbox.queue().waiting.len(), CAPACITY);
        assert_eq!(outbox.len(), CAPACITY + 5, "and none is forgotten");
        assert_eq!(take(&outbox, 1), [revocation(5)], "the oldest gave way");
        let spent = |n: usize| SpentCallback {
            digest: [0; 32],
            at: Timestamp::from_unix_millis(0),
            until: Timestamp::from_unix_seconds(i64::try_from(n).unwrap()),
        };
        (0..SPENT_CAPACITY + 5).for_each(|n| outbox.put_spent(spent(n)));
        assert_eq!(outbox.queue().spent.len(), SPENT_CAPACITY);
        assert_eq!(outbox.take_spent(2), [spent(5), spent(6)]);
        assert_eq!(
            outbox.len(),
            CAPACITY + 4,
            "they take no place of a revocation's"
        );
    }
}
