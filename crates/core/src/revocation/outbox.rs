//! The outbox: revocations that wait for a driver to publish them; also when the channel was last heard from.
//!
//! Filled only where a driver publishes. Bounded: when it overflows, the oldest entries are dropped. Nothing is lost by that:
//! once nothing else waits, the local revocations in force are published again.

use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{OnceLock, PoisonError};

use crate::revocation::Revocation;
use crate::revocation::SpentCallback;
use crate::revocation::resync::{Mark, Resync};
use crate::sync::{AtomicBool, Mutex, MutexGuard};

/// Few in the model, so that it overflows there.
const CAPACITY: usize = if cfg!(shuttle) { 4 } else { 10_000 };
/// How many spent callbacks wait at most. Where one is dropped, the Cloud refuses the code.
const SPENT_CAPACITY: usize = 1_000;

/// Called after an entry was queued. Must not block.
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
    resync: Resync,
}

impl Outbox {
    /// Begins to queue; false where a publisher is registered already.
    pub(crate) fn open(&self, wake: Wake) -> bool {
        let first = self.wake.set(wake).is_ok();
        self.open.store(true, Ordering::Release);
        first
    }

    /// Registers the call to `wake` after every proven revocation; false where a callback is registered already.
    pub(crate) fn on_end(&self, wake: Wake) -> bool {
        self.ended.set(wake).is_ok()
    }

    /// Calls the callback for revocations.
    pub(crate) fn ended(&self) {
        if let Some(wake) = self.ended.get() {
            wake();
        }
    }

    /// Queues local revocations. They must be in the deny list by then: a resync after an overflow reads them there.
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
                    queue.resync.count_dropped();
                }
                queue.waiting.push_back(revocation);
            }
        }
        self.wake();
    }

    /// Queues a callback that was used here.
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

    /// Takes up to `most` spent callbacks, the oldest first.
    pub(crate) fn take_spent(&self, most: usize) -> Vec<SpentCallback> {
        let mut queue = self.queue();
        let count = most.min(queue.spent.len());
        queue.spent.drain(..count).collect()
    }

    /// Takes up to `most` revocations, the oldest first; where none wait and some were dropped, the next page of the resync.
    /// `own` returns the local revocations in force that follow the given one in a fixed order, up to the given number.
    pub(crate) fn take(
        &self,
        most: usize,
        own: impl Fn(Option<&Revocation>, usize) -> Vec<Revocation>,
    ) -> Vec<Revocation> {
        let mut queue = self.queue();
        if queue.waiting.is_empty() {
            return queue.resync.next(most, own);
        }
        let count = most.min(queue.waiting.len());
        queue.waiting.drain(..count).collect()
    }

    /// What was dropped so far: publishing all revocations in force from now on makes up for it.
    pub(crate) fn mark(&self) -> Mark {
        self.queue().resync.mark()
    }

    /// Records that everything in force at that mark was published another way.
    pub(crate) fn mark_published(&self, mark: Mark) {
        self.queue().resync.mark_published(mark);
    }

    /// Records that the channel was heard from, on the monotonic clock.
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

    /// How many revocations are still to be published, including dropped ones.
    pub(crate) fn len(&self) -> usize {
        let queue = self.queue();
        queue.waiting.len().saturating_add(queue.resync.due())
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
    use crate::ids::UserId;
    use crate::revocation::Subject;
    use crate::time::Timestamp;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    fn revocation(n: usize) -> Revocation {
        let at = Timestamp::from_unix_millis(0);
        let id = UserId::parse(&format!("usr_{n}")).unwrap();
        Revocation::new(Subject::User(id), at, at)
    }

    /// Takes where no resync is due.
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

    #[test]
    fn who_asks_is_told_of_every_end_also_where_nobody_publishes() {
        let (outbox, told) = (Outbox::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&told);
        let tell = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        assert!(outbox.on_end(Box::new(tell)));
        assert!(!outbox.on_end(Box::new(|| {})), "one at a time");
        outbox.put([revocation(1)]);
        outbox.ended();
        assert_eq!(told.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn what_gave_way_is_not_told_again_once_it_was_published_another_way() {
        let outbox = Outbox::default();
        outbox.open(Box::new(|| {}));
        (0..=CAPACITY).for_each(|n| outbox.put([revocation(n)]));
        assert_eq!(outbox.len(), CAPACITY + 1);
        outbox.mark_published(outbox.mark());
        assert_eq!(outbox.len(), CAPACITY);
        assert_eq!(format!("{outbox:?}"), "Outbox { open: true, .. }");
    }
}
