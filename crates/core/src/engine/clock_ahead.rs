//! Reports a clock that is ahead of the Cloud's: at once, then once a minute at most.
//!
//! Decides nothing: the Cloud's answer counts whatever is reported.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use crate::jwt::DEFAULT_LEEWAY;
use crate::time::{Now, Timestamp};

const QUIET: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct ClockAhead(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When it was last reported, on the monotonic clock.
    told: Option<Duration>,
    /// By how much the clock is ahead, until it is reported.
    untold: Option<Duration>,
}

impl ClockAhead {
    /// Notes that the Cloud accepts a token or session that expired at `end` by this clock. Clocks may differ by the usual
    /// leeway.
    pub(crate) fn note(&self, end: Timestamp, now: Now) {
        if end.plus(DEFAULT_LEEWAY) > now.wall {
            return;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_quiet = |told| now.monotonic.saturating_sub(told) < QUIET;
        if !state.told.is_some_and(is_quiet) {
            state.told = Some(now.monotonic);
            state.untold = Some(now.wall.since(end));
        }
    }

    /// By how much the clock is ahead at least, where that is due to be reported.
    pub(crate) fn take(&self) -> Option<Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.untold.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_is_told_at_once_and_then_once_a_minute() {
        let ahead = ClockAhead::default();
        let end = Timestamp::from_unix_seconds(1_000);
        let told = |wall: i64, monotonic: u64| {
            let now = Now {
                wall: Timestamp::from_unix_seconds(wall),
                monotonic: Duration::from_secs(monotonic),
            };
            ahead.note(end, now);
            ahead.take().map(|by| by.as_secs())
        };
        assert_eq!(told(1_029, 0), None, "within the leeway");
        assert_eq!(told(1_030, 1), Some(30));
        for second in 2..61 {
            assert_eq!(told(9_000, second), None);
        }
        assert_eq!(told(9_000, 61), Some(8_000));
        assert_eq!(ahead.take(), None);
    }
}
