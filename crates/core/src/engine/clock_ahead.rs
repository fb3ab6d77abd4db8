//! Reports a clock that is ahead of the Cloud's: at once, then once a minute at most.
//!
//! Decides nothing: the Cloud's answer counts whatever is reported.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::jwt::DEFAULT_LEEWAY;
use crate::time::{Now, Timestamp};

const QUIET: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct ClockAhead {
    /// Whether something is to be reported: every task asks, and then takes no lock.
    is_due: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it was last reported, on the monotonic clock.
    reported: Option<Duration>,
    /// By how much the clock is ahead, until it is reported.
    ahead: Option<Duration>,
}

impl ClockAhead {
    /// Notes that the Cloud accepts a token or session that expired at `end` by this clock. Clocks may differ by the usual
    /// leeway.
    pub(crate) fn note(&self, end: Timestamp, now: Now) {
        if end.plus(DEFAULT_LEEWAY) > now.wall {
            return;
        }
        let mut state = self.lock();
        let is_quiet = |reported| now.monotonic.saturating_sub(reported) < QUIET;
        if !state.reported.is_some_and(is_quiet) {
            state.reported = Some(now.monotonic);
            state.ahead = Some(now.wall.since(end));
            self.is_due.store(true, Ordering::Relaxed);
        }
    }

    /// By how much the clock is ahead at least, where that is due to be reported.
    pub(crate) fn take(&self) -> Option<Duration> {
        if !self.is_due.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.lock();
        self.is_due.store(false, Ordering::Relaxed);
        state.ahead.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_is_reported_at_once_and_then_once_a_minute() {
        let ahead = ClockAhead::default();
        let end = Timestamp::from_unix_seconds(1_000);
        let reported = |wall: i64, monotonic: u64| {
            let now = Now {
                wall: Timestamp::from_unix_seconds(wall),
                monotonic: Duration::from_secs(monotonic),
            };
            ahead.note(end, now);
            ahead.take().map(|by| by.as_secs())
        };
        assert_eq!(reported(1_029, 0), None, "within the leeway");
        assert_eq!(reported(1_030, 1), Some(30));
        for second in 2..61 {
            assert_eq!(reported(9_000, second), None);
        }
        assert_eq!(reported(9_000, 61), Some(8_000));
        assert_eq!(ahead.take(), None);
    }
}
