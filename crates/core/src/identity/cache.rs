//! Identities, refusals, permissions and sign-outs that are remembered: bounded, and judged anew at every look.
//!
//! A look says fresh, due, stale, refused, signed out or unknown. A sign-out wins over everything, at once, and over answers
//! that were under way when it came. The session's expiry is looked at on every hit, on the wall clock; times of our own
//! run on the monotonic clock. What anybody can cause, refusals and sign-outs of tokens that were never seen to be good,
//! lives in tables of its own, so that a flood of junk evicts nobody. An entry counts by its size, so that a few large ones
//! do not fill the memory. The end of a session or a user takes away what is remembered of them, in one scan, and is looked at
//! again whenever somebody is remembered: a hit stays one look at one table.

mod ends;
mod glance;
mod writing;

use core::time::Duration;
use std::sync::Arc;

use super::Identity;
use super::denials::Denials;
use super::key::TokenKey;
use super::recall::Recall;
use super::refusal::{Refusal, Refused};
use super::statistics::{Counters, Statistics};
use super::table::{Evictions, KeyHasher, Store, store};
use super::until::Until;
use crate::config::Policy;
use crate::ids::UserId;
use crate::permission::Grants;
use crate::time::{Now, Timestamp};
use crate::verification::Verification;
use writing::Writing;

/// What is known of a token.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// Verified within the fresh time.
    Fresh(Arc<Identity>),
    /// The same, near the end of that time: who is told this, and nobody else, asks about it anew.
    Due(Arc<Identity>),
    /// Verified within the stale time: good only where the Cloud cannot be asked.
    Stale(Arc<Identity>),
    /// Verified once, and now past its expiry.
    Expired,
    /// Refused a moment ago.
    Refused(Refusal),
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
    /// From this age on an identity is asked about anew.
    due: Duration,
    /// How far the clocks may differ, where a token's own end counts.
    leeway: Duration,
    grants_fresh: Duration,
    stale: Duration,
    refused: Duration,
    identities: Store<(Arc<Identity>, Duration)>,
    /// Under the token that was asked with, for the user that was asked about.
    grants: Store<(UserId, Arc<Grants>, Duration)>,
    refusals: Store<(Refusal, Duration)>,
    /// What ended and was seen to be good, here or by another instance of ours.
    denials: Denials,
    /// Tokens that were signed out without having been verified first, and those of denied sessions and users that came by.
    signed_out: Store<Until>,
    counters: Counters,
    evictions: Evictions,
    recall: Recall,
    writing: Writing,
}

/// Which of a request's looks it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    First,
    Later,
}

/// What a sign-out knows of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// No more than what is remembered.
    None,
    /// The Cloud has just taken it for good.
    Good,
}

impl Cache {
    pub(crate) fn new(policy: &Policy, verification: &Verification, seed: u64) -> Self {
        let hasher = KeyHasher::new(seed);
        let evictions = Evictions::default();
        let fresh = verification.session_every().unwrap_or(policy.fresh);
        // To check a signature anew costs nobody a wait; to ask the Cloud does.
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
            grants_fresh: policy.fresh,
            stale: fresh.saturating_add(policy.stale_if_error),
            refused: policy.refused,
            identities: store(policy, hasher, &evictions),
            grants: store(policy, hasher, &Evictions::default()),
            refusals: store(policy, hasher, &Evictions::default()),
            denials: Denials::new(policy.denials),
            signed_out: store(policy, hasher, &Evictions::default()),
            counters: Counters::default(),
            evictions,
            recall: Recall::new(seed.rotate_left(32), policy.capacity),
            writing: Writing::default(),
        }
    }

    pub(crate) fn lookup(&self, key: &TokenKey, now: Now) -> Lookup {
        self.look(key, now, Turn::Later)
    }

    fn look(&self, key: &TokenKey, now: Now, turn: Turn) -> Lookup {
        // No identity stands beside a sign-out of its token: who writes sees to that. So this look comes first.
        if let Some((identity, verified)) = self.identities.get(key) {
            let age = now.monotonic.saturating_sub(verified);
            if self.is_over(&identity, now) {
                return Lookup::Expired;
            }
            if age < self.due {
                return Lookup::Fresh(identity);
            }
            if age < self.fresh {
                return if turn == Turn::First && identity.claim_look_ahead() {
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

    /// Whether an identity still counts: it neither ended here nor was refused.
    pub(crate) fn stands(&self, identity: &Identity, now: Now) -> bool {
        let found = self.lookup(&identity.key(), now);
        !matches!(
            found,
            Lookup::SignedOut | Lookup::Refused(_) | Lookup::Expired
        ) && self.denials.of_identity(identity, now).is_none()
    }

    /// Whether an identity is past its end.
    pub(crate) fn is_over(&self, identity: &Identity, now: Now) -> bool {
        identity.is_expired(now, self.leeway)
    }

    /// From when on an identity is over for certain.
    fn last_moment(&self, identity: &Identity) -> Option<Timestamp> {
        Some(identity.expires_at()?.plus(self.leeway))
    }

    /// How far the clocks may differ where a token's own end counts.
    pub(crate) const fn leeway(&self) -> Duration {
        self.leeway
    }

    fn refusal(&self, key: &TokenKey, now: Now) -> Option<Refusal> {
        let (refusal, since) = self.refusals.get(key)?;
        (now.monotonic.saturating_sub(since) < self.refused).then_some(refusal)
    }

    /// The same for the first look that a request takes, which is counted and may be told that the identity is due.
    pub(crate) fn first_lookup(&self, key: &TokenKey, now: Now) -> Lookup {
        let lookup = self.look(key, now, Turn::First);
        self.counters.count(key, &lookup);
        lookup
    }

    fn is_signed_out(&self, key: &TokenKey, now: Now) -> bool {
        // Both are looked at: a sign-out that is over in one must not hide a later one in the other.
        self.signed_out
            .get(key)
            .is_some_and(|until| until.stands(now))
            || self.denials.holds_token(key, now)
    }

    /// Remembers an identity that was verified now; none where its token, its session or its user was signed out meanwhile.
    pub(crate) fn remember(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        let mut writing = self.writing.begin();
        let key = identity.key();
        if self.is_signed_out(&key, now) {
            return None;
        }
        if let Some(until) = self.denials.of_identity(&identity, now) {
            // It may live longer than was thought when it ended.
            let until = self
                .last_moment(&identity)
                .map_or(until, |end| until.max(Until::new(end, now)));
            self.denials.prolong(&identity, until.wall(), now);
            // So that the next request with this token finds it out without a call.
            self.shut_out(key, until);
            self.forget_identity(&key);
            return None;
        }
        let identity = identity.numbered(writing.number());
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
        let _writing = self.writing.begin();
        let (identity, verified) = self.identities.get(key)?;
        let changed = Arc::new(change(identity.as_ref().clone()));
        self.identities
            .insert(*key, (Arc::clone(&changed), verified));
        Some(changed)
    }

    /// Remembers a refusal and forgets what was known before it, but for a refusal of the session.
    pub(crate) fn refuse(&self, key: TokenKey, mut refusal: Refusal, now: Now) {
        let _writing = self.writing.begin();
        self.forget_identity(&key);
        if let Some(earlier) = self.refusal(&key, now)
            && earlier.of == Refused::Session
        {
            refusal.of = Refused::Session;
        }
        self.refusals.insert(key, (refusal, now.monotonic));
    }

    /// What was verified of a token once, however long ago.
    pub(crate) fn seen(&self, key: &TokenKey) -> Option<Arc<Identity>> {
        self.identities.get(key).map(|(identity, _)| identity)
    }

    /// Forgets an identity or a refusal: the next look at this token is the first. A sign-out stays.
    pub(crate) fn forget_verdict(&self, key: &TokenKey) {
        let _writing = self.writing.begin();
        self.forget_identity(key);
        self.refusals.remove(key);
    }

    /// Forgets an identity without remembering a refusal.
    pub(crate) fn forget(&self, key: &TokenKey) {
        let _writing = self.writing.begin();
        self.forget_identity(key);
    }

    pub(crate) fn grants(&self, key: &TokenKey, user: &UserId, now: Now) -> GrantsLookup {
        match self.grants.get(key) {
            Some((of, grants, since)) if of == *user => match now.monotonic.saturating_sub(since) {
                age if age < self.grants_fresh => GrantsLookup::Fresh(grants),
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
        let _writing = self.writing.begin();
        if !self.is_signed_out(&key, now) {
            self.grants.insert(key, (user, grants, now.monotonic));
        }
    }

    /// How many identities and refusals are held.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.identities.len(), self.refusals.len())
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            identities: self.identities.len(),
            grants: self.grants.len(),
            refusals: self.refusals.len(),
            bytes: self
                .identities
                .weight()
                .saturating_add(self.grants.weight()),
            evicted: self.evictions.count(),
            denials: self.denials.len(),
            denials_given_up: self.denials.given_up(),
            ..self.counters.sum()
        }
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
