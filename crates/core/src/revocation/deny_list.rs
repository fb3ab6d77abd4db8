//! The deny list: verified tokens, sessions and users that were revoked, each until nothing of it can be alive.
//!
//! Bounded. When full, the entry that expires first is evicted, and evictions are counted. Only proven revocations are
//! entered, so no stranger can evict one. A token must have been verified; an operator or another of our instances must have
//! revoked a session or user.
//!
//! Remote entries are evicted first, and never evict local ones. So any publisher on the channel can evict remote entries. An
//! evicted token moves to the table that strangers can fill too.
//!
//! A later end outlasts an earlier one, in whatever order they arrive. An entry is dropped once both clocks are past it: a
//! wall clock that is ahead for a moment accepts nothing.

use core::ops::Bound;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use crate::ids::{SessionId, UserId};
use crate::revocation::{Revocation, Subject};
use crate::session::Identity;
use crate::session::TokenDigest;
use crate::session::deadline::Deadline;
use crate::sync::RwLock;
use crate::time::{Now, Timestamp};

#[derive(Debug)]
pub(crate) struct DenyList {
    capacity: usize,
    evicted: AtomicU64,
    standing: RwLock<Standing>,
}

/// The result of adding a revocation.
#[derive(Debug, Default)]
pub(crate) struct Added {
    /// Whether it changed the list.
    pub(crate) is_new: bool,
    /// Evicted tokens, and until when each is revoked.
    pub(crate) evicted: Vec<(TokenDigest, Deadline)>,
}

/// Which instance revoked, in the order of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Another instance.
    Remote,
    /// This instance.
    Local,
}

/// From when the subject is revoked, and until when that must be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    until: Timestamp,
    at: Timestamp,
}

/// An entry of the list.
#[derive(Clone, Copy, Debug)]
struct Held {
    span: Span,
    origin: Origin,
    /// The end of `span`, on both clocks.
    until: Deadline,
}

#[derive(Debug, Default)]
struct Standing {
    tokens: BTreeMap<TokenDigest, Held>,
    sessions: BTreeMap<SessionId, Held>,
    users: BTreeMap<UserId, Held>,
    ends: Ends,
}

/// Entries by their end, apart by origin.
#[derive(Debug, Default)]
struct Ends {
    heard: BTreeSet<(Timestamp, Subject)>,
    here: BTreeSet<(Timestamp, Subject)>,
}

impl Ends {
    const fn of(&mut self, origin: Origin) -> &mut BTreeSet<(Timestamp, Subject)> {
        match origin {
            Origin::Remote => &mut self.heard,
            Origin::Local => &mut self.here,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &(Timestamp, Subject)> {
        self.heard.iter().chain(&self.here)
    }

    fn len(&self) -> usize {
        self.heard.len().saturating_add(self.here.len())
    }
}

impl DenyList {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            evicted: AtomicU64::new(0),
            standing: RwLock::default(),
        }
    }

    /// Adds a revocation.
    pub(crate) fn add(&self, revocation: &Revocation, origin: Origin, now: Now) -> Added {
        let mut standing = self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        standing.purge(now);
        if revocation.is_over(now.wall) || !standing.add(revocation, origin, now) {
            return Added::default();
        }
        let mut added = Added {
            is_new: true,
            evicted: Vec::new(),
        };
        while standing.ends.len() > self.capacity {
            added.evicted.extend(standing.evict_soonest());
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        added
    }

    pub(crate) fn holds_token(&self, key: &TokenDigest, now: Now) -> bool {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing
            .tokens
            .get(key)
            .is_some_and(|held| held.until.stands(now))
    }

    /// Until when an identity is denied for its session or its user.
    pub(crate) fn of_identity(&self, identity: &Identity, now: Now) -> Option<Deadline> {
        self.of(
            identity.session_id(),
            identity.user().id(),
            identity.begun_at(),
            now,
        )
    }

    /// Until when a session or its user is denied. A session whose begin is unknown may have begun before the revocation.
    pub(crate) fn of(
        &self,
        session: Option<&SessionId>,
        user: &UserId,
        begun_at: Option<Timestamp>,
        now: Now,
    ) -> Option<Deadline> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let of_session = session.and_then(|id| standing.sessions.get(id));
        let of_user = standing
            .users
            .get(user)
            .filter(|held| begun_at.is_none_or(|begun| begun <= held.span.at));
        of_session
            .into_iter()
            .chain(of_user)
            .map(|held| held.until)
            .filter(|until| until.stands(now))
            .reduce(Deadline::max)
    }

    /// Extends the entries that deny this identity to `until`, where that is later.
    pub(crate) fn prolong(&self, identity: &Identity, until: Timestamp, now: Now) {
        let subjects = [
            identity.session_id().cloned().map(Subject::Session),
            Some(Subject::User(identity.user().id().clone())),
        ];
        let mut standing = self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for subject in subjects.into_iter().flatten() {
            if let Some(Held {
                span,
                origin,
                until: standing_until,
            }) = standing.get(&subject)
                && standing_until.stands(now)
                && span.until < until
            {
                // Longer, but not wider: a session that began after it stays accepted.
                standing.add(&Revocation::new(subject, span.at, until), origin, now);
            }
        }
    }

    /// All entries in force, by their end.
    pub(crate) fn all(&self, now: Now) -> Vec<Revocation> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = standing
            .ends
            .iter()
            .filter_map(|(_, subject)| Some((subject, standing.get(subject)?)))
            .filter(|(_, held)| held.until.stands(now))
            .map(|(subject, Held { span, .. })| {
                Revocation::new(subject.clone(), span.at, span.until)
            })
            .collect();
        all.sort_by(|one, other| (one.until, &one.subject).cmp(&(other.until, &other.subject)));
        all
    }

    /// Up to `most` entries made on this instance, by their end, beginning after `last`.
    pub(crate) fn own_after(&self, last: Option<&Revocation>, most: usize) -> Vec<Revocation> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let begin = last.map_or(Bound::Unbounded, |last| {
            Bound::Excluded((last.until, last.subject.clone()))
        });
        let own = standing.ends.here.range((begin, Bound::Unbounded));
        own.filter_map(|(until, subject)| {
            let at = standing.get(subject)?.span.at;
            Some(Revocation::new(subject.clone(), at, *until))
        })
        .take(most)
        .collect()
    }

    pub(crate) fn len(&self) -> usize {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries were evicted before their end.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

impl Standing {
    fn get(&self, subject: &Subject) -> Option<Held> {
        match subject {
            Subject::Token(key) => self.tokens.get(key),
            Subject::Session(id) => self.sessions.get(id),
            Subject::User(id) => self.users.get(id),
        }
        .copied()
    }

    fn add(&mut self, revocation: &Revocation, origin: Origin, now: Now) -> bool {
        let Revocation { subject, at, until } = revocation;
        let new = Span {
            until: *until,
            at: *at,
        };
        let old = self.get(subject);
        let span = match old.map(|old| old.span) {
            None => new,
            // Revoked twice, a user is revoked from the later time, until the later end.
            Some(old) if matches!(subject, Subject::User(_)) => Span {
                until: new.until.max(old.until),
                at: new.at.max(old.at),
            },
            Some(old) => new.max(old),
        };
        let origin = old.map_or(origin, |old| old.origin.max(origin));
        // The channel may never have kept what was only received: a local revocation of it is news for others.
        if old.is_some_and(|old| old.span == span && old.origin == origin) {
            return false;
        }
        // Repeated while the wall clock is ahead, it ends no sooner.
        let until = Deadline::new(span.until, now);
        let until = old.map_or(until, |old| until.max(old.until));
        let held = Held {
            span,
            origin,
            until,
        };
        if let Some(old) = old {
            let ends = self.ends.of(old.origin);
            ends.remove(&(old.span.until, subject.clone()));
        }
        let ends = self.ends.of(origin);
        ends.insert((span.until, subject.clone()));
        match subject {
            Subject::Token(key) => self.tokens.insert(*key, held),
            Subject::Session(id) => self.sessions.insert(id.clone(), held),
            Subject::User(id) => self.users.insert(id.clone(), held),
        };
        true
    }

    fn purge(&mut self, now: Now) {
        for origin in [Origin::Remote, Origin::Local] {
            while let Some((until, subject)) = self.ends.of(origin).pop_first() {
                if self
                    .get(&subject)
                    .is_some_and(|held| held.until.stands(now))
                {
                    self.ends.of(origin).insert((until, subject));
                    break;
                }
                self.remove(&subject);
            }
        }
    }

    /// Evicts the entry that ends first, remote ones before local ones. Returns it where it was a token.
    fn evict_soonest(&mut self) -> Option<(TokenDigest, Deadline)> {
        let heard = self.ends.heard.pop_first();
        let (_, subject) = heard.or_else(|| self.ends.here.pop_first())?;
        let held = self.get(&subject)?;
        self.remove(&subject);
        match subject {
            Subject::Token(key) => Some((key, held.until)),
            Subject::Session(_) | Subject::User(_) => None,
        }
    }

    fn remove(&mut self, subject: &Subject) {
        match subject {
            Subject::Token(key) => self.tokens.remove(key),
            Subject::Session(id) => self.sessions.remove(id),
            Subject::User(id) => self.users.remove(id),
        };
    }
}

#[cfg(test)]
#[path = "deny_list_tests.rs"]
mod tests;
