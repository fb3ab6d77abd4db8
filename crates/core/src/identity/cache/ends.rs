//! Revokes or evicts tokens, sessions and users, for this instance and for what others published.
//!
//! Each is done under the write lock and in force when that is released: one scan evicts what is cached, and later answers
//! meet the deny list.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Cache, Proof};
use crate::identity::Identity;
use crate::identity::denials::{Denials, Origin};
use crate::identity::key::TokenKey;
use crate::identity::revocation::{Revocation, Subject};
use crate::identity::until::Until;
use crate::ids::{SessionId, UserId};
use crate::time::{Now, Timestamp};

/// Up to so many revocations are compared one by one with each cached identity, instead of a look-up in the deny list.
const FEW: usize = 8;

impl Cache {
    /// Denies a token until it would have expired; where it was verified, its session too. Returns the revocations to
    /// publish.
    pub(crate) fn sign_out(
        &self,
        key: TokenKey,
        session: Option<SessionId>,
        until: Timestamp,
        proof: Proof,
        now: Now,
    ) -> Vec<Revocation> {
        let _writing = self.writing.begin();
        let seen = self.identities.get(&key).map(|(identity, _)| identity);
        let is_good = proof == Proof::Good || seen.is_some();
        if !is_good && !self.denials.holds_token(&key, now) {
            self.shut_out(key, Until::new(until, now));
            self.forget_identity(&key);
            return Vec::new();
        }
        let session = session.or_else(|| seen.and_then(|identity| identity.session_id().cloned()));
        let ended = core::iter::once(Subject::Token(key))
            .chain(session.filter(|_| is_good).map(Subject::Session))
            .map(|subject| Revocation::new(subject, now.wall, until));
        self.deny(ended.collect(), Origin::Here, now)
    }

    /// Revokes for good; returns the revocations that are new.
    pub(crate) fn revoke(&self, ended: Vec<Revocation>, now: Now) -> Vec<Revocation> {
        let _writing = self.writing.begin();
        self.deny(ended, Origin::Here, now)
    }

    /// Applies revocations of another instance. Returns those that are new, and those to publish: what that instance could
    /// not know.
    pub(crate) fn hear(
        &self,
        ended: Vec<Revocation>,
        now: Now,
    ) -> (Vec<Revocation>, Vec<Revocation>) {
        let _writing = self.writing.begin();
        let late = self.issued_later(&ended, now);
        let new = self.deny(ended, Origin::Heard, now);
        (new, self.deny(late, Origin::Here, now))
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

    /// Revokes every session of one user, also one that claims to have begun later than now by another clock.
    pub(crate) fn end_user(&self, user: &UserId, until: Timestamp, now: Now) -> Vec<Revocation> {
        let _writing = self.writing.begin();
        let of_user = |identity: &Identity| identity.user().id() == user;
        let gone = self.forget_all(of_user);
        let until = gone
            .iter()
            .filter_map(|identity| self.last_moment(identity))
            .fold(until, Timestamp::max);
        for identity in &gone {
            self.shut_out(identity.key(), Until::new(until, now));
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

    /// Evicts all identities that match, with their permissions.
    pub(crate) fn forget_where(&self, ends: impl Fn(&Identity) -> bool) {
        let _writing = self.writing.begin();
        self.forget_all(ends);
    }

    /// The latest expiry among the cached identities of a session.
    pub(crate) fn end_of_session(&self, session: &SessionId) -> Option<Timestamp> {
        self.identities
            .iter()
            .filter(|(_, (identity, _))| identity.session_id() == Some(session))
            .filter_map(|(_, (identity, _))| identity.expires_at())
            .max()
    }

    /// The deny list.
    pub(crate) fn denials(&self) -> &Denials {
        &self.denials
    }

    /// Adds to the deny list and evicts what is covered; returns the revocations that are new. With `writing` held.
    fn deny(&self, mut ended: Vec<Revocation>, origin: Origin, now: Now) -> Vec<Revocation> {
        ended.retain(|revocation| {
            let added = self.denials.add(revocation, origin, now);
            for (key, until) in added.gave_way {
                self.shut_out(key, until);
            }
            added.is_new
        });
        for revocation in &ended {
            if let Subject::Token(key) = &revocation.subject {
                self.forget_identity(key);
            }
        }
        let wide: Vec<_> = ended
            .iter()
            .filter(|one| !matches!(one.subject, Subject::Token(_)))
            .collect();
        if wide.is_empty() {
            return ended;
        }
        let until = |identity: &Identity| self.denials.of_identity(identity, now);
        let gone = if wide.len() <= FEW {
            self.forget_all(|identity| wide.iter().any(|one| one.ends(identity)))
        } else {
            self.forget_all(|identity| until(identity).is_some())
        };
        let given_up = |identity: &Identity| {
            let of_it = wide.iter().filter(|one| one.ends(identity));
            let last = of_it.map(|one| one.until).max()?;
            Some(Until::new(last, now))
        };
        for identity in gone {
            if let Some(until) = until(&identity).or_else(|| given_up(&identity)) {
                self.shut_out(identity.key(), until);
            }
        }
        ended
    }

    /// Evicts all identities that match, with their permissions. With `writing` held.
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
    pub(super) fn shut_out(&self, key: TokenKey, until: Until) {
        let until = self
            .signed_out
            .get(&key)
            .map_or(until, |old| until.max(old));
        self.signed_out.insert(key, until);
    }

    pub(super) fn forget_identity(&self, key: &TokenKey) {
        self.identities.remove(key);
        self.grants.remove(key);
    }
}

#[cfg(test)]
#[path = "ends_tests.rs"]
pub(super) mod tests;
