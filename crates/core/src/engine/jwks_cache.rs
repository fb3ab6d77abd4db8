//! The signing keys: fetched seldom, kept during outages, replaced by usable ones only.
//!
//! A set is fresh for a while and good for longer, so that the key server may be down for all of `keys_kept`. That holds even
//! where the server went down just as the set grew old, and is asked again a pause after it came back.
//!
//! An attempt is claimed before it is made, whether it succeeds or not, and the next one has to wait. So a stranger cannot
//! cause more fetches by inventing key ids. The claimant must report the set or the failure; where that is lost, the pause
//! alone ends the claim.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Policy;
use crate::jwt::KeySet;
use crate::time::Now;
use crate::url::KeySetUrl;
use crate::verification::KeySource;

pub(crate) struct JwksCache {
    url: Option<KeySetUrl>,
    fresh: Duration,
    pause: Duration,
    /// How old a set may be to be used at all.
    good: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    set: Option<Arc<KeySet>>,
    /// When the set was fetched.
    since: Duration,
    attempt: Attempt,
    /// When the next attempt may be made.
    next: Duration,
}

impl State {
    /// How long ago the set was fetched.
    fn age(&self, now: Now) -> Duration {
        now.monotonic.saturating_sub(self.since)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Attempt {
    #[default]
    None,
    UnderWay,
    Succeeded,
    Failed,
}

/// Whether fetching the keys anew can help where those at hand are not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refetch {
    /// Fetch, or wait for the caller that does.
    Possible,
    /// They were fetched a moment ago, or are fixed: there are no others.
    Pointless,
    /// They could not be fetched a moment ago: there may be others.
    Failed,
}

impl JwksCache {
    pub(crate) fn new(source: &KeySource, policy: &Policy) -> Self {
        let (url, set) = match source {
            KeySource::Url(url) => (Some(url.clone()), None),
            KeySource::Fixed(set) => (None, Some(Arc::clone(set))),
        };
        let state = State {
            set,
            ..State::default()
        };
        Self {
            url,
            fresh: policy.keys_fresh,
            pause: policy.keys_pause,
            good: policy
                .keys_fresh
                .saturating_add(policy.keys_kept)
                .saturating_add(policy.keys_pause),
            state: Mutex::new(state),
        }
    }

    /// The key set in use.
    pub(crate) fn current(&self, now: Now) -> Option<Arc<KeySet>> {
        let state = self.lock();
        let is_good = self.url.is_none() || state.age(now) < self.good;
        state.set.as_ref().filter(|_| is_good).map(Arc::clone)
    }

    /// Whether the set is due for a fetch though it is still good, and may be fetched now.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        let state = self.lock();
        self.url.is_some() && state.age(now) >= self.fresh && now.monotonic >= state.next
    }

    /// How long ago the set was fetched; none where it was configured, or where there is none.
    pub(crate) fn age_of_set(&self, now: Now) -> Option<Duration> {
        let state = self.lock();
        (self.url.is_some() && state.set.is_some()).then(|| state.age(now))
    }

    /// Whether fetching the keys anew can help where those at hand are not enough.
    pub(crate) fn refetch(&self, now: Now) -> Refetch {
        let state = self.lock();
        match state.attempt {
            _ if self.url.is_none() => Refetch::Pointless,
            _ if now.monotonic >= state.next => Refetch::Possible,
            Attempt::None | Attempt::UnderWay => Refetch::Possible,
            Attempt::Succeeded => Refetch::Pointless,
            Attempt::Failed => Refetch::Failed,
        }
    }

    /// Whether another caller is fetching, whose pause is not over yet.
    pub(crate) fn is_under_way(&self, now: Now) -> bool {
        let state = self.lock();
        state.attempt == Attempt::UnderWay && now.monotonic < state.next
    }

    /// Claims a fetch; one caller gets it in each pause.
    pub(crate) fn claim(&self, now: Now) -> Option<KeySetUrl> {
        let url = self.url.clone()?;
        let mut state = self.lock();
        if now.monotonic < state.next {
            return None;
        }
        state.next = now.monotonic.saturating_add(self.pause);
        state.attempt = Attempt::UnderWay;
        Some(url)
    }

    /// Stores a fetched set. A [`KeySet`] has at least one usable key.
    pub(crate) fn replace(&self, set: KeySet, now: Now) {
        let mut state = self.lock();
        state.set = Some(Arc::new(set));
        state.since = now.monotonic;
        state.attempt = Attempt::Succeeded;
    }

    /// Records a failed fetch; the last good set stays.
    pub(crate) fn failed(&self) {
        self.lock().attempt = Attempt::Failed;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> KeySet {
        KeySet::from_secret(crate::jwt::SharedSecret::new(&[7; 32]).unwrap())
    }

    fn at(seconds: u64) -> Now {
        let wall = crate::time::Timestamp::from_unix_seconds(0);
        let monotonic = Duration::from_secs(seconds);
        Now { wall, monotonic }
    }

    #[test]
    fn one_caller_fetches_in_a_pause_and_says_what_came_of_it() {
        let url = KeySetUrl::parse("https://keys.example.com/").unwrap();
        let cache = JwksCache::new(&KeySource::Url(url), &Policy::default());
        let seen = |now| {
            (
                cache.age_of_set(now),
                cache.refetch(now),
                cache.is_under_way(now),
            )
        };
        assert_eq!(seen(at(0)), (None, Refetch::Possible, false));
        assert!(cache.claim(at(0)).is_some() && cache.claim(at(29)).is_none());
        assert_eq!(seen(at(29)), (None, Refetch::Possible, true));
        assert_eq!(seen(at(30)), (None, Refetch::Possible, false));
        cache.failed();
        assert_eq!(seen(at(29)), (None, Refetch::Failed, false));
        cache.replace(set(), at(20));
        assert_eq!(
            seen(at(29)),
            (Some(Duration::from_secs(9)), Refetch::Pointless, false)
        );
    }

    #[test]
    fn configured_keys_are_never_fetched() {
        let cache = JwksCache::new(&KeySource::Fixed(Arc::new(set())), &Policy::default());
        assert_eq!(cache.age_of_set(at(9)), None);
        assert_eq!(cache.refetch(at(9)), Refetch::Pointless);
        assert!(cache.claim(at(9)).is_none() && cache.current(at(9)).is_some());
    }
}
