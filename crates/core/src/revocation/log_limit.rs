//! Rate-limits the "unreadable revocation" warning: at once, then once a minute with the number that came in between.
//!
//! Any publisher decides how often such entries arrive, and must not fill the log. The status counts every one.

use core::time::Duration;

const PERIOD: Duration = Duration::from_secs(60);

/// How many entries no warning has counted yet.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    /// When the last warning was logged, on the monotonic clock.
    last: Option<Duration>,
    unlogged: usize,
}

impl LogLimit {
    /// Counts `count` more entries. Returns the number to log now, if a warning is due.
    pub(crate) fn add(&mut self, count: usize, now: Duration) -> Option<usize> {
        self.unlogged = self.unlogged.saturating_add(count);
        let is_recent = |last| now.saturating_sub(last) < PERIOD;
        if self.unlogged == 0 || self.last.is_some_and(is_recent) {
            return None;
        }
        self.last = Some(now);
        Some(core::mem::take(&mut self.unlogged))
    }
}
