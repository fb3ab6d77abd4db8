//! Statistics of the cache: how lookups ended, how much is held, how much was evicted.
//!
//! Counting costs a hit one addition without a lock. The counters are sharded over cache lines by key, so that two cores with
//! hits for two users do not contend.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::session::TokenDigest;
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

const SHARDS: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct LookupCounters([Shard; SHARDS]);

/// One line of the processor's cache.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    fresh: AtomicU64,
    stale: AtomicU64,
    expired: AtomicU64,
    refused: AtomicU64,
    signed_out: AtomicU64,
    unknown: AtomicU64,
}

impl LookupCounters {
    pub(crate) fn count(&self, key: &TokenDigest, lookup: &Lookup) {
        let place = key
            .as_bytes()
            .first()
            .map_or(0, |byte| usize::from(*byte) % SHARDS);
        let Some(shard) = self.0.get(place) else {
            return;
        };
        match lookup {
            Lookup::Fresh(_) | Lookup::Due(_) => &shard.fresh,
            Lookup::Stale(_) => &shard.stale,
            Lookup::Expired => &shard.expired,
            Lookup::Refused(_) => &shard.refused,
            Lookup::SignedOut => &shard.signed_out,
            Lookup::Unknown => &shard.unknown,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> Statistics {
        let sum = |one: fn(&Shard) -> &AtomicU64| {
            self.0
                .iter()
                .map(|shard| one(shard).load(Ordering::Relaxed))
                .fold(0, u64::wrapping_add)
        };
        Statistics {
            fresh: sum(|shard| &shard.fresh),
            stale: sum(|shard| &shard.stale),
            expired: sum(|shard| &shard.expired),
            refused: sum(|shard| &shard.refused),
            signed_out: sum(|shard| &shard.signed_out),
            unknown: sum(|shard| &shard.unknown),
            ..Statistics::default()
        }
    }
}
