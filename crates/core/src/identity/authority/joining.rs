//! To join a channel that keeps what ended: it is read part by part, and then known what it lacks.
//!
//! No more is held at once than what stands here and one part of what the channel keeps, however much that is.

use alloc::collections::BTreeMap;

use super::{Authority, Heard};
use crate::identity::retelling::Mark;
use crate::identity::revocation::{Revocation, Subject};
use crate::time::Now;

/// How many entries of a channel are of use for each end that can be known: several may speak of one.
const ENTRIES_FOR_EACH: usize = 2;

/// A channel that is being joined.
#[derive(Debug)]
pub struct Joining {
    /// What gave way before: it is among what is told again.
    gave_way: Mark,
    lacking: BTreeMap<Subject, Revocation>,
    standing: usize,
    new: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// What stands here and the channel did not say: what it is to be told again.
    pub lacking: Vec<Revocation>,
    /// How many entries it gave.
    pub standing: usize,
    /// How many of them said something new.
    pub new: usize,
}

impl Authority {
    /// How many entries of a channel are of use at most: twice as many as ends can be known.
    pub fn most_standing(&self) -> usize {
        self.config.policy.denials.saturating_mul(ENTRIES_FOR_EACH)
    }

    /// Begins to join a channel, before it gives the first of what it keeps.
    pub fn joining(&self, now: Now) -> Joining {
        let gave_way = self.outbox.mark();
        let standing = self.revocations(now).into_iter();
        Joining {
            gave_way,
            lacking: standing.map(|one| (one.subject.clone(), one)).collect(),
            standing: 0,
            new: 0,
        }
    }
}

impl Joining {
    /// Takes over a part of what the channel keeps, as [`Authority::hear`] does.
    pub fn hear<'t>(
        &mut self,
        authority: &Authority,
        texts: impl IntoIterator<Item = &'t str>,
        now: Now,
    ) -> Heard {
        let texts = texts
            .into_iter()
            .inspect(|_| self.standing = self.standing.saturating_add(1));
        let (read, unreadable) = authority.read(texts, now);
        for held in &read {
            let lacking = self.lacking.get(&held.subject);
            if lacking.is_some_and(|it| held.covers(it)) {
                self.lacking.remove(&held.subject);
            }
        }
        let heard = authority.heard(read, unreadable, now);
        self.new = self.new.saturating_add(heard.new);
        heard
    }

    /// What the channel lacks, once it has given all that it keeps. Whoever asks tells all of it.
    pub fn joined(self, authority: &Authority, now: Now) -> Joined {
        authority.outbox.told(self.gave_way);
        let mut lacking: Vec<_> = self.lacking.into_values().collect();
        lacking.retain(|one| !one.is_over(now.wall));
        Joined {
            lacking,
            standing: self.standing,
            new: self.new,
        }
    }
}
