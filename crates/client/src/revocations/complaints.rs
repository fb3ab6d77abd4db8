//! How often it is told aloud that something cannot be read: at once, then once a minute with all that came meanwhile.
//!
//! Strangers decide how often it comes, and may not fill the log with it. The status counts every one.

use std::time::Duration;

const QUIET: Duration = Duration::from_secs(60);

/// What was told, and what was not yet.
#[derive(Default)]
pub(super) struct Complaints {
    /// When it was told the last time, on the monotonic clock.
    told: Option<Duration>,
    untold: usize,
}

impl Complaints {
    /// So many more came: how many are to be told now, if that is to be done.
    pub(super) fn more(&mut self, count: usize, now: Duration) -> Option<usize> {
        self.untold = self.untold.saturating_add(count);
        let is_quiet = |told| now.saturating_sub(told) < QUIET;
        if self.untold == 0 || self.told.is_some_and(is_quiet) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_080_a_flood_of_what_cannot_be_read_is_told_once_a_minute() {
        let mut complaints = Complaints::default();
        let mut told = |count, seconds| complaints.more(count, Duration::from_secs(seconds));
        assert_eq!(told(0, 0), None);
        assert_eq!(told(3, 0), Some(3));
        for second in 1..60 {
            assert_eq!(told(256, second), None);
        }
        // What came meanwhile is told with the next word of the channel, whatever that is.
        assert_eq!(told(0, 60), Some(59 * 256));
        assert_eq!(told(0, 200), None);
        assert_eq!(told(1, 200), Some(1));
    }
}
