//! The fast path of a cache hit.

use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::hot_tokens::Hit;
use crate::session::Identity;
use crate::session::TokenDigest;
use crate::time::Now;

impl Cache {
    /// The identity of a token, where it is fresh, needs no refresh and is `wanted`. A full lookup would give the same. Not
    /// counted here.
    pub(crate) fn fast_lookup(
        &self,
        token: &[u8],
        key: impl FnOnce() -> TokenDigest,
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Option<Arc<Identity>> {
        // Read before the lookup, so that a change meanwhile makes the result worthless.
        let epoch = self.writes.epoch();
        let found = match self.hot_tokens.find(token) {
            Some(found) if found.epoch == epoch => found,
            earlier => {
                let key = earlier.map_or_else(key, |earlier| earlier.identity.key());
                let (identity, verified) = self.identities.get(&key)?;
                let found = Hit {
                    identity,
                    verified,
                    epoch,
                };
                self.hot_tokens.keep(&found);
                found
            }
        };
        let identity = found.identity;
        let age = now.monotonic.saturating_sub(found.verified);
        let is_fresh = age < self.due || (age < self.fresh && identity.is_refresh_claimed());
        (is_fresh && !self.is_over(&identity, now) && wanted(&identity)).then_some(identity)
    }

    /// A token's key, where it was seen a moment ago.
    pub(crate) fn hot_digest(&self, token: &[u8]) -> Option<TokenDigest> {
        self.hot_tokens
            .find(token)
            .map(|found| found.identity.key())
    }
}
