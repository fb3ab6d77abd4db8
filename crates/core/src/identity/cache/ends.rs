//! What ends: a token, a session, a user, whatever is forgotten. Here and by the word of another instance.
//!
//! Each is one turn at the table, and stands when that is over: what is remembered of it is taken away in one scan, and what is
//! asked about later finds the denial.

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

/// How many ends are compared one by one with all that is remembered, rather than looked up for each.
const FEW: usize = 8;

impl Cache {
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

    /// Ends these for good; gives back those that say something new.
    pub(crate) fn revoke(&self, ended: Vec<Revocation>, now: Now) -> Vec<Revocation> {
        let _writing = self.writing.begin();
        self.deny(ended, Origin::Here, now)
    }

    /// The same for what another instance ended; and what that instance could not know of it, for all others.
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

    /// Forgets all identities of which this is true, and their permissions.
    pub(crate) fn forget_where(&self, ends: impl Fn(&Identity) -> bool) {
        let _writing = self.writing.begin();
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
