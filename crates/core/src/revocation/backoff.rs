//! The back-off between attempts to reach the channel.

use core::time::Duration;

use crate::entropy::Jitter;

const FIRST: Duration = Duration::from_millis(50);

/// Delays that double up to a second, each with a jitter of half: instances that lost the channel together must not rejoin
/// and republish together.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    pub(crate) const LONGEST: Duration = Duration::from_secs(1);

    pub(crate) fn next(&mut self, mut jitter: Jitter) -> Duration {
        let time = self.0;
        self.0 = time.saturating_mul(2).min(Self::LONGEST);
        jitter.spread(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn threat_031_instances_that_lost_a_channel_at_once_do_not_join_it_at_once() {
        let mut firsts = HashSet::new();
        for instance in 0..100_u64 {
            let mut backoff = Backoff::default();
            for base in [50, 100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
                let jitter = Jitter(instance.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let time = backoff.next(jitter);
                assert!((base / 2..base * 3 / 2).contains(&time), "{time:?}");
                if base == FIRST {
                    firsts.insert(time);
                }
            }
        }
        assert!(firsts.len() > 50, "{firsts:?}");
    }
}
