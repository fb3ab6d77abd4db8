//! Catch-up with a channel that stores revocations: its entries are read page by page, then compared with those in force
//! here.
//!
//! No more is held at once than the entries of this instance and one page of the channel's, however many it stores.

use alloc::collections::BTreeMap;

use super::{Authority, Heard};
use crate::identity::retelling::Mark;
use crate::identity::revocation::{Revocation, Subject};
use crate::time::Now;

/// Useful entries of a channel for each revocation that can be held: several may concern one subject.
const ENTRIES_FOR_EACH: usize = 2;

/// A catch-up in progress.
#[derive(Debug)]
pub struct Joining {
    /// What the outbox dropped before: a catch-up resends it.
    gave_way: Mark,
    lacking: BTreeMap<Subject, Revocation>,
    standing: usize,
    new: usize,
}

/// The result of a catch-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// Revocations in force here that the channel did not give: publish them again.
    pub lacking: Vec<Revocation>,
    /// How many entries the channel gave.
    pub standing: usize,
    /// How many of those entries were new here.
    pub new: usize,
}

impl Authority {
    /// How many entries of a channel are of use at most: twice the capacity of the deny list.
    pub fn most_standing(&self) -> usize {
        self.config.policy.denials.saturating_mul(ENTRIES_FOR_EACH)
    }

    /// Begins a catch-up, before the channel gives its first page.
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
    /// Applies a page of the channel's entries, as [`Authority::hear`] does.
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

    /// What the channel lacks, once it has given all its entries. The caller must publish all of it.
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
