//! The key of a token, and the fast path of a cache hit. A token that was seen a moment ago is not hashed again.

use std::sync::Arc;

use super::Authority;
use crate::identity::Identity;
use crate::identity::key::TokenKey;
use crate::time::Now;

impl Authority {
    /// The cache key of a token.
    pub(crate) fn key(&self, token: &str) -> TokenKey {
        let token = token.as_bytes();
        self.cache
            .recalled(token)
            .unwrap_or_else(|| self.scope.key(token))
    }

    /// The cached identity of a token, where it is fresh and `wanted`. It is counted, as a lookup and as an answer.
    pub(crate) fn glance(
        &self,
        token: &[u8],
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Option<Arc<Identity>> {
        let key = || self.scope.key(token);
        let identity = self.cache.glance(token, key, wanted, now)?;
        self.tally.glanced(identity.serial());
        Some(identity)
    }
}
