//! Identities, refusals, permissions and sign-outs that are remembered: bounded, and judged anew at every look.
//!
//! A look says fresh, stale, refused, signed out or unknown. A sign-out wins over everything, at once, and over answers
//! that were under way when it came. The session's expiry is looked at on every hit, on the wall clock; times of our own
//! run on the monotonic clock. What anybody can cause, refusals and sign-outs of tokens that were never seen to be good,
//! lives in tables of its own, so that a flood of junk evicts nobody. An entry counts by its size, so that a few large ones
//! do not fill the memory.

use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::{Cache as Table, DefaultLifecycle};

use super::Identity;
use super::key::TokenKey;
use super::weight::Weighter;
use crate::config::Policy;
use crate::error::CloudApiError;
use crate::ids::UserId;
use crate::permission::Grants;
use crate::time::{Now, Timestamp};

/// What is known of a token.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// Verified within the fresh time.
    Fresh(Arc<Identity>),
    /// Verified within the stale time: good only where the Cloud cannot be asked.
    Stale(Arc<Identity>),
    /// Verified once, and now past its expiry.
    Expired,
    /// Refused by the Cloud a moment ago.
    Refused(CloudApiError),
    /// Signed out here.
    SignedOut,
    /// Nothing.
    Unknown,
}

/// What is known of a user's permissions.
#[derive(Clone, Debug)]
pub(crate) enum GrantsLookup {
    Fresh(Arc<Grants>),
    Stale(Arc<Grants>),
    Unknown,
}

pub(crate) struct Cache {
    fresh: Duration,
    stale: Duration,
    refused: Duration,
    identities: Store<(Arc<Identity>, Duration)>,
    /// Under the token that was asked with, for the user that was asked about.
    grants: Store<(UserId, Arc<Grants>, Duration)>,
    refusals: Store<(CloudApiError, Duration)>,
    signed_out: Store<Timestamp>,
    /// Signed out without having been verified here first.
    signed_out_unseen: Store<Timestamp>,
    /// Held by writers only, so that no answer under way can follow a sign-out into the table. Counts identities.
    writing: Mutex<u64>,
}

type Store<V> = Table<TokenKey, V, Weighter, KeyHasher, DefaultLifecycle<TokenKey, V>>;

impl Cache {
    pub(crate) fn new(policy: &Policy, seed: u64) -> Self {
        let hasher = KeyHasher { seed };
        Self {
            fresh: policy.fresh,
            stale: policy.fresh.saturating_add(policy.stale_if_error),
            refused: policy.refused,
            identities: store(policy.capacity, hasher),
            grants: store(policy.capacity, hasher),
            refusals: store(policy.capacity, hasher),
            signed_out: store(policy.capacity, hasher),
            signed_out_unseen: store(policy.capacity, hasher),
            writing: Mutex::default(),
        }
    }

    pub(crate) fn lookup(&self, key: &TokenKey, now: Now) -> Lookup {
        // No identity stands beside a sign-out of its token: who writes sees to that. So this look comes first.
        if let Some((identity, verified)) = self.identities.get(key) {
            let age = now.monotonic.saturating_sub(verified);
            if identity.is_expired(now.wall) {
                return Lookup::Expired;
            }
            if age < self.fresh {
                return Lookup::Fresh(identity);
            }
            return if age < self.stale {
                Lookup::Stale(identity)
            } else {
                Lookup::Unknown
            };
        }
        if self.is_signed_out(key, now) {
            return Lookup::SignedOut;
        }
        self.refusal(key, now)
            .map_or(Lookup::Unknown, Lookup::Refused)
    }

    fn refusal(&self, key: &TokenKey, now: Now) -> Option<CloudApiError> {
        let (error, since) = self.refusals.get(key)?;
        (now.monotonic.saturating_sub(since) < self.refused).then_some(error)
    }

    fn is_signed_out(&self, key: &TokenKey, now: Now) -> bool {
        // Both are looked at: a sign-out that is over in one must not hide a later one in the other.
        [&self.signed_out, &self.signed_out_unseen]
            .into_iter()
            .filter_map(|table| table.get(key))
            .any(|until| now.wall < until)
    }

    /// Remembers an identity that was verified now; none where its token was signed out meanwhile.
    pub(crate) fn remember(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        let mut count = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = identity.key();
        if self.is_signed_out(&key, now) {
            return None;
        }
        *count = count.saturating_add(1);
        let identity = identity.numbered(*count);
        self.refusals.remove(&key);
        let identity = Arc::new(match self.identities.get(&key) {
            Some((earlier, _)) => identity.continuing(&earlier),
            None => identity,
        });
        self.identities
            .insert(key, (Arc::clone(&identity), now.monotonic));
        Some(identity)
    }

    /// Gives an identity another end; when it was verified stays. None where it is not there any more.
    pub(crate) fn change(
        &self,
        key: &TokenKey,
        change: impl FnOnce(Identity) -> Identity,
    ) -> Option<Arc<Identity>> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (identity, verified) = self.identities.get(key)?;
        let changed = Arc::new(change(identity.as_ref().clone()));
        self.identities
            .insert(*key, (Arc::clone(&changed), verified));
        Some(changed)
    }

    /// Remembers a refusal and forgets what was known before it.
    pub(crate) fn refuse(&self, key: TokenKey, error: CloudApiError, now: Now) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget_identity(&key);
        self.refusals.insert(key, (error, now.monotonic));
    }

    /// What was verified of a token once, however long ago.
    pub(crate) fn seen(&self, key: &TokenKey) -> Option<Arc<Identity>> {
        self.identities.get(key).map(|(identity, _)| identity)
    }

    /// Forgets an identity without remembering a refusal.
    pub(crate) fn forget(&self, key: &TokenKey) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget_identity(key);
    }

    /// Denies a token from now on, until it could not be used anyway.
    pub(crate) fn sign_out(&self, key: TokenKey, until: Timestamp) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // A later sign-out never shortens an earlier one.
        let until = [self.signed_out.get(&key), self.signed_out_unseen.get(&key)]
            .into_iter()
            .flatten()
            .fold(until, Timestamp::max);
        if self.identities.get(&key).is_some() {
            self.signed_out.insert(key, until);
        } else {
            self.signed_out_unseen.insert(key, until);
        }
        self.forget_identity(&key);
    }

    fn forget_identity(&self, key: &TokenKey) {
        self.identities.remove(key);
        self.grants.remove(key);
    }

    pub(crate) fn grants(&self, key: &TokenKey, user: &UserId, now: Now) -> GrantsLookup {
        match self.grants.get(key) {
            Some((of, grants, since)) if of == *user => match now.monotonic.saturating_sub(since) {
                age if age < self.fresh => GrantsLookup::Fresh(grants),
                age if age < self.stale => GrantsLookup::Stale(grants),
                _ => GrantsLookup::Unknown,
            },
            _ => GrantsLookup::Unknown,
        }
    }

    pub(crate) fn remember_grants(
        &self,
        key: TokenKey,
        user: UserId,
        grants: Arc<Grants>,
        now: Now,
    ) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_signed_out(&key, now) {
            self.grants.insert(key, (user, grants, now.monotonic));
        }
    }

    /// How many identities and refusals are held.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.identities.len(), self.refusals.len())
    }
}

fn store<V: Clone>(capacity: usize, hasher: KeyHasher) -> Store<V>
where
    Weighter: quick_cache::Weighter<TokenKey, V>,
{
    let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
    Table::with(
        capacity,
        weight,
        Weighter,
        hasher,
        DefaultLifecycle::default(),
    )
}

/// Keys are SHA-256 already; the seed keeps anyone from choosing tokens that fall into one bucket.
#[derive(Clone, Copy, Debug)]
struct KeyHasher {
    seed: u64,
}

struct Folding(u64);

impl BuildHasher for KeyHasher {
    type Hasher = Folding;
    fn build_hasher(&self) -> Folding {
        Folding(self.seed)
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks_exact(8) {
            let word = chunk
                .iter()
                .fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
            self.0 = (self.0 ^ word)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
        }
    }

    /// The key's length goes in here and says nothing.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
