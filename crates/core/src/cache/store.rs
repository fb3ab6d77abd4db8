//! The bounded hash table by token key: its limits, its hashing, its eviction counter.

use core::hash::{BuildHasher, Hash, Hasher};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use quick_cache::Lifecycle;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::cache::weight::Weighter;
use crate::config::Policy;

pub(crate) type Store<K, V> = Cache<K, V, Weighter, KeyHasher, Evictions>;

/// A table within the policy's limits.
pub(crate) fn store<K: Eq + Hash, V: Clone>(
    policy: &Policy,
    hasher: KeyHasher,
    evictions: &Evictions,
) -> Store<K, V>
where
    Weighter: quick_cache::Weighter<K, V>,
{
    let weighter = Weighter::new(policy.max_entries, policy.max_bytes);
    Cache::with(
        policy.max_entries,
        weighter.most(policy.max_entries),
        weighter,
        hasher,
        evictions.clone(),
    )
}

/// Counts evictions. The table drops an evicted value after its lock, as it does by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evictions(Arc<AtomicU64>);

impl Evictions {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<K, V> Lifecycle<K, V> for Evictions {
    type RequestState = <DefaultLifecycle<K, V> as Lifecycle<K, V>>::RequestState;

    fn on_evict(&self, state: &mut Self::RequestState, key: K, value: V) {
        self.0.fetch_add(1, Ordering::Relaxed);
        DefaultLifecycle::<K, V>::default().on_evict(state, key, value);
    }
}

/// Keys are SHA-256 already. The seed keeps strangers from choosing tokens that fall into one bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHasher {
    seed: u64,
}

pub(crate) struct Folding(u64);

impl KeyHasher {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }
}

impl BuildHasher for KeyHasher {
    type Hasher = Folding;
    fn build_hasher(&self) -> Folding {
        Folding(self.seed)
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.as_chunks().0 {
            self.0 = (self.0 ^ u64::from_be_bytes(*word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
        }
    }

    /// The key's length would add nothing to the hash.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::sha256;
    use crate::session::TokenDigest;

    fn key(text: &str) -> TokenDigest {
        TokenDigest::from_bytes(&sha256(text.as_bytes())).unwrap()
    }

    #[test]
    fn keys_spread_whatever_the_seed() {
        for seed in [0, 1, u64::MAX] {
            let hasher = KeyHasher::new(seed);
            let mut hashes: Vec<u64> = (0..10_000)
                .map(|n| hasher.hash_one(key(&format!("t{n}"))))
                .collect();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), 10_000);
            let low = hashes
                .iter()
                .filter(|hash| hash.trailing_zeros() >= 8)
                .count();
            assert!((10..80).contains(&low), "{low} of 10,000 in 1 of 256");
        }
        let word = |word: u64| {
            let mut hasher = KeyHasher::new(u64::MAX).build_hasher();
            hasher.write(&word.to_be_bytes());
            hasher.finish()
        };
        assert_ne!(word(1), word(2), "each bit counts, beside any other");
        let one = KeyHasher::new(1).hash_one(key("t"));
        assert_ne!(one, KeyHasher::new(2).hash_one(key("t")));
    }
}
