//! The only place of this crate that reads a clock, draws randomness or sleeps.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::time::{Now, Timestamp};

/// What both clocks say. The monotonic one counts from the first time it was asked in this process.
pub(crate) fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let wall = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Now {
        wall: Timestamp::from_unix_millis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)),
        monotonic: START.get_or_init(Instant::now).elapsed(),
    }
}

/// 32 bytes from the operating system's generator.
pub(crate) fn entropy() -> Result<Entropy, CloudApiError> {
    random::<32>().map(Entropy::new)
}

/// A number to spread retries with. Where none can be drawn, retries are not spread.
pub(crate) fn jitter() -> Jitter {
    random::<8>()
        .map(u64::from_ne_bytes)
        .map(Jitter)
        .unwrap_or_default()
}

pub(crate) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

fn random<const N: usize>() -> Result<[u8; N], CloudApiError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
        CloudApiError::configuration("The system's random number generator does not answer.")
    })?;
    Ok(bytes)
}
