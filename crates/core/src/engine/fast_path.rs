//! The digest of a token, and the fast path of a cache hit. A token that was seen a moment ago is not hashed again.

use std::sync::Arc;

use crate::engine::Engine;
use crate::session::{Identity, TokenDigest};
use crate::time::Now;

impl Engine {
    /// The digest of a token: its key in every table.
    pub(crate) fn key(&self, token: &str) -> TokenDigest {
        let token = token.as_bytes();
        self.cache
            .hot_digest(token)
            .unwrap_or_else(|| self.scope.key(token))
    }

    /// The cached identity of a token, where it is fresh and `wanted`. It is counted, as a lookup and as an answer.
    ///
    /// # Errors
    ///
    /// The token's digest, for the full lookup.
    pub(crate) fn fast_lookup(
        &self,
        token: &[u8],
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Result<Arc<Identity>, TokenDigest> {
        let digest = || self.scope.key(token);
        let identity = self.cache.fast_lookup(token, digest, wanted, now)?;
        self.counters.fast_hit(identity.serial());
        Ok(identity)
    }
}
