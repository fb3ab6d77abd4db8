//! A deadline on two clocks.
//!
//! It has passed once both clocks are past it. A wall clock that is ahead for a moment ends nothing, and one that was behind
//! at the start does not cut the deadline short.

use core::time::Duration;

use crate::time::{Now, Timestamp};

/// One moment on the wall clock and on the monotonic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    wall: Timestamp,
    monotonic: Duration,
}

impl Deadline {
    /// The deadline at a time on the wall clock, given what both clocks show now.
    pub(crate) fn new(wall: Timestamp, now: Now) -> Self {
        let left = wall.since(now.wall);
        Self {
            wall,
            monotonic: now.monotonic.saturating_add(left),
        }
    }

    pub(crate) const fn wall(self) -> Timestamp {
        self.wall
    }

    /// Whether the deadline is still to come on either clock.
    pub(crate) fn stands(self, now: Now) -> bool {
        now.wall < self.wall || now.monotonic < self.monotonic
    }

    /// The later of two deadlines, on each clock.
    #[must_use]
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            wall: self.wall.max(other.wall),
            monotonic: self.monotonic.max(other.monotonic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: i64, monotonic: u64) -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(wall),
            monotonic: Duration::from_secs(monotonic),
        }
    }

    #[test]
    fn it_is_over_once_both_clocks_are_past_it() {
        let until = Deadline::new(Timestamp::from_unix_seconds(110), at(100, 5));
        for (wall, monotonic, expect) in [
            (100, 5, true),
            (109, 14, true),
            (110, 14, true),
            (9999, 14, true),
            (109, 15, true),
            (110, 15, false),
        ] {
            let stands = until.stands(at(wall, monotonic));
            assert_eq!(stands, expect, "{wall} {monotonic}");
        }
    }

    #[test]
    fn the_later_of_two_is_so_on_each_clock() {
        let ahead = Deadline::new(Timestamp::from_unix_seconds(9999), at(9990, 5));
        let right = Deadline::new(Timestamp::from_unix_seconds(200), at(100, 6));
        let both = ahead.max(right);
        assert_eq!(both, right.max(ahead));
        assert_eq!(both.wall(), ahead.wall());
        assert!(both.stands(at(9999, 105)));
        assert!(!both.stands(at(9999, 106)));
    }
}
