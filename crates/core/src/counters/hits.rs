//! The busiest counter: cache hits of the fast path. It is sharded over cache lines, so that two processors with hits for two
//! users do not contend.

use core::sync::atomic::{AtomicU64, Ordering};

const LINES: usize = 16;

#[derive(Debug, Default)]
pub(super) struct HitCounter([Line; LINES]);

/// One line of the processor's cache, and the one that is fetched beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl HitCounter {
    /// Counts one hit; `about` chooses the line.
    pub(super) fn add(&self, about: u64) {
        let lines = u64::try_from(LINES).unwrap_or(1);
        let line = usize::try_from(about % lines).ok();
        if let Some(line) = line.and_then(|line| self.0.get(line)) {
            line.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self) -> u64 {
        let lines = self.0.iter().map(|line| line.0.load(Ordering::Relaxed));
        lines.fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_whoever_they_are_about() {
        let fast_hits = HitCounter::default();
        (0..1000)
            .chain([u64::MAX])
            .for_each(|about| fast_hits.add(about));
        assert_eq!(fast_hits.sum(), 1001);
        let used = fast_hits
            .0
            .iter()
            .filter(|line| line.0.load(Ordering::Relaxed) > 0);
        assert_eq!(used.count(), LINES);
    }
}
