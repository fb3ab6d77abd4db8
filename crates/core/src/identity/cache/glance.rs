//! The fast path of a cache hit.

use std::sync::Arc;

use super::Cache;
use crate::identity::Identity;
use crate::identity::key::TokenKey;
use crate::identity::recall::Found;
use crate::time::Now;

impl Cache {
    /// The identity of a token, where it is fresh, needs no refresh and is `wanted`. A full lookup would give the same. Not
    /// counted here.
    pub(crate) fn glance(
        &self,
        token: &[u8],
        key: impl FnOnce() -> TokenKey,
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Option<Arc<Identity>> {
        // Read before the lookup, so that a change meanwhile makes the result worthless.
        let changes = self.writing.changes();
        let found = match self.recall.find(token) {
            Some(found) if found.changes == changes => found,
            earlier => {
                let key = earlier.map_or_else(key, |earlier| earlier.identity.key());
                let (identity, verified) = self.identities.get(&key)?;
                let found = Found {
                    identity,
                    verified,
                    changes,
                };
                self.recall.keep(&found);
                found
            }
        };
        let identity = found.identity;
        let age = now.monotonic.saturating_sub(found.verified);
        let is_fresh = age < self.due || (age < self.fresh && identity.is_looked_ahead());
        (is_fresh && !self.is_over(&identity, now) && wanted(&identity)).then_some(identity)
    }

    /// A token's key, where it was seen a moment ago.
    pub(crate) fn recalled(&self, token: &[u8]) -> Option<TokenKey> {
        self.recall.find(token).map(|found| found.identity.key())
    }
}
