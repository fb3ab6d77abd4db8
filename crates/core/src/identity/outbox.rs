//! Revocations on their way to other instances, until a driver takes them; and when the way was last seen to be open.
//!
//! Filled only where a driver asked for it. Bounded: where nobody takes them the oldest give way, and lose nothing by it, for
//! all that stand are told again once the channel is back.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{OnceLock, PoisonError};

use super::revocation::Revocation;
use super::sync::Mutex;

const CAPACITY: usize = 10_000;

/// Called after something came in. Must not wait.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(crate) struct Outbox {
    open: AtomicBool,
    wake: OnceLock<Wake>,
    waiting: Mutex<VecDeque<Revocation>>,
    last_heard: Mutex<Option<Duration>>,
}

impl Outbox {
    /// From now on it is filled; false where somebody empties it already.
    pub(crate) fn open(&self, wake: Wake) -> bool {
        let first = self.wake.set(wake).is_ok();
        self.open.store(true, Ordering::Release);
        first
    }

    pub(crate) fn put(&self, revocations: impl IntoIterator<Item = Revocation>) {
        if !self.open.load(Ordering::Acquire) {
            return;
        }
        let mut revocations = revocations.into_iter().peekable();
        if revocations.peek().is_none() {
            return;
        }
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for revocation in revocations {
                if waiting.len() >= CAPACITY {
                    waiting.pop_front();
                }
                waiting.push_back(revocation);
            }
        }
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    /// The oldest, up to `most`.
    pub(crate) fn take(&self, most: usize) -> Vec<Revocation> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = most.min(waiting.len());
        waiting.drain(..count).collect()
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

    pub(crate) fn len(&self) -> usize {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
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
        assert_eq!(outbox.take(2), [revocation(1), revocation(2)]);
        assert_eq!(outbox.take(2), [revocation(3)]);
        assert!(outbox.take(2).is_empty());
    }

    #[test]
    fn threat_080_what_waits_is_bounded() {
        let outbox = Outbox::default();
        outbox.open(Box::new(|| {}));
        (0..CAPACITY + 5).for_each(|n| outbox.put([revocation(n)]));
        assert_eq!(outbox.len(), CAPACITY);
        assert_eq!(outbox.take(1), [revocation(5)], "the oldest gave way");
    }
}
