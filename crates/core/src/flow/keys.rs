//! Keys: fetch the key set, where it is time to.
//!
//! One of these at a time and at most one in a pause, however many requests want it and whatever comes of it. Whoever asks
//! again right after it looks at the keys anew; what could not be had leaves the last good set in place.

use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::error::CloudApiError;
use crate::identity::authority::Authority;
use crate::identity::key::TokenKey;
use crate::jwt::KeySet;
use crate::op::key_set::GetKeySet;
use crate::time::Now;

/// One fetch of the key set, on its way.
#[derive(Debug)]
pub struct FetchKeys {
    authority: Arc<Authority>,
    call: Option<Call<GetKeySet>>,
    jitter: Jitter,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A usable set is there now.
    Brought,
    /// It was not time to fetch: somebody did a moment ago.
    NotNow,
    /// It could not be had.
    Failed(CloudApiError),
}

impl FetchKeys {
    /// For this deployment.
    pub const fn new(authority: Arc<Authority>, jitter: Jitter) -> Self {
        Self {
            authority,
            call: None,
            jitter,
        }
    }

    /// What two of these must share to be one.
    pub fn key(&self) -> TokenKey {
        self.authority.key("")
    }

    fn has_keys(&self, now: Now) -> bool {
        let keys = self.authority.keys();
        keys.is_some_and(|keys| keys.current(now).is_some())
    }

    fn follow(&self, step: Step<Result<KeySet, CloudApiError>>, now: Now) -> Step<Fetched> {
        match step {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(result) => {
                let Some(keys) = self.authority.keys() else {
                    return Step::Done(Fetched::NotNow);
                };
                Step::Done(match result {
                    Ok(set) => {
                        keys.bring(set, now);
                        Fetched::Brought
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
        if matches!(event, Event::Start) {
            let claimed = self.authority.keys().and_then(|keys| keys.claim(now));
            let Some(url) = claimed else {
                return Step::Done(Fetched::NotNow);
            };
            let config = Arc::clone(self.authority.config());
            let call = Call::new(config, GetKeySet::new(url), self.jitter);
            // While there are keys, one fetch in a pause is enough; without any, nobody can be let in.
            self.call = Some(if self.has_keys(now) {
                call.without_retries()
            } else {
                call
            });
        }
        let Some(call) = self.call.as_mut() else {
            return Step::Done(Fetched::Failed(out_of_turn()));
        };
        let step = call.step(event, now);
        self.follow(step, now)
    }
}
