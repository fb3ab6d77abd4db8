//! The cache: identities, refusals, permissions and sign-outs, bounded and judged anew at every lookup.
//!
//! A lookup is fresh, due, stale, expired, refused, signed out or unknown. A sign-out wins at once, also over answers to
//! calls that were under way. A session's expiry is checked on every hit, by the wall clock; the cache's own times run on the
//! monotonic clock.
//!
//! Strangers can cause refusals and sign-outs of unverified tokens. These live in tables of their own, so that a flood of
//! junk evicts no identity. An entry counts by its size, so that a few large ones do not fill the memory.
//!
//! Revoking a session or a user evicts its identities in one scan, and the deny list is checked again whenever an identity is
//! cached. So a hit stays one lookup in one table.

mod by_digest;
mod hot_tokens;
#[cfg(all(test, shuttle))]
mod interleavings;
mod revoke;
mod role_lists;
pub mod statistics;
mod store;
mod weight;
mod write_epoch;

use core::time::Duration;
use std::sync::Arc;

use crate::cache::by_digest::ByDigest;
use crate::cache::hot_tokens::HotTokens;
use crate::cache::statistics::{LookupCounters, Statistics};
use crate::cache::store::{Evictions, KeyHasher, Store, store};
use crate::config::Policy;
use crate::ids::UserId;
use crate::rbac::pattern::Permissions;
use crate::revocation::deny_list::DenyList;
use crate::session::deadline::Deadline;
use crate::session::lookup::{Lookup, PermissionsLookup, Refusal, Refused};
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};
use crate::verification::Verification;
use role_lists::RoleLists;
use write_epoch::WriteEpoch;

pub(crate) struct Cache {
    fresh: Duration,
    /// From this age on an identity is due for a refresh.
    due: Duration,
    /// The leeway for clocks that differ, applied to a token's own expiry.
    leeway: Duration,
    permissions_fresh: Duration,
    stale: Duration,
    refused: Duration,
    identities: Store<ByDigest, Arc<Identity>>,
    /// Keyed by the token that asked; holds the user asked about.
    permissions: Store<TokenDigest, (UserId, Arc<Permissions>, Duration)>,
    refusals: Store<TokenDigest, (Refusal, Duration)>,
    /// Revoked tokens, sessions and users that were verified, here or on another of our instances.
    deny_list: DenyList,
    /// Tokens that were signed out unverified, and tokens of denied sessions and users that were brought since.
    signed_out: Store<TokenDigest, Deadline>,
    counters: LookupCounters,
    evictions: Evictions,
    hot_tokens: HotTokens,
    roles: RoleLists,
    writes: WriteEpoch,
}

/// Whether this is a request's first lookup, which is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupKind {
    First,
    Repeat,
}

/// What a sign-out knows of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Only what is cached.
    Unverified,
    /// The Cloud has just accepted it.
    Verified,
}

impl Cache {
    pub(crate) fn new(policy: &Policy, verification: &Verification, seed: u64) -> Self {
        let hasher = KeyHasher::new(seed);
        let evictions = Evictions::default();
        let fresh = verification.session_every().unwrap_or(policy.fresh);
        // To verify a signature anew makes no request wait; to ask the Cloud does.
        let early = match verification {
            Verification::Keys(_) => Duration::ZERO,
            _ => policy.refresh_early.min(fresh / 10),
        };
        Self {
            fresh,
            due: fresh.saturating_sub(early),
            leeway: verification
                .by_keys()
                .map_or(Duration::ZERO, |keys| keys.rules.leeway.as_duration()),
            permissions_fresh: policy.fresh,
            stale: fresh.saturating_add(policy.stale_if_error),
            refused: policy.refused,
            identities: store(policy, hasher, &evictions),
            permissions: store(policy, hasher, &Evictions::default()),
            refusals: store(policy, hasher, &Evictions::default()),
            deny_list: DenyList::new(policy.deny_list_capacity),
            signed_out: store(policy, hasher, &Evictions::default()),
            counters: LookupCounters::default(),
            evictions,
            hot_tokens: HotTokens::new(seed.rotate_left(32), policy.max_entries),
            roles: RoleLists::default(),
            writes: WriteEpoch::default(),
        }
    }

    pub(crate) fn lookup(&self, key: &TokenDigest, now: Now) -> Lookup {
        self.look(key, now, LookupKind::Repeat)
    }

    fn look(&self, key: &TokenDigest, now: Now, kind: LookupKind) -> Lookup {
        // No identity is cached beside a sign-out of its token: writers see to that. So this lookup comes first.
        if let Some(identity) = self.identities.get(key) {
            let age = identity.age(now);
            if self.is_over(&identity, now) {
                return Lookup::Expired;
            }
            if age < self.due && identity.may_be_fresh() {
                return Lookup::Fresh(identity);
            }
            if age < self.fresh && identity.may_be_fresh() {
                return if kind == LookupKind::First && identity.claim_refresh() {
                    Lookup::Due(identity)
                } else {
                    Lookup::Fresh(identity)
                };
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

    /// Whether an identity still counts: neither revoked, refused nor expired.
    pub(crate) fn stands(&self, identity: &Identity, now: Now) -> bool {
        let found = self.lookup(&identity.key(), now);
        !matches!(
            found,
            Lookup::SignedOut | Lookup::Refused(_) | Lookup::Expired
        ) && self.deny_list.of_identity(identity, now).is_none()
    }

    /// Whether an identity is expired.
    pub(crate) fn is_over(&self, identity: &Identity, now: Now) -> bool {
        identity.is_expired(now, self.leeway)
    }

    /// When an identity is expired beyond the leeway.
    fn last_moment(&self, identity: &Identity) -> Option<Timestamp> {
        Some(identity.expires_at()?.plus(self.leeway))
    }

    /// The leeway for clocks that differ, applied to a token's own expiry.
    pub(crate) const fn leeway(&self) -> Duration {
        self.leeway
    }

    fn refusal(&self, key: &TokenDigest, now: Now) -> Option<Refusal> {
        let (refusal, since) = self.refusals.get(key)?;
        (now.monotonic.saturating_sub(since) < self.refused).then_some(refusal)
    }

    /// A request's first lookup of a token. It is counted, and alone may be due.
    pub(crate) fn first_lookup(&self, key: &TokenDigest, now: Now) -> Lookup {
        let lookup = self.look(key, now, LookupKind::First);
        self.counters.count(&lookup);
        lookup
    }

    fn is_signed_out(&self, key: &TokenDigest, now: Now) -> bool {
        // Both are read: a sign-out that is over in one must not hide a later one in the other.
        self.signed_out
            .get(key)
            .is_some_and(|until| until.stands(now))
            || self.deny_list.holds_token(key, now)
    }

    /// Caches an identity that was verified now; none where its token, session or user was revoked meanwhile.
    pub(crate) fn insert(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        let mut writing = self.writes.begin();
        let key = identity.key();
        if self.is_signed_out(&key, now) {
            return None;
        }
        if let Some(until) = self.deny_list.of_identity(&identity, now) {
            // It may live longer than was known when it was revoked.
            let until = self
                .last_moment(&identity)
                .map_or(until, |end| until.max(Deadline::new(end, now)));
            self.deny_list.prolong(&identity, until.wall(), now);
            // So that the next request with this token needs no call.
            self.deny_token(key, until);
            self.evict_identity(&key);
            return None;
        }
        let identity = identity
            .cached(writing.number(), now.monotonic)
            .sharing_roles(|roles| self.roles.shared(roles));
        self.refusals.remove(&key);
        let identity = Arc::new(match self.identities.get(&key) {
            Some(earlier) => identity.continuing(&earlier),
            None => identity,
        });
        self.keep(&identity);
        Some(identity)
    }

    /// Changes an identity and keeps the time of its verification. None where it is no longer cached.
    pub(crate) fn change(
        &self,
        key: &TokenDigest,
        change: impl FnOnce(Identity) -> Identity,
    ) -> Option<Arc<Identity>> {
        let _guard = self.writes.begin();
        let identity = self.identities.get(key)?;
        let changed = Arc::new(change(identity.as_ref().clone()));
        self.keep(&changed);
        Some(changed)
    }

    fn keep(&self, identity: &Arc<Identity>) {
        let key = ByDigest(Arc::clone(identity));
        self.identities.insert(key, Arc::clone(identity));
    }

    /// Caches a refusal and evicts the identity. An earlier refusal of the session stays one.
    pub(crate) fn refuse(&self, key: TokenDigest, mut refusal: Refusal, now: Now) {
        let _guard = self.writes.begin();
        self.evict_identity(&key);
        if let Some(earlier) = self.refusal(&key, now)
            && earlier.of == Refused::Session
        {
            refusal.of = Refused::Session;
        }
        self.refusals.insert(key, (refusal, now.monotonic));
    }

    /// The identity that a token was verified as, however long ago.
    pub(crate) fn peek(&self, key: &TokenDigest) -> Option<Arc<Identity>> {
        self.identities.get(key)
    }

    /// The identities of a user that still count, the one that was verified last first. Walks the whole table.
    pub(crate) fn of_user(&self, user: &UserId, now: Now) -> Vec<Arc<Identity>> {
        let mut found: Vec<_> = self
            .identities
            .iter()
            .map(|(_, identity)| identity)
            .filter(|identity| {
                identity.user().id() == user
                    && identity.age(now) < self.stale
                    && !self.is_over(identity, now)
            })
            .collect();
        found.sort_by_key(|identity| identity.age(now));
        found
    }

    /// Evicts an identity or a refusal, so that its token is verified anew. A sign-out stays.
    pub(crate) fn invalidate(&self, key: &TokenDigest) {
        let _guard = self.writes.begin();
        self.evict_identity(key);
        self.refusals.remove(key);
    }

    /// Evicts an identity without caching a refusal.
    pub(crate) fn forget(&self, key: &TokenDigest) {
        let _guard = self.writes.begin();
        self.evict_identity(key);
    }

    pub(crate) fn permissions(
        &self,
        key: &TokenDigest,
        user: &UserId,
        now: Now,
    ) -> PermissionsLookup {
        match self.permissions.get(key) {
            Some((of, permissions, since)) if of == *user => {
                match now.monotonic.saturating_sub(since) {
                    age if age < self.permissions_fresh => PermissionsLookup::Fresh(permissions),
                    age if age < self.stale => PermissionsLookup::Stale(permissions),
                    _ => PermissionsLookup::Unknown,
                }
            }
            _ => PermissionsLookup::Unknown,
        }
    }

    pub(crate) fn insert_permissions(
        &self,
        key: TokenDigest,
        user: UserId,
        permissions: Arc<Permissions>,
        now: Now,
    ) {
        let _guard = self.writes.begin();
        if !self.is_signed_out(&key, now) {
            self.permissions
                .insert(key, (user, permissions, now.monotonic));
        }
    }

    /// The number of cached identities, and of cached refusals.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.identities.len(), self.refusals.len())
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            identities: self.identities.len(),
            permissions: self.permissions.len(),
            refusals: self.refusals.len(),
            bytes: self
                .identities
                .weight()
                .saturating_add(self.permissions.weight()),
            evicted: self.evictions.count(),
            deny_list: self.deny_list.len(),
            deny_list_evicted: self.deny_list.evicted(),
            ..self.counters.sum()
        }
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
