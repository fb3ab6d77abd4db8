//! What is counted of the memory: how looks at it ended, how much it holds, what gave way.
//!
//! Counting costs the warm path one addition without a lock, spread over lines of their own by the key, so that two cores
//! that find two people do not wait for one another.

use core::sync::atomic::{AtomicU64, Ordering};

use super::cache::Lookup;
use super::key::TokenKey;

/// Numbers since the start, and how much is held now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// First looks at a token that found a fresh identity.
    pub fresh: u64,
    /// That found one past its fresh time.
    pub stale: u64,
    /// That found one past its session's end.
    pub expired: u64,
    /// That found a refusal.
    pub refused: u64,
    /// That found that it was signed out.
    pub signed_out: u64,
    /// That found nothing.
    pub unknown: u64,
    /// Identities held.
    pub identities: usize,
    /// Lists of permissions held.
    pub grants: usize,
    /// Refusals held.
    pub refusals: usize,
    /// Bytes that identities and permissions count: an estimate from above, for each counts as much as one of usual size.
    pub bytes: u64,
    /// Identities that gave way to others.
    pub evicted: u64,
    /// Tokens, sessions and users that are known to have ended, also where that need not be known any more.
    pub denials: usize,
    /// Of those, how many gave way to others before their time. More than none asks for a larger `Policy::denials`.
    pub denials_given_up: u64,
    /// Revocations that wait to be told to other instances, those included that gave way to others and are told again.
    pub waiting: usize,
}

const SHARDS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Counters([Shard; SHARDS]);

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

impl Counters {
    pub(super) fn count(&self, key: &TokenKey, lookup: &Lookup) {
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

    pub(super) fn sum(&self) -> Statistics {
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
