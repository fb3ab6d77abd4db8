//! The hot-token cache: the identity of a token that was seen a moment ago, without hashing the token or reading the table.
//!
//! Hashing a token is most of what a cache hit costs. So a direct-mapped array keeps what was found for the tokens in use. A
//! token's last bytes and a secret seed choose the slot. Each slot keeps the table's write epoch too. After any write
//! to the table, such as a sign-out, a slot's identity no longer counts. The slot then gives only the token's digest, and
//! the caller reads the table. So no slot needs to be cleared, and slots hold weak references: none keeps an identity alive.
//!
//! The whole token is compared, in constant time. A request reaches the comparison only if its token has the same last bytes.
//! No thread waits: a contended slot counts as a miss.

use std::sync::{Arc, Weak};

use super::Cache;
use crate::secret::Form;
use crate::session::{Identity, TokenDigest};
use crate::sync::Mutex;
use crate::time::Now;

/// Most slots, of 40 bytes each; more identities than that share them.
const MOST: usize = 4096;
/// How many of a token's last bytes choose the slot: of a signature, 96 bits.
const END: usize = 16;

pub(crate) struct HotTokens {
    seed: u64,
    slots: Box<[Mutex<Option<Slot>>]>,
}

struct Slot {
    mark: u64,
    identity: Weak<Identity>,
    epoch: u64,
}

/// An entry found in the table.
struct Hit {
    identity: Arc<Identity>,
    /// The write epoch before the lookup.
    epoch: u64,
}

impl Cache {
    /// The identity of a token, where it is fresh, needs no refresh and is `wanted`. A full lookup would give the same. Not
    /// counted here.
    ///
    /// # Errors
    ///
    /// The token's digest, for the full lookup.
    pub(crate) fn fast_lookup(
        &self,
        token: (&[u8], Form),
        digest: impl FnOnce() -> TokenDigest,
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Result<Arc<Identity>, TokenDigest> {
        // Read before the lookup, so that a change meanwhile makes the result worthless.
        let epoch = self.writes.epoch();
        let found = match self.hot_tokens.find(token.0, token.1) {
            Some(found) if found.epoch == epoch => found,
            earlier => {
                let digest = earlier.map_or_else(digest, |earlier| earlier.identity.key());
                let identity = self.identities.get(&digest).ok_or(digest)?;
                let found = Hit { identity, epoch };
                self.hot_tokens.keep(&found);
                found
            }
        };
        let identity = found.identity;
        let age = identity.age(now);
        let is_fresh = age < self.due || (age < self.fresh && identity.is_refresh_claimed());
        if is_fresh && identity.may_be_fresh() && !self.is_over(&identity, now) && wanted(&identity)
        {
            Ok(identity)
        } else {
            Err(identity.key())
        }
    }

    /// A token's digest, where it was seen a moment ago.
    pub(crate) fn hot_digest(&self, token: &[u8], form: Form) -> Option<TokenDigest> {
        self.hot_tokens
            .find(token, form)
            .map(|found| found.identity.key())
    }
}

impl HotTokens {
    pub(crate) fn new(seed: u64, capacity: usize) -> Self {
        let slots = capacity.clamp(1, MOST).next_power_of_two();
        Self {
            seed,
            slots: (0..slots).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// The hot entry of a token.
    fn find(&self, token: &[u8], form: Form) -> Option<Hit> {
        let mark = self.mark(token);
        let slot = self.slot(mark)?.try_lock().ok()?;
        let slot = slot.as_ref().filter(|slot| slot.mark == mark)?;
        let identity = slot.identity.upgrade()?;
        let own = identity.user().session_token();
        (own.form() == form && own.is(token)).then_some(Hit {
            identity,
            epoch: slot.epoch,
        })
    }

    /// Keeps an entry hot, for as long as another owner keeps the identity.
    fn keep(&self, found: &Hit) {
        let token = found.identity.user().session_token();
        let mark = self.mark(token.expose().as_bytes());
        if let Some(Ok(mut slot)) = self.slot(mark).map(Mutex::try_lock) {
            *slot = Some(Slot {
                mark,
                identity: Arc::downgrade(&found.identity),
                epoch: found.epoch,
            });
        }
    }

    fn slot(&self, mark: u64) -> Option<&Mutex<Option<Slot>>> {
        // The number of slots is a power of two.
        let last = u64::try_from(self.slots.len().checked_sub(1)?).ok()?;
        self.slots.get(usize::try_from(mark & last).ok()?)
    }

    fn mark(&self, token: &[u8]) -> u64 {
        let end = token.len().saturating_sub(END);
        let (words, rest) = token.get(end..).unwrap_or_default().as_chunks::<8>();
        let length = u64::try_from(token.len()).unwrap_or(u64::MAX);
        let rest = rest
            .iter()
            .fold(length, |word, byte| (word << 8) | u64::from(*byte));
        words
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .fold(mix(self.seed, rest), mix)
    }
}

/// One step of a hash that spreads its input over all bits. It decides only which tokens share a slot; nothing secret may
/// depend on it.
const fn mix(so_far: u64, word: u64) -> u64 {
    let mixed = (so_far ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::model::CloudUser;
    use crate::encoding::sha256;
    use crate::json::Object;
    use crate::secret::SessionToken;

    fn found(token: &str) -> Hit {
        let record = serde_json::json!({ "id": "usr_1", "email": "", "created_at": 0 });
        let object = Object::new(&record, "user").unwrap();
        let user = CloudUser::read(object, SessionToken::parse(token).unwrap()).unwrap();
        let key = TokenDigest::from_bytes(&sha256(token.as_bytes())).unwrap();
        Hit {
            identity: Arc::new(Identity::new(key, user, None, None)),
            epoch: 5,
        }
    }

    fn is_kept(hot_tokens: &HotTokens, kept: &Hit) -> bool {
        let token = kept.identity.user().session_token().expose();
        let Some(found) = hot_tokens.find(token.as_bytes(), Form::Bearer) else {
            return false;
        };
        assert!(Arc::ptr_eq(&found.identity, &kept.identity));
        assert_eq!(found.epoch, kept.epoch);
        true
    }

    #[test]
    fn what_was_kept_is_at_hand_and_nothing_else() {
        let hot_tokens = HotTokens::new(7, 100);
        let text = format!(
            "{}.end-of-a-signature-that-all-of-them-share",
            "a".repeat(500)
        );
        let kept = found(&text);
        assert!(!is_kept(&hot_tokens, &kept));
        hot_tokens.keep(&kept);
        assert!(is_kept(&hot_tokens, &kept));
        // The same slot and the same mark: the difference is before the bytes that both are made of.
        let other = text.replacen('a', "b", 1);
        assert_eq!(
            hot_tokens.mark(other.as_bytes()),
            hot_tokens.mark(text.as_bytes())
        );
        assert!(hot_tokens.find(other.as_bytes(), Form::Bearer).is_none());
        for other in ["", "a", text.get(1..).unwrap()] {
            assert!(
                hot_tokens.find(other.as_bytes(), Form::Bearer).is_none(),
                "{other}"
            );
        }
    }

    #[test]
    fn an_identity_that_nobody_keeps_is_gone() {
        let hot_tokens = HotTokens::new(7, 100);
        let kept = found("a-token");
        hot_tokens.keep(&kept);
        drop(kept);
        assert!(hot_tokens.find(b"a-token", Form::Bearer).is_none());
    }

    #[test]
    fn nobody_waits_for_a_place() {
        let hot_tokens = HotTokens::new(7, 100);
        let kept = found("a-token");
        hot_tokens.keep(&kept);
        let slot = hot_tokens.slot(hot_tokens.mark(b"a-token")).unwrap();
        let held = slot.lock().unwrap();
        assert!(hot_tokens.find(b"a-token", Form::Bearer).is_none());
        hot_tokens.keep(&found("a-token"));
        drop(held);
        assert!(is_kept(&hot_tokens, &kept));
    }

    #[test]
    fn places_are_bounded_and_tokens_spread_over_them() {
        for (capacity, slots) in [(0, 1), (1, 1), (100, 128), (4096, 4096), (1_000_000, 4096)] {
            assert_eq!(HotTokens::new(7, capacity).slots.len(), slots);
        }
        assert!(size_of::<Mutex<Option<Slot>>>() <= 40);
        let hot_tokens = HotTokens::new(7, 1024);
        let all: Vec<_> = (0..1024).map(|n| found(&format!("tok_{n}"))).collect();
        for one in &all {
            hot_tokens.keep(one);
        }
        // 1024 tokens fall into 1024 slots by chance, which leaves 1 - 1/e of them: 647.
        let kept = all.iter().filter(|one| is_kept(&hot_tokens, one)).count();
        assert!((590..710).contains(&kept), "{kept}");
    }

    #[test]
    fn the_seed_chooses_the_places() {
        let mark = |seed| HotTokens::new(seed, 100).mark(b"a-token");
        assert_ne!(mark(1), mark(2));
    }
}
