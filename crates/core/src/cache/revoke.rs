//! Revokes or evicts tokens, sessions and users, for this instance and for what others published.
//!
//! Each is done under the write lock and in force when that is released: one scan evicts what is cached, and later answers
//! meet the deny list.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cache::{Cache, Trust};
use crate::ids::{SessionId, UserId};
use crate::revocation::deny_list::{DenyList, Origin};
use crate::revocation::{Revocation, Subject};
use crate::session::deadline::Deadline;
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};

/// Up to so many revocations are compared one by one with each cached identity, instead of a look-up in the deny list.
const FEW: usize = 8;

impl Cache {
    /// Denies a token until it would have expired; where it was verified, its session too. Returns the revocations to
    /// publish.
    pub(crate) fn sign_out(
        &self,
        key: TokenDigest,
        session: Option<SessionId>,
        until: Timestamp,
        proof: Trust,
        now: Now,
    ) -> Vec<Revocation> {
        let _guard = self.writes.begin();
        let seen = self.identities.get(&key);
        let is_good = proof == Trust::Verified || seen.is_some();
        if !is_good && !self.deny_list.holds_token(&key, now) {
            self.deny_token(key, Deadline::new(until, now));
            self.evict_identity(&key);
            return Vec::new();
        }
        let session = session.or_else(|| seen.and_then(|identity| identity.session_id().cloned()));
        let ended = core::iter::once(Subject::Token(key))
            .chain(session.filter(|_| is_good).map(Subject::Session))
            .map(|subject| Revocation::new(subject, now.wall, until));
        self.deny(ended.collect(), Origin::Local, now)
    }

    /// Revokes for good; returns the revocations that are new.
    pub(crate) fn revoke(&self, mut ended: Vec<Revocation>, now: Now) -> Vec<Revocation> {
        let _guard = self.writes.begin();
        ended.extend(self.named_here(&ended, now));
        self.deny(ended, Origin::Local, now)
    }

    /// Applies revocations of another instance. Returns those that are new, and those to publish: what that instance could
    /// not know.
    pub(crate) fn apply_remote(
        &self,
        ended: Vec<Revocation>,
        now: Now,
    ) -> (Vec<Revocation>, Vec<Revocation>) {
        let _guard = self.writes.begin();
        let mut own = self.issued_later(&ended, now);
        own.extend(self.named_here(&ended, now));
        let new = self.deny(ended, Origin::Remote, now);
        (new, self.deny(own, Origin::Local, now))
    }

    /// Tokens of sealed sessions that are revoked by their ids. Such an id is made of the first text that this instance saw,
    /// so another instance may know the same session by another one. With `writing` held.
    fn named_here(&self, ended: &[Revocation], now: Now) -> Vec<Revocation> {
        let sessions: BTreeMap<_, _> = ended
            .iter()
            .filter_map(|one| match &one.subject {
                Subject::Session(id) => Some((id, one.until)),
                Subject::Token(_) | Subject::User(_) => None,
            })
            .collect();
        if sessions.is_empty() {
            return Vec::new();
        }
        self.identities
            .iter()
            .map(|(_, identity)| identity)
            .filter(|identity| identity.user().session_token().is_sealed())
            .filter_map(|identity| {
                let until = *sessions.get(identity.session_id()?)?;
                let last = self
                    .last_moment(&identity)
                    .map_or(until, |last| last.max(until));
                Some(Revocation::new(
                    Subject::Token(identity.key()),
                    now.wall,
                    last,
                ))
            })
            .collect()
    }

    /// Tokens that a renewal issued after their user was revoked, in sessions that began before. An instance that never saw
    /// such a token would accept it, since its own `iat` is later. With `writing` held.
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
            .filter_map(|(_, identity)| {
                let end = users.get(identity.user().id())?;
                let is_later =
                    end.ends(&identity) && identity.unverified_issued_at() > Some(end.at);
                is_later.then(|| {
                    let until = self
                        .last_moment(&identity)
                        .map_or(end.until, |last| last.max(end.until));
                    Revocation::new(Subject::Token(identity.key()), now.wall, until)
                })
            })
            .collect()
    }

    /// Revokes every session of one user, also one that claims to have begun later than now by another clock.
    pub(crate) fn end_user(&self, user: &UserId, until: Timestamp, now: Now) -> Vec<Revocation> {
        let _guard = self.writes.begin();
        let of_user = |identity: &Identity| identity.user().id() == user;
        let gone = self.evict_all(of_user);
        let until = gone
            .iter()
            .filter_map(|identity| self.last_moment(identity))
            .fold(until, Timestamp::max);
        for identity in &gone {
            self.deny_token(identity.key(), Deadline::new(until, now));
        }
        let ahead = gone
            .iter()
            .filter(|identity| {
                identity.begun_at().max(identity.unverified_issued_at()) > Some(now.wall)
            })
            .map(|identity| Subject::Token(identity.key()));
        let ended = core::iter::once(Subject::User(user.clone()))
            .chain(ahead)
            .map(|subject| Revocation::new(subject, now.wall, until));
        self.deny(ended.collect(), Origin::Local, now)
    }

    /// Evicts all identities that match, with their permissions.
    pub(crate) fn evict_where(&self, ends: impl Fn(&Identity) -> bool) {
        let _guard = self.writes.begin();
        self.evict_all(ends);
    }

    /// The latest expiry among the cached identities of a session.
    pub(crate) fn end_of_session(&self, session: &SessionId) -> Option<Timestamp> {
        self.identities
            .iter()
            .filter(|(_, identity)| identity.session_id() == Some(session))
            .filter_map(|(_, identity)| identity.expires_at())
            .max()
    }

    /// The deny list.
    pub(crate) fn deny_list(&self) -> &DenyList {
        &self.deny_list
    }

    /// Adds to the deny list and evicts what is covered; returns the revocations that are new. With `writing` held.
    fn deny(&self, mut ended: Vec<Revocation>, origin: Origin, now: Now) -> Vec<Revocation> {
        ended.retain(|revocation| {
            let added = self.deny_list.add(revocation, origin, now);
            for (key, until) in added.evicted {
                self.deny_token(key, until);
            }
            added.is_new
        });
        for revocation in &ended {
            if let Subject::Token(key) = &revocation.subject {
                self.evict_identity(key);
            }
        }
        let wide: Vec<_> = ended
            .iter()
            .filter(|one| !matches!(one.subject, Subject::Token(_)))
            .collect();
        if wide.is_empty() {
            return ended;
        }
        let until = |identity: &Identity| self.deny_list.of_identity(identity, now);
        let gone = if wide.len() <= FEW {
            self.evict_all(|identity| wide.iter().any(|one| one.ends(identity)))
        } else {
            self.evict_all(|identity| until(identity).is_some())
        };
        let evicted = |identity: &Identity| {
            let of_it = wide.iter().filter(|one| one.ends(identity));
            let last = of_it.map(|one| one.until).max()?;
            Some(Deadline::new(last, now))
        };
        for identity in gone {
            if let Some(until) = until(&identity).or_else(|| evicted(&identity)) {
                self.deny_token(identity.key(), until);
            }
        }
        ended
    }

    /// Evicts all identities that match, with their permissions. With `writing` held.
    fn evict_all(&self, ends: impl Fn(&Identity) -> bool) -> Vec<Arc<Identity>> {
        let gone = RefCell::new(Vec::new());
        self.identities.retain(|_, identity| {
            let ends = ends(identity);
            if ends {
                gone.borrow_mut().push(Arc::clone(identity));
            }
            !ends
        });
        let gone = gone.into_inner();
        for identity in &gone {
            self.permissions.remove(&identity.key());
        }
        gone
    }

    /// Denies a token without proof. A later sign-out never shortens an earlier one.
    pub(crate) fn deny_token(&self, key: TokenDigest, until: Deadline) {
        let until = self
            .signed_out
            .get(&key)
            .map_or(until, |old| until.max(old));
        self.signed_out.insert(key, until);
    }

    pub(crate) fn evict_identity(&self, key: &TokenDigest) {
        self.identities.remove(key);
        self.permissions.remove(key);
    }
}

#[cfg(test)]
#[path = "revoke_tests.rs"]
pub(crate) mod tests;
