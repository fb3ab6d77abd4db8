//! A glance at who is remembered: the shortest of looks.

use std::sync::Arc;

use super::Cache;
use crate::identity::Identity;
use crate::identity::key::TokenKey;
use crate::identity::recall::Found;
use crate::time::Now;

impl Cache {
    /// Whose a token is, where that is fresh, nothing is to be done about it and it is `wanted`. What it says, a look would say
    /// too. Not counted here.
    pub(crate) fn glance(
        &self,
        token: &[u8],
        key: impl FnOnce() -> TokenKey,
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Option<Arc<Identity>> {
        // Before the look: what changes meanwhile makes what was found worth nothing.
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
