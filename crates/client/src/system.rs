//! The only place in this crate that reads a clock, draws randomness or sleeps.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use coarsetime::Instant as Tick;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::time::Now;

/// Reads both clocks. The monotonic one counts from the first reading in this process.
pub(crate) fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let monotonic = START.get_or_init(Instant::now).elapsed();
    Now {
        wall: SystemTime::now().into(),
        monotonic,
    }
}

/// Both clocks, off by at most one tick of the system (1 to 16 ms), for paths so hot that reading a clock counts. Each
/// thread reads both clocks every 20 ms and extrapolates in between with the system's cheap tick counter.
pub(crate) fn about_now() -> Now {
    thread_local! {
        static LAST: Cell<Option<(Tick, Now)>> = const { Cell::new(None) };
    }
    let tick = Tick::now_without_cache_update();
    let soon = |(then, last): (Tick, Now)| {
        let since = tick.duration_since(then);
        last.soon(last.monotonic.saturating_add(since.into()))
    };
    if let Some(now) = LAST.get().and_then(soon) {
        return now;
    }
    let now = now();
    // A thread that was preempted between the two readings would be off by the time it waited.
    if Tick::now_without_cache_update() == tick {
        LAST.set(Some((tick, now)));
    }
    now
}

/// 32 bytes from the operating system's generator.
pub(crate) fn entropy() -> Result<Entropy, CloudApiError> {
    random::<32>().map(Entropy::new)
}

/// A random number that spreads retries.
///
/// Every request takes one and few use it, so the system's generator only seeds each thread. If it fails, all threads start
/// alike.
pub(crate) fn jitter() -> Jitter {
    thread_local! {
        static PLACE: Cell<u64> = Cell::new(random::<8>().map_or(0, u64::from_ne_bytes));
    }
    let place = PLACE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    PLACE.set(place);
    Jitter(spread(place))
}

/// One step of SplitMix64: adjacent inputs give unrelated numbers. No secret may depend on it.
const fn spread(place: u64) -> u64 {
    let mixed = (place ^ (place >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

pub(crate) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], CloudApiError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), CloudApiError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| {
        CloudApiError::configuration("The system's random number generator does not answer.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn now_is_what_the_wall_clock_says() {
        let wall = || {
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
        };
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(1));
            let (before, said, after) = (wall(), now().wall.unix_millis(), wall());
            let said = u128::try_from(said).unwrap();
            assert!((before.as_millis() - 1..=after.as_millis() + 1).contains(&said));
        }
    }

    #[test]
    fn what_is_said_about_now_is_a_tick_off_at_most() {
        let tick = Duration::from_millis(20);
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(1));
            let (before, said, after) = (now(), about_now(), now());
            assert!(said.monotonic.saturating_add(tick) >= before.monotonic);
            assert!(said.monotonic <= after.monotonic.saturating_add(tick));
            assert!(said.wall.plus(tick) >= before.wall && said.wall <= after.wall.plus(tick));
        }
    }

    #[test]
    fn jitter_spreads_and_begins_elsewhere_in_every_thread() {
        let draw = || (0..1000).map(|_| jitter().0).collect::<HashSet<_>>();
        let (here, there) = (draw(), std::thread::spawn(draw).join().unwrap());
        assert_eq!(here.union(&there).count(), 2000);
        // Each bit is set about half of the time.
        for bit in 0..64 {
            let set = here.iter().filter(|one| *one >> bit & 1 == 1).count();
            assert!((350..650).contains(&set), "bit {bit}: {set}");
        }
    }
}
