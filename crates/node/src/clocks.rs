//! Both clocks: the system's, and in WebAssembly the host's.

use mastra_auth_cloud_core::time::Now;

pub(crate) use platform::now;

#[cfg(not(target_family = "wasm"))]
mod platform {
    use std::cell::Cell;
    use std::sync::LazyLock;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use mastra_auth_cloud_core::time::Timestamp;

    use super::Now;

    /// Reads both clocks. The monotonic one counts from the first reading; each thread reads the wall clock every 20 ms.
    pub(crate) fn now() -> Now {
        static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        thread_local! {
            static LAST: Cell<Option<Now>> = const { Cell::new(None) };
        }
        let monotonic = BEGIN.elapsed();
        if let Some(now) = LAST.get().and_then(|last| last.soon(monotonic)) {
            return now;
        }
        let now = Now {
            wall: wall(),
            monotonic,
        };
        LAST.set(Some(now));
        now
    }

    /// A clock before 1970 counts as 1970.
    fn wall() -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(target_family = "wasm")]
mod platform {
    use super::Now;
    use crate::convert::{seconds, timestamp};

    #[link(wasm_import_module = "clocks")]
    unsafe extern "C" {
        /// `Date.now()`.
        safe fn wall() -> f64;
        /// `performance.now()`: milliseconds that never go back.
        safe fn monotonic() -> f64;
    }

    /// Reads both clocks.
    pub(crate) fn now() -> Now {
        Now {
            wall: timestamp(wall()),
            monotonic: seconds(monotonic() / 1e3),
        }
    }
}
