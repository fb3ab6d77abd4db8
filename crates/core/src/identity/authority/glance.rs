//! The key of a token, and who is remembered: with the token's digest where it is new, and without where it was seen a moment
//! ago.

use std::sync::Arc;

use super::Authority;
use crate::identity::Identity;
use crate::identity::key::TokenKey;
use crate::time::Now;

impl Authority {
    /// What a token is remembered under.
    pub(crate) fn key(&self, token: &str) -> TokenKey {
        let token = token.as_bytes();
        self.cache
            .recalled(token)
            .unwrap_or_else(|| self.scope.key(token))
    }

    /// Who a token belongs to, where that is remembered, fresh and `wanted`; counted then, as a look and as an
    /// answer.
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
