//! The breaker: after several failures in a row the Cloud is not asked for a moment, then by one call at a time.
//!
//! Counts failures only, never refusals: or anyone could open it with junk tokens. A trial whose request was dropped is
//! handed back, or whoever hangs up could keep it open.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use crate::time::Now;

#[derive(Debug)]
pub(crate) struct Breaker {
    failures_allowed: u32,
    pause: Duration,
    state: Mutex<State>,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Yes,
    /// The one call of the pause that ends then.
    Trial(Duration),
    No,
}

/// Whether the Cloud is asked, for whoever looks at it from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It failed several times in a row and is not asked.
    Open,
    /// The pause is over: one call may try.
    HalfOpen,
}

impl BreakerState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The state as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
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

    /// Whether a call may be made now.
    pub(crate) fn admits(&self, now: Now) -> Admission {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failures < self.failures_allowed {
            return Admission::Yes;
        }
        if now.monotonic < state.next_trial {
            return Admission::No;
        }
        state.next_trial = now.monotonic.saturating_add(self.pause);
        Admission::Trial(state.next_trial)
    }

    /// The same, without making use of it.
    pub(crate) fn state(&self, now: Now) -> BreakerState {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failures < self.failures_allowed {
            BreakerState::Closed
        } else if now.monotonic < state.next_trial {
            BreakerState::Open
        } else {
            BreakerState::HalfOpen
        }
    }

    /// A trial that told nothing: the next caller has it, unless the next one has begun already.
    pub(crate) fn hand_back(&self, trial: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.next_trial == trial {
            state.next_trial = Duration::ZERO;
        }
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
    fn a_look_from_outside_changes_nothing() {
        let breaker = Breaker::new(1, Duration::from_secs(5));
        assert_eq!(breaker.state(at(0)), BreakerState::Closed);
        breaker.failed(at(0));
        assert_eq!(
            [4, 5, 5].map(|s| breaker.state(at(s))),
            [
                BreakerState::Open,
                BreakerState::HalfOpen,
                BreakerState::HalfOpen
            ]
        );
        assert_eq!(
            breaker.admits(at(5)),
            Admission::Trial(Duration::from_secs(10))
        );
        assert_eq!(breaker.state(at(5)), BreakerState::Open);
        breaker.succeeded();
        assert_eq!(breaker.state(at(5)), BreakerState::Closed);
    }

    #[test]
    fn opens_after_failures_in_a_row_and_tries_once_a_pause() {
        use Admission::{No, Trial, Yes};
        let trial = |seconds| Trial(Duration::from_secs(seconds));
        let breaker = Breaker::new(5, Duration::from_secs(5));
        (0..4).for_each(|_| breaker.failed(at(0)));
        assert_eq!(breaker.admits(at(0)), Yes);
        breaker.succeeded();
        (0..5).for_each(|_| breaker.failed(at(1)));
        assert_eq!(
            [1, 5, 6, 6, 10].map(|s| breaker.admits(at(s))),
            [No, No, trial(11), No, No]
        );
        assert_eq!(
            breaker.admits(at(11)),
            trial(16),
            "a lost trial costs one pause"
        );
        breaker.hand_back(Duration::from_secs(11));
        assert_eq!(
            breaker.admits(at(11)),
            No,
            "an old trial hands nothing back"
        );
        breaker.hand_back(Duration::from_secs(16));
        assert_eq!(
            [11, 11].map(|s| breaker.admits(at(s))),
            [trial(16), No],
            "handed back to the next one, once"
        );
        breaker.failed(at(12));
        assert_eq!(
            [12, 16, 17].map(|s| breaker.admits(at(s))),
            [No, No, trial(22)]
        );
        breaker.succeeded();
        assert_eq!([17, 17].map(|s| breaker.admits(at(s))), [Yes, Yes]);
    }
}
