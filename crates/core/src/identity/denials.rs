//! What ended before its time and is known to be true: tokens that were good, sessions, users; until nothing of it can live.
//!
//! Bounded: where it is full, what ends soonest gives way, and that is counted where it still stood. Before that nothing is let
//! go: what seems to be over may be so by a clock that is wrong for a moment, and would live again when that is set right. Only what was proven comes in here, so that no
//! stranger can push anything out: a token that was seen to be good, a session or a user that an operator or another instance
//! of ours ended. A later end outlasts an earlier one in whatever order they come.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::Identity;
use super::key::TokenKey;
use super::revocation::{Revocation, Subject};
use super::sync::RwLock;
use crate::ids::{SessionId, UserId};
use crate::time::Timestamp;

#[derive(Debug)]
pub(crate) struct Denials {
    capacity: usize,
    given_up: AtomicU64,
    standing: RwLock<Standing>,
}

/// From when it is over, and until when that must be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    until: Timestamp,
    at: Timestamp,
}

#[derive(Debug, Default)]
struct Standing {
    tokens: BTreeMap<TokenKey, Span>,
    sessions: BTreeMap<SessionId, Span>,
    users: BTreeMap<UserId, Span>,
    ends: BTreeSet<(Timestamp, Subject)>,
}

impl Denials {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            given_up: AtomicU64::new(0),
            standing: RwLock::default(),
        }
    }

    /// Adds one; false where it says nothing new.
    pub(crate) fn add(&self, revocation: &Revocation, now: Timestamp) -> bool {
        let mut standing = self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if revocation.is_over(now) || !standing.add(revocation) {
            return false;
        }
        while standing.ends.len() > self.capacity {
            if standing.give_up_the_soonest() > Some(now) {
                self.given_up.fetch_add(1, Ordering::Relaxed);
            }
        }
        true
    }

    pub(crate) fn holds_token(&self, key: &TokenKey, now: Timestamp) -> bool {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing
            .tokens
            .get(key)
            .is_some_and(|span| now < span.until)
    }

    /// Until when an identity is denied for its session or its user.
    pub(crate) fn of_identity(&self, identity: &Identity, now: Timestamp) -> Option<Timestamp> {
        self.of(
            identity.session_id(),
            identity.user().id(),
            identity.begun_at(),
            now,
        )
    }

    /// The same, by what is known of it. A session whose begin is not known may have begun before.
    pub(crate) fn of(
        &self,
        session: Option<&SessionId>,
        user: &UserId,
        begun_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let of_session = session.and_then(|id| standing.sessions.get(id));
        let of_user = standing
            .users
            .get(user)
            .filter(|span| begun_at.is_none_or(|begun| begun <= span.at));
        of_session
            .into_iter()
            .chain(of_user)
            .map(|span| span.until)
            .filter(|until| now < *until)
            .max()
    }

    /// All that stand, those first that end first.
    pub(crate) fn all(&self, now: Timestamp) -> Vec<Revocation> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let at = |subject: &Subject| standing.get(subject).map(|span| span.at);
        standing
            .ends
            .iter()
            .filter(|(until, _)| now < *until)
            .filter_map(|(until, subject)| {
                Some(Revocation::new(subject.clone(), at(subject)?, *until))
            })
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.ends.len()
    }

    /// How many gave way to others before their time.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }
}

impl Standing {
    fn get(&self, subject: &Subject) -> Option<Span> {
        match subject {
            Subject::Token(key) => self.tokens.get(key),
            Subject::Session(id) => self.sessions.get(id),
            Subject::User(id) => self.users.get(id),
        }
        .copied()
    }

    fn add(&mut self, revocation: &Revocation) -> bool {
        let Revocation { subject, at, until } = revocation;
        let new = Span {
            until: *until,
            at: *at,
        };
        let old = self.get(subject);
        let span = match old {
            None => new,
            // What began until the later of two ends is over until the later of both.
            Some(old) if matches!(subject, Subject::User(_)) => Span {
                until: new.until.max(old.until),
                at: new.at.max(old.at),
            },
            Some(old) => new.max(old),
        };
        if old == Some(span) {
            return false;
        }
        if let Some(old) = old {
            self.ends.remove(&(old.until, subject.clone()));
        }
        self.ends.insert((span.until, subject.clone()));
        match subject {
            Subject::Token(key) => self.tokens.insert(*key, span),
            Subject::Session(id) => self.sessions.insert(id.clone(), span),
            Subject::User(id) => self.users.insert(id.clone(), span),
        };
        true
    }

    /// Answers until when it would have stood.
    fn give_up_the_soonest(&mut self) -> Option<Timestamp> {
        let (until, subject) = self.ends.pop_first()?;
        match subject {
            Subject::Token(key) => self.tokens.remove(&key),
            Subject::Session(id) => self.sessions.remove(&id),
            Subject::User(id) => self.users.remove(&id),
        };
        Some(until)
    }
}

#[cfg(test)]
#[path = "denials_tests.rs"]
mod tests;
