//! The fast path of a cache hit: the look-up in the table.

use std::sync::Arc;

use super::Cache;
use crate::cache::hot_tokens::Hit;
use crate::session::{Identity, TokenDigest};
use crate::time::Now;

impl Cache {
    /// The identity of a token, where it is fresh, needs no refresh and is `wanted`. A full lookup would give the same. Not
    /// counted here.
    ///
    /// # Errors
    ///
    /// The token's digest, for the full lookup.
    pub(crate) fn fast_lookup(
        &self,
        token: &[u8],
        digest: impl FnOnce() -> TokenDigest,
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Result<Arc<Identity>, TokenDigest> {
        // Read before the lookup, so that a change meanwhile makes the result worthless.
        let epoch = self.writes.epoch();
        let found = match self.hot_tokens.find(token) {
            Some(found) if found.epoch == epoch => found,
            earlier => {
                let digest = earlier.map_or_else(digest, |earlier| earlier.identity.key());
                let (identity, verified) = self.identities.get(&digest).ok_or(digest)?;
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
        if is_fresh && !self.is_over(&identity, now) && wanted(&identity) {
            Ok(identity)
        } else {
            Err(identity.key())
        }
    }

    /// A token's digest, where it was seen a moment ago.
    pub(crate) fn hot_digest(&self, token: &[u8]) -> Option<TokenDigest> {
        self.hot_tokens
            .find(token)
            .map(|found| found.identity.key())
    }
}
