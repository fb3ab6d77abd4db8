//! The back-off between attempts to reach the channel.

use std::time::Duration;

use mastra_auth_cloud_core::flow::Jitter;

use crate::system;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Delays that double up to a second, each with a jitter of half: instances that lost the channel together must not rejoin
/// and republish together.
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pause {
    pub(super) async fn wait(&mut self) {
        let time = self.next(system::jitter());
        system::sleep(time).await;
    }

    fn next(&mut self, mut jitter: Jitter) -> Duration {
        let time = self.0;
        self.0 = time.saturating_mul(2).min(LONGEST_PAUSE);
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
        for _ in 0..100 {
            let mut pause = Pause::default();
            for base in [50, 100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
                let time = pause.next(system::jitter());
                assert!((base / 2..base * 3 / 2).contains(&time), "{time:?}");
                if base == FIRST_PAUSE {
                    firsts.insert(time);
                }
            }
        }
        assert!(firsts.len() > 50, "{firsts:?}");
    }
}
