//! Fetches the key set when it is due.
//!
//! At most one fetch at a time and one in a pause, however many requests want it and whatever its result. Where another fetch
//! is running, this task waits for its end; the caller then reads the keys anew. A failed fetch leaves the last good set in
//! place.

use core::time::Duration;
use std::sync::Arc;

use super::results::Fetched;
use super::task::{Host, Jitter, Shared, Task};
use crate::cloud::ops::key_set::GetKeySet;
use crate::engine::Engine;
use crate::secret::Form;

/// How long to wait before checking again for another caller's fetch.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Fetches this deployment's key set. All fetches share one key.
pub fn fetch_keys(engine: &Arc<Engine>, jitter: Jitter) -> Shared<Fetched> {
    let own = Arc::clone(engine);
    let task = Task::new(jitter, |host| async move { fetch(&own, &host).await });
    Shared::new(engine.key_of("", Form::Bearer), task)
}

async fn fetch(engine: &Engine, host: &Host) -> Fetched {
    let Some(keys) = engine.keys() else {
        return Fetched::NotDue;
    };
    // How much longer to wait for another caller's fetch.
    let mut time_left = engine.config().policy.call_timeout.saturating_mul(2);
    let url = loop {
        let now = host.now();
        if let Some(url) = keys.claim(now) {
            break url;
        }
        if time_left.is_zero() || !keys.is_under_way(now) {
            return Fetched::NotDue;
        }
        time_left = time_left.saturating_sub(LOOK_AGAIN);
        host.wait(LOOK_AGAIN).await;
    };
    let (config, operation) = (engine.config(), GetKeySet::new(url));
    // While there are keys, one fetch in a pause is enough; without any, no request can be accepted.
    let result = if keys.current(host.now()).is_some() {
        host.call_once(config, operation).await
    } else {
        host.call(config, operation).await
    };
    match result {
        Ok(set) => {
            let odd_entries = set.odd_entries();
            keys.replace(set, host.now());
            match odd_entries {
                0 => Fetched::Updated,
                count => Fetched::UpdatedInPart(count),
            }
        }
        Err(error) => {
            keys.failed();
            Fetched::Failed(error)
        }
    }
}
