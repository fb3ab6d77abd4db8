//! Keys: fetches the key set when it is due.
//!
//! At most one fetch at a time and one in a pause, however many requests want it and whatever its result. Where another fetch
//! is running, this flow waits for its end; the caller then reads the keys anew. A failed fetch leaves the last good set in
//! place.

use core::time::Duration;
use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::ops::key_set::GetKeySet;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::jwt::KeySet;
use crate::session::TokenDigest;
use crate::time::Now;

/// How long to wait before checking again for another caller's fetch.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// One fetch of the key set.
#[derive(Debug)]
pub struct FetchKeys {
    engine: Arc<Engine>,
    call: Option<Call<GetKeySet>>,
    /// How much longer to wait for another caller's fetch: at first twice the call's time-out.
    patience: Duration,
    jitter: Jitter,
}

/// The result of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A usable set was fetched.
    Brought,
    /// A usable set was fetched; this many of its entries are no keys at all.
    BroughtInPart(usize),
    /// It was not time to fetch: another caller did a moment ago.
    NotNow,
    /// The fetch failed.
    Failed(CloudApiError),
}

impl FetchKeys {
    /// A fetch of this deployment's key set.
    pub fn new(engine: Arc<Engine>, jitter: Jitter) -> Self {
        let patience = engine.config().policy.call_timeout.saturating_mul(2);
        Self {
            engine,
            call: None,
            patience,
            jitter,
        }
    }

    /// The single-flight key: all fetches of a deployment share it.
    pub fn key(&self) -> TokenDigest {
        self.engine.key("")
    }

    fn begin(&mut self, now: Now) -> Step<Fetched> {
        let Some(keys) = self.engine.keys() else {
            return Step::Done(Fetched::NotNow);
        };
        let Some(url) = keys.claim(now) else {
            if keys.is_under_way(now) && !self.patience.is_zero() {
                self.patience = self.patience.saturating_sub(LOOK_AGAIN);
                return Step::Wait(LOOK_AGAIN);
            }
            return Step::Done(Fetched::NotNow);
        };
        let config = Arc::clone(self.engine.config());
        let call = Call::new(config, GetKeySet::new(url), self.jitter);
        // While there are keys, one fetch in a pause is enough; without any, no request can be accepted.
        let mut call = if self.has_keys(now) {
            call.without_retries()
        } else {
            call
        };
        let step = call.step(Event::Start, now);
        self.call = Some(call);
        self.follow(step, now)
    }

    fn has_keys(&self, now: Now) -> bool {
        let keys = self.engine.keys();
        keys.is_some_and(|keys| keys.current(now).is_some())
    }

    fn follow(&self, step: Step<Result<KeySet, CloudApiError>>, now: Now) -> Step<Fetched> {
        match step {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(result) => {
                let Some(keys) = self.engine.keys() else {
                    return Step::Done(Fetched::NotNow);
                };
                Step::Done(match result {
                    Ok(set) => {
                        let odd_entries = set.odd_entries();
                        keys.bring(set, now);
                        match odd_entries {
                            0 => Fetched::Brought,
                            count => Fetched::BroughtInPart(count),
                        }
                    }
                    Err(error) => {
                        keys.failed();
                        Fetched::Failed(error)
                    }
                })
            }
        }
    }
}

impl Flow for FetchKeys {
    type Output = Fetched;

    fn step(&mut self, event: Event, now: Now) -> Step<Fetched> {
        match (&mut self.call, event) {
            (Some(call), event) => {
                let step = call.step(event, now);
                self.follow(step, now)
            }
            (None, Event::Start | Event::Woken) => self.begin(now),
            (None, Event::Delivered(_)) => Step::Done(Fetched::Failed(out_of_turn())),
        }
    }
}
