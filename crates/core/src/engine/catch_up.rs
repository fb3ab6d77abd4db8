//! Catch-up with a channel that stores revocations: its entries are read page by page, then compared with those in force
//! here.
//!
//! No more is held at once than the entries of this instance and one page of the channel's, however many it stores.

use alloc::collections::BTreeMap;

use crate::engine::{Applied, Engine};
use crate::revocation::resync::Mark;
use crate::revocation::{Revocation, Subject};
use crate::time::Now;

/// Useful entries of a channel for each revocation that can be held: several may concern one subject.
const ENTRIES_FOR_EACH: usize = 2;

/// A catch-up in progress.
#[derive(Debug)]
pub struct CatchUp {
    /// What the outbox dropped before: a catch-up resends it.
    dropped: Mark,
    missing: BTreeMap<Subject, Revocation>,
    stored: usize,
    new: usize,
}

/// The result of a catch-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaughtUp {
    /// Revocations in force here that the channel did not give: publish them again.
    pub missing: Vec<Revocation>,
    /// How many entries the channel gave.
    pub stored: usize,
    /// How many of those entries were new here.
    pub new: usize,
}

impl Engine {
    /// How many entries of a channel are of use at most: twice the capacity of the deny list.
    pub fn max_stored(&self) -> usize {
        self.config
            .policy
            .deny_list_capacity
            .saturating_mul(ENTRIES_FOR_EACH)
    }

    /// Begins a catch-up, as the channel gives its first page.
    pub fn catch_up(&self, now: Now) -> CatchUp {
        let dropped = self.outbox.mark();
        let stored = self.revocations(now).into_iter();
        CatchUp {
            dropped,
            missing: stored.map(|one| (one.subject.clone(), one)).collect(),
            stored: 0,
            new: 0,
        }
    }
}

impl CatchUp {
    /// Applies a page of the channel's entries, as [`Engine::apply_texts`] does.
    pub fn apply_texts<'t>(
        &mut self,
        engine: &Engine,
        texts: impl IntoIterator<Item = &'t str>,
        now: Now,
    ) -> Applied {
        let texts = texts
            .into_iter()
            .inspect(|_| self.stored = self.stored.saturating_add(1));
        let (read, unreadable) = engine.read(texts, now);
        for held in &read {
            let missing = self.missing.get(&held.subject);
            if missing.is_some_and(|it| held.covers(it)) {
                self.missing.remove(&held.subject);
            }
        }
        let heard = engine.heard(read, unreadable, now);
        self.new = self.new.saturating_add(heard.new);
        heard
    }

    /// What the channel lacks, once it has given all its entries. The caller must publish all of it.
    pub fn finish(self, engine: &Engine, now: Now) -> CaughtUp {
        engine.outbox.mark_published(self.dropped);
        let mut missing: Vec<_> = self.missing.into_values().collect();
        missing.retain(|one| !one.is_over(now.wall));
        CaughtUp {
            missing,
            stored: self.stored,
            new: self.new,
        }
    }
}
