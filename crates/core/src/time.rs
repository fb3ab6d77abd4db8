//! Time as an argument: the core has no clock.
//!
//! There are two clocks for two purposes. [`Timestamp`] is a point on the wall clock, for the times in the Cloud's claims and
//! sessions. [`Now::monotonic`] only ever grows, so a lifetime measured on it survives a wall clock that is set back or
//! forward. Calendars appear only in ISO 8601 text, which is read and written here.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;
use core::time::Duration;
use std::time::SystemTime;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;

use crate::malformed::Malformed;

/// A point in time in milliseconds since the Unix epoch.
///
/// Kept as milliseconds since the least `i64`, so that an absent one takes no more memory: an identity has seven that may be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// The Unix epoch, in milliseconds since the least `i64`.
const UNIX_EPOCH: u64 = 1 << 63;

impl Timestamp {
    /// The last millisecond of the year 9999. Back ends write that year for "does not end"; a later time is a mistake, and
    /// ISO 8601 text could not hold it.
    pub const LAST: Self = Self::from_unix_millis(253_402_300_799_999);
    /// The first millisecond of the year 0.
    const FIRST: Self = Self::from_unix_millis(-62_167_219_200_000);

    /// From milliseconds since the Unix epoch; the least `i64` counts as the one after it.
    pub const fn from_unix_millis(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ UNIX_EPOCH) {
            Some(since_least) => Self(since_least),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From seconds since the Unix epoch, saturating at the ends of the range.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self::from_unix_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        (self.0.get() ^ UNIX_EPOCH).cast_signed()
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.unix_millis().div_euclid(1000)
    }

    /// Parses ISO 8601 text with an offset, as in `2026-01-28T10:00:00Z` (RFC 3339), of the years 0 to 9999.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the text is no date and time with an offset, or is out of that range.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::time::Timestamp;
    ///
    /// let time = Timestamp::parse_iso("2026-01-28T11:00:00+01:00").unwrap();
    /// assert_eq!(time.unix_seconds(), 1_769_594_400);
    /// assert!(Timestamp::parse_iso("2026-01-28T11:00:00").is_err());
    /// ```
    pub fn parse_iso(text: &str) -> Result<Self, Malformed> {
        // Not as an instant of `jiff`: those end a day before the year 9999 does.
        read_iso(text)
            .and_then(Self::on_the_wire)
            .ok_or_else(|| Malformed::new("time", "be ISO 8601 with an offset"))
    }

    /// A time of this many milliseconds, where its year is 0 to 9999.
    pub(crate) fn on_the_wire(millis: i64) -> Option<Self> {
        Some(Self::from_unix_millis(millis))
            .filter(|time| (Self::FIRST..=Self::LAST).contains(time))
    }

    /// This time plus `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.unix_millis().saturating_add(by))
    }

    /// This time minus `by`.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.unix_millis().saturating_sub(by))
    }

    /// The time from `earlier` to this point; zero where this is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl FromStr for Timestamp {
    type Err = Malformed;

    /// As [`parse_iso`](Self::parse_iso).
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse_iso(text)
    }
}

/// Rounded down to a millisecond, and saturating at the ends of the range.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::from_unix_millis(millis(after)),
            Err(before) => {
                let before = before.duration();
                let part = before.subsec_nanos().checked_rem(1_000_000) != Some(0);
                Self::from_unix_millis(-millis(before))
                    .minus(Duration::from_millis(u64::from(part)))
            }
        }
    }
}

/// Fails where the system's clock cannot hold the time, which no time of the years 1970 to 9999 causes on the usual systems.
impl TryFrom<Timestamp> for SystemTime {
    type Error = Malformed;

    fn try_from(time: Timestamp) -> Result<Self, Malformed> {
        let since = Duration::from_millis(time.unix_millis().unsigned_abs());
        if time.unix_millis() < 0 {
            Self::UNIX_EPOCH.checked_sub(since)
        } else {
            Self::UNIX_EPOCH.checked_add(since)
        }
        .ok_or_else(|| Malformed::new("time", "be within the range of the system's clock"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp")
            .field(&self.unix_millis())
            .finish()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = SignedDuration::from_millis(self.unix_millis());
        match EPOCH.checked_add(since) {
            Ok(time) => write!(f, "{time}Z"),
            Err(_) => write!(f, "{} ms", self.unix_millis()),
        }
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Milliseconds since the Unix epoch.
fn read_iso(text: &str) -> Option<i64> {
    let pieces = Pieces::parse(text).ok()?;
    let at = pieces.date().to_datetime(pieces.time()?);
    let ahead = pieces.to_numeric_offset()?.seconds();
    let since = at.duration_since(EPOCH).as_millis();
    let ahead = i128::from(ahead).checked_mul(1000)?;
    i64::try_from(since.checked_sub(ahead)?).ok()
}

/// The driver's two clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time since some fixed start; never goes back.
    pub monotonic: Duration,
}

/// For how long the monotonic clock stands in for the wall clock.
const WALL_CLOCK_TRUSTED: Duration = Duration::from_millis(20);

impl Now {
    /// This moment plus `by`, on both clocks.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self {
            wall: self.wall.plus(by),
            monotonic: self.monotonic.saturating_add(by),
        }
    }

    /// Both clocks from this earlier reading and the monotonic clock now. Saves reading the wall clock, which takes as long
    /// as much of a cache hit. None after 20 ms, so that a wall clock that was set is noticed.
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
        assert_eq!(format!("{time:?}"), "Timestamp(1769594400250)");
        assert_eq!(time.to_string().parse(), Ok(time));
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
    fn the_wire_holds_times_of_the_years_0_to_9999() {
        for (text, millis) in [
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
            ("9999-12-31T23:59:59+01:00", 253_402_297_199_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            let time = Timestamp::parse_iso(text).unwrap();
            assert_eq!(time.unix_millis(), millis, "{text}");
        }
        assert_eq!(Timestamp::LAST.to_string(), "9999-12-31T23:59:59.999Z");
        for bad in [
            "9999-12-31T23:59:59-01:00",
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "-000001-12-31T23:59:59Z",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert!(Timestamp::parse_iso(bad).is_err(), "{bad}");
        }
        let last = Timestamp::LAST.unix_millis();
        assert_eq!(Timestamp::on_the_wire(last), Some(Timestamp::LAST));
        assert_eq!(Timestamp::on_the_wire(last + 1), None);
        assert_eq!(Timestamp::on_the_wire(i64::MIN), None);
    }

    #[test]
    fn the_system_time_is_rounded_down_to_a_millisecond() {
        for (nanos, millis) in [
            (0, 0),
            (1_999_999, 1),
            (2_000_000, 2),
            (-1, -1),
            (-1_000_000, -1),
            (-1_000_001, -2),
        ] {
            let since = Duration::from_nanos(i64::unsigned_abs(nanos));
            let system = if nanos < 0 {
                SystemTime::UNIX_EPOCH - since
            } else {
                SystemTime::UNIX_EPOCH + since
            };
            let time = Timestamp::from(system);
            assert_eq!(time.unix_millis(), millis, "{nanos}");
            let back = SystemTime::try_from(time).unwrap();
            assert_eq!(Timestamp::from(back), time, "{nanos}");
        }
        let last = SystemTime::try_from(Timestamp::LAST).unwrap();
        assert_eq!(Timestamp::from(last), Timestamp::LAST);
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
