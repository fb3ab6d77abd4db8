//! What may be used once in a while, by its digest: the states and authorization codes of callbacks, and a token's renewal.
//!
//! Bounded: the oldest are evicted, and each expires. Used states are published where instances share revocations. Until an
//! instance knows of one, the Cloud's single use of codes and the cleared login cookie protect it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::encoding::Digest;
use crate::time::Now;

#[derive(Debug)]
pub(crate) struct UsedOnce {
    lifetime: Duration,
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    ends: BTreeMap<Digest, Duration>,
    order: VecDeque<(Duration, Digest)>,
}

impl UsedOnce {
    pub(crate) fn new(lifetime: Duration, capacity: usize) -> Self {
        Self {
            lifetime,
            capacity,
            entries: Mutex::default(),
        }
    }

    /// Whether this digest was spent.
    pub(crate) fn holds(&self, digest: &Digest, now: Now) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .ends
            .get(digest)
            .is_some_and(|end| now.monotonic < *end)
    }

    /// Spends a digest; false where it was spent. Of any number of callers at once, one gets true.
    pub(crate) fn spend(&self, digest: Digest, now: Now) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.sweep(now, self.capacity);
        if entries.ends.contains_key(&digest) {
            return false;
        }
        let end = now.monotonic.saturating_add(self.lifetime);
        entries.ends.insert(digest, end);
        entries.order.push_back((end, digest));
        true
    }
}

impl Entries {
    fn sweep(&mut self, now: Now, capacity: usize) {
        while let Some((end, digest)) = self.order.front().copied() {
            if now.monotonic < end && self.order.len() < capacity {
                return;
            }
            self.order.pop_front();
            self.ends.remove(&digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(0),
            monotonic: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn each_is_spent_once_until_its_time_is_over() {
        let spent = UsedOnce::new(Duration::from_secs(300), 10);
        assert!(spent.spend([1; 32], at(0)));
        assert!(!spent.spend([1; 32], at(299)));
        assert!(spent.holds(&[1; 32], at(299)));
        assert!(!spent.holds(&[1; 32], at(300)));
        assert!(spent.spend([1; 32], at(300)));
    }

    #[test]
    fn the_oldest_give_way() {
        let spent = UsedOnce::new(Duration::from_secs(300), 3);
        (0..5).for_each(|n| assert!(spent.spend([n; 32], at(u64::from(n)))));
        let held: Vec<bool> = (0..5).map(|n| spent.holds(&[n; 32], at(5))).collect();
        assert_eq!(held, [false, false, true, true, true]);
    }
}
