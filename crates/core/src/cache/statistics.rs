//! Statistics of the cache: how lookups ended, how much is held, how much was evicted.
//!
//! Hits of the fast path are counted apart, in [`Counters`](crate::counters::Counters).

use core::sync::atomic::{AtomicU64, Ordering};

use crate::session::lookup::Lookup;

/// Counts since the start, and what is held now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// First lookups of a token that found a fresh identity.
    pub fresh: u64,
    /// First lookups that found an identity past its fresh time.
    pub stale: u64,
    /// First lookups that found an expired session.
    pub expired: u64,
    /// First lookups that found a refusal.
    pub refused: u64,
    /// First lookups that found the token signed out.
    pub signed_out: u64,
    /// First lookups that found nothing.
    pub unknown: u64,
    /// Identities held.
    pub identities: usize,
    /// Lists of permissions held.
    pub permissions: usize,
    /// Refusals held.
    pub refusals: usize,
    /// Estimated bytes of identities and permissions. An upper bound: each counts at least as much as one of usual size.
    pub bytes: u64,
    /// Identities that were evicted.
    pub evicted: u64,
    /// Entries of the deny list: tokens, sessions and users, including entries that need not be known any more.
    pub deny_list: usize,
    /// Entries of the deny list that were evicted before their end. Above 0 asks for a larger `Policy::deny_list_capacity`.
    pub deny_list_evicted: u64,
    /// Revocations that are still to be published, including those that were dropped and are resent.
    pub waiting: usize,
}

#[derive(Debug, Default)]
pub(crate) struct LookupCounters {
    fresh: AtomicU64,
    stale: AtomicU64,
    expired: AtomicU64,
    refused: AtomicU64,
    signed_out: AtomicU64,
    unknown: AtomicU64,
}

impl LookupCounters {
    pub(crate) fn count(&self, lookup: &Lookup) {
        match lookup {
            Lookup::Fresh(_) | Lookup::Due(_) => &self.fresh,
            Lookup::Stale(_) => &self.stale,
            Lookup::Expired => &self.expired,
            Lookup::Refused(_) => &self.refused,
            Lookup::SignedOut => &self.signed_out,
            Lookup::Unknown => &self.unknown,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            fresh: read(&self.fresh),
            stale: read(&self.stale),
            expired: read(&self.expired),
            refused: read(&self.refused),
            signed_out: read(&self.signed_out),
            unknown: read(&self.unknown),
            ..Statistics::default()
        }
    }
}
