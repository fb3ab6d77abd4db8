//! The breaker: after several failures in a row the Cloud is not asked for a moment, then by one call at a time.
//!
//! Counts failures only, never refusals: or anyone could open it with junk tokens. A trial that is never reported, since
//! its request was dropped, costs one pause and nothing more.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use crate::time::Now;

#[derive(Debug)]
pub(crate) struct Breaker {
    failures_allowed: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    next_trial: Duration,
}

impl Breaker {
    pub(crate) fn new(failures_allowed: u32, pause: Duration) -> Self {
        Self {
            failures_allowed,
            pause,
            state: Mutex::default(),
        }
    }

    /// Whether a call may be made now. Where the breaker is open, a yes is the one trial of this pause.
    pub(crate) fn admits(&self, now: Now) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failures < self.failures_allowed {
            return true;
        }
        if now.monotonic < state.next_trial {
            return false;
        }
        state.next_trial = now.monotonic.saturating_add(self.pause);
        true
    }

    pub(crate) fn succeeded(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failures = 0;
    }

    pub(crate) fn failed(&self, now: Now) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.failures_allowed {
            state.next_trial = now.monotonic.saturating_add(self.pause);
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
    fn opens_after_failures_in_a_row_and_tries_once_a_pause() {
        let breaker = Breaker::new(5, Duration::from_secs(5));
        (0..4).for_each(|_| breaker.failed(at(0)));
        assert!(breaker.admits(at(0)));
        breaker.succeeded();
        (0..5).for_each(|_| breaker.failed(at(1)));
        assert!(!breaker.admits(at(1)));
        assert!(!breaker.admits(at(5)));
        assert!(breaker.admits(at(6)), "one trial after the pause");
        assert!(!breaker.admits(at(6)), "and only one");
        assert!(breaker.admits(at(11)), "a lost trial costs one pause");
        breaker.succeeded();
        assert!(breaker.admits(at(11)) && breaker.admits(at(11)));
    }
}
