//! Rate-limits the "unreadable revocation" warning: at once, then once a minute with the number that came in between.
//!
//! Any publisher decides how often such entries arrive, and must not fill the log. The status counts every one.

use std::time::Duration;

const QUIET: Duration = Duration::from_secs(60);

/// When the last warning was logged, and how many entries it did not count.
#[derive(Default)]
pub(super) struct Complaints {
    /// When the last warning was logged, on the monotonic clock.
    told: Option<Duration>,
    untold: usize,
}

impl Complaints {
    /// Counts `count` more entries. Returns the number to log now, if a warning is due.
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
        // The next check of the channel logs what arrived in between.
        assert_eq!(told(0, 60), Some(59 * 256));
        assert_eq!(told(0, 200), None);
        assert_eq!(told(1, 200), Some(1));
    }
}
