//! Time as an argument: the core has no clock.
//!
//! Two clocks, because they answer two questions. [`Timestamp`] is a point on the wall clock, for what the Cloud writes
//! into claims and sessions; [`Now::monotonic`] only ever grows, so a lifetime measured on it survives a clock that is
//! set back or forward. Does not format or compare calendars beyond reading and writing ISO 8601 text.

use core::fmt;
use core::time::Duration;

use crate::malformed::Malformed;

/// A point in time in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch, held at the ends of the range.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads ISO 8601 text with an offset, as in `2026-01-28T10:00:00Z` (RFC 3339).
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the text is not a date and time with an offset.
    pub fn parse_iso(text: &str) -> Result<Self, Malformed> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
            .map_err(|_| Malformed::new("time", "be ISO 8601 with an offset"))
    }

    /// This point, `by` later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This point, `by` earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long it is from `earlier` to this point; zero where this is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// What the driver's clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time since some fixed start; never goes back.
    pub monotonic: Duration,
}

/// For so long the monotonic clock says how far the wall clock went on.
const WALL_CLOCK_TRUSTED: Duration = Duration::from_millis(20);

impl Now {
    /// This moment, `by` later on both clocks.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self {
            wall: self.wall.plus(by),
            monotonic: self.monotonic.saturating_add(by),
        }
    }

    /// What both clocks say where they said this a moment ago and the monotonic one is here now: to read a clock takes as long as
    /// much of what a request of somebody known takes. After 20 ms none: one that was set is noticed then.
    pub fn soon(self, monotonic: Duration) -> Option<Self> {
        let since = monotonic.saturating_sub(self.monotonic);
        (since < WALL_CLOCK_TRUSTED).then(|| self.plus(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_are_to_be_read_anew_after_a_moment() {
        let last = Now {
            wall: Timestamp::from_unix_seconds(1_769_594_400),
            monotonic: Duration::from_secs(3),
        };
        let soon = |millis| last.soon(last.monotonic + Duration::from_millis(millis));
        assert_eq!(soon(0), Some(last));
        assert_eq!(soon(19), Some(last.plus(Duration::from_millis(19))));
        assert_eq!(soon(20), None);
    }

    #[test]
    fn iso_text_is_read_and_written() {
        let time = Timestamp::parse_iso("2026-01-28T10:00:00.250Z").unwrap();
        assert_eq!(time.unix_millis(), 1_769_594_400_250);
        assert_eq!(time.to_string(), "2026-01-28T10:00:00.25Z");
        assert_eq!(
            Timestamp::parse_iso("2026-01-28T11:00:00.25+01:00").unwrap(),
            time
        );
        for bad in [
            "",
            "2026-01-28",
            "2026-01-28T10:00:00",
            "yesterday",
            "1769594400250",
        ] {
            assert!(Timestamp::parse_iso(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn arithmetic_holds_at_the_ends() {
        let end = Timestamp::from_unix_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        let begin = Timestamp::from_unix_millis(i64::MIN);
        assert_eq!(begin.minus(Duration::MAX), begin);
        assert_eq!(
            Timestamp::from_unix_millis(7).minus(Duration::from_millis(5)),
            Timestamp::from_unix_millis(2)
        );
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), end);
        assert_eq!(
            Timestamp::from_unix_millis(5).since(Timestamp::from_unix_millis(9)),
            Duration::ZERO
        );
        assert_eq!(Timestamp::from_unix_millis(-1).unix_seconds(), -1);
    }
}
