//! Identities, refusals, permissions and sign-outs that are remembered: bounded, and judged anew at every look.
//!
//! A look says fresh, due, stale, refused, signed out or unknown. A sign-out wins over everything, at once, and over answers
//! that were under way when it came. The session's expiry is looked at on every hit, on the wall clock; times of our own
//! run on the monotonic clock. What anybody can cause, refusals and sign-outs of tokens that were never seen to be good,
//! lives in tables of its own, so that a flood of junk evicts nobody. An entry counts by its size, so that a few large ones
//! do not fill the memory. The end of a session or a user takes away what is remembered of them, in one scan, and is looked at
//! again whenever somebody is remembered: a hit stays one look at one table.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::Identity;
use super::denials::{Denials, Origin};
use super::key::TokenKey;
use super::revocation::{Revocation, Subject};
use super::statistics::{Counters, Statistics};
use super::sync::Mutex;
use super::table::{Evictions, KeyHasher, Store, store};
use crate::config::Policy;
use crate::error::CloudApiError;
use crate::ids::{SessionId, UserId};
use crate::permission::Grants;
use crate::time::{Now, Timestamp};
use crate::verification::Verification;

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

/// How many ends are compared one by one with all that is remembered, rather than looked up for each.
const FEW: usize = 8;

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
    refusals: Store<(CloudApiError, Duration)>,
    /// What ended and was seen to be good, here or by another instance of ours.
    denials: Denials,
    /// Tokens that were signed out without having been verified first, and those of denied sessions and users that came by.
    signed_out: Store<Timestamp>,
    counters: Counters,
    evictions: Evictions,
    /// Held by writers only, so that no answer under way can follow a sign-out into the table. Counts identities.
    writing: Mutex<u64>,
}

/// Whether a look counts as a request's first whatever it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    First,
    /// Only where it finds somebody; else the first is still to come.
    Peek,
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
            writing: Mutex::default(),
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

    /// Whether an identity is past its end.
    pub(crate) fn is_over(&self, identity: &Identity, now: Now) -> bool {
        identity.is_expired(now.wall, self.leeway)
    }

    /// From when on an identity is over for certain.
    fn last_moment(&self, identity: &Identity) -> Option<Timestamp> {
        Some(identity.expires_at()?.plus(self.leeway))
    }

    /// How far the clocks may differ where a token's own end counts.
    pub(crate) const fn leeway(&self) -> Duration {
        self.leeway
    }

    fn refusal(&self, key: &TokenKey, now: Now) -> Option<CloudApiError> {
        let (error, since) = self.refusals.get(key)?;
        (now.monotonic.saturating_sub(since) < self.refused).then_some(error)
    }

    /// The same for the first look that a request takes, which is counted and may be told that the identity is due.
    pub(crate) fn first_lookup(&self, key: &TokenKey, look: Look, now: Now) -> Lookup {
        let lookup = self.look(key, now, Turn::First);
        if look == Look::First || matches!(lookup, Lookup::Fresh(_) | Lookup::Due(_)) {
            self.counters.count(key, &lookup);
        }
        lookup
    }

    fn is_signed_out(&self, key: &TokenKey, now: Now) -> bool {
        // Both are looked at: a sign-out that is over in one must not hide a later one in the other.
        self.signed_out
            .get(key)
            .is_some_and(|until| now.wall < until)
            || self.denials.holds_token(key, now.wall)
    }

    /// Remembers an identity that was verified now; none where its token, its session or its user was signed out meanwhile.
    pub(crate) fn remember(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        let mut count = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = identity.key();
        if self.is_signed_out(&key, now) {
            return None;
        }
        if let Some(until) = self.denials.of_identity(&identity, now.wall) {
            // It may live longer than was thought when it ended.
            let until = self
                .last_moment(&identity)
                .map_or(until, |end| end.max(until));
            self.denials.prolong(&identity, until, now);
            // So that the next request with this token finds it out without a call.
            self.shut_out(key, until);
            self.forget_identity(&key);
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

    /// Denies a token from now on, until it could not be used anyway; where it was seen to be good, its session too. Gives back
    /// what others must know of it.
    pub(crate) fn sign_out(
        &self,
        key: TokenKey,
        session: Option<SessionId>,
        until: Timestamp,
        proof: Proof,
        now: Now,
    ) -> Vec<Revocation> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.identities.get(&key).map(|(identity, _)| identity);
        let is_good = proof == Proof::Good || seen.is_some();
        if !is_good && !self.denials.holds_token(&key, now.wall) {
            self.shut_out(key, until);
            self.forget_identity(&key);
            return Vec::new();
        }
        let session = session.or_else(|| seen.and_then(|identity| identity.session_id().cloned()));
        let ended = core::iter::once(Subject::Token(key))
            .chain(session.filter(|_| is_good).map(Subject::Session))
            .map(|subject| Revocation::new(subject, now.wall, until));
        self.deny(ended.collect(), Origin::Here, now)
    }

    /// Ends these for good; gives back those that say something new.
    pub(crate) fn revoke(&self, ended: Vec<Revocation>, now: Now) -> Vec<Revocation> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.deny(ended, Origin::Here, now)
    }

    /// The same for what another instance ended; and what that instance could not know of it, for all others.
    pub(crate) fn hear(
        &self,
        ended: Vec<Revocation>,
        now: Now,
    ) -> (Vec<Revocation>, Vec<Revocation>) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let late = self.issued_later(&ended, now);
        let new = self.deny(ended, Origin::Heard, now);
        (new, self.deny(late, Origin::Here, now))
    }

    /// Tokens that users got by a renewal after their end, in sessions that began before it: whoever never saw one lets it in, for
    /// it says itself when it was issued. With `writing` held.
    fn issued_later(&self, ended: &[Revocation], now: Now) -> Vec<Revocation> {
        let users: BTreeMap<_, _> = ended
            .iter()
            .filter_map(|one| match &one.subject {
                Subject::User(id) => Some((id, one)),
                Subject::Token(_) | Subject::Session(_) => None,
            })
            .collect();
        if users.is_empty() {
            return Vec::new();
        }
        self.identities
            .iter()
            .filter_map(|(key, (identity, _))| {
                let end = users.get(identity.user().id())?;
                let is_later = end.ends(&identity) && identity.issued_at() > Some(end.at);
                is_later.then(|| {
                    let until = self
                        .last_moment(&identity)
                        .map_or(end.until, |last| last.max(end.until));
                    Revocation::new(Subject::Token(key), now.wall, until)
                })
            })
            .collect()
    }

    /// Ends everything of one user, also what claims to have begun later than now by another clock.
    pub(crate) fn end_user(&self, user: &UserId, until: Timestamp, now: Now) -> Vec<Revocation> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = |identity: &Identity| identity.user().id() == user;
        let gone = self.forget_all(of_user);
        let until = gone
            .iter()
            .filter_map(|identity| self.last_moment(identity))
            .fold(until, Timestamp::max);
        for identity in &gone {
            self.shut_out(identity.key(), until);
        }
        let ahead = gone
            .iter()
            .filter(|identity| identity.begun_at().max(identity.issued_at()) > Some(now.wall))
            .map(|identity| Subject::Token(identity.key()));
        let ended = core::iter::once(Subject::User(user.clone()))
            .chain(ahead)
            .map(|subject| Revocation::new(subject, now.wall, until));
        self.deny(ended.collect(), Origin::Here, now)
    }

    /// Forgets all identities of which this is true, and their permissions.
    pub(crate) fn forget_where(&self, ends: impl Fn(&Identity) -> bool) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget_all(ends);
    }

    /// What is remembered of a session, and until when the last of it lives.
    pub(crate) fn end_of_session(&self, session: &SessionId) -> Option<Timestamp> {
        self.identities
            .iter()
            .filter(|(_, (identity, _))| identity.session_id() == Some(session))
            .filter_map(|(_, (identity, _))| identity.expires_at())
            .max()
    }

    /// All that ended, is true and still counts.
    pub(crate) fn denials(&self) -> &Denials {
        &self.denials
    }

    /// With `writing` held.
    fn deny(&self, mut ended: Vec<Revocation>, origin: Origin, now: Now) -> Vec<Revocation> {
        ended.retain(|revocation| self.denials.add(revocation, origin, now));
        for revocation in &ended {
            if let Subject::Token(key) = &revocation.subject {
                self.forget_identity(key);
                // Where it is full and gave way at once.
                if !self.denials.holds_token(key, now.wall) {
                    self.shut_out(*key, revocation.until);
                }
            }
        }
        let wide: Vec<_> = ended
            .iter()
            .filter(|one| !matches!(one.subject, Subject::Token(_)))
            .collect();
        if wide.is_empty() {
            return ended;
        }
        let until = |identity: &Identity| self.denials.of_identity(identity, now.wall);
        let gone = if wide.len() <= FEW {
            self.forget_all(|identity| wide.iter().any(|one| one.ends(identity)))
        } else {
            self.forget_all(|identity| until(identity).is_some())
        };
        let given_up = |identity: &Identity| {
            let of_it = wide.iter().filter(|one| one.ends(identity));
            of_it.map(|one| one.until).max()
        };
        for identity in gone {
            if let Some(until) = until(&identity).or_else(|| given_up(&identity)) {
                self.shut_out(identity.key(), until);
            }
        }
        ended
    }

    /// With `writing` held.
    fn forget_all(&self, ends: impl Fn(&Identity) -> bool) -> Vec<Arc<Identity>> {
        let gone = RefCell::new(Vec::new());
        self.identities.retain(|_, (identity, _)| {
            let ends = ends(identity);
            if ends {
                gone.borrow_mut().push(Arc::clone(identity));
            }
            !ends
        });
        let gone = gone.into_inner();
        for identity in &gone {
            self.grants.remove(&identity.key());
        }
        gone
    }

    /// Denies a token without proof. A later sign-out never shortens an earlier one.
    fn shut_out(&self, key: TokenKey, until: Timestamp) {
        let until = self
            .signed_out
            .get(&key)
            .map_or(until, |old| old.max(until));
        self.signed_out.insert(key, until);
    }

    fn forget_identity(&self, key: &TokenKey) {
        self.identities.remove(key);
        self.grants.remove(key);
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
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
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
