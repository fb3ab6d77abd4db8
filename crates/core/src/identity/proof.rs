//! Proof: whose a token is by its signature, with the keys at hand.
//!
//! Nothing is asked and nothing is remembered here. That a key is not known is no refusal by itself: which keys there are
//! may have changed, and the caller finds that out.

use super::Identity;
use super::authority::Authority;
use super::key::TokenKey;
use crate::error::CloudApiError;
use crate::jwt::{self, Reason};
use crate::model::CloudUser;
use crate::secret::SessionToken;
use crate::time::Now;

/// Why a token proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// It is not good, whatever keys there are.
    Refused(CloudApiError),
    /// None of the keys at hand is the one that it names.
    UnknownKey,
    /// There are no keys at hand.
    NoKeys,
}

impl Authority {
    /// Checks a token's signature and claims; the identity is not remembered yet.
    pub(crate) fn prove(
        &self,
        key: TokenKey,
        token: &SessionToken,
        now: Now,
    ) -> Result<Identity, Unproven> {
        let by_keys = self.config().verification.by_keys();
        let set = self.keys().and_then(|keys| keys.current(now));
        let (Some(by_keys), Some(set)) = (by_keys, set) else {
            return Err(Unproven::NoKeys);
        };
        match jwt::verify(token, &set, &by_keys.rules, now.wall) {
            Ok(verified) => {
                let claims = verified.as_inner();
                let (session_id, end) = (claims.session_id().cloned(), claims.expires_at());
                let begun = claims.issued_at();
                let user = CloudUser::from_claims(&verified, token.clone());
                Ok(Identity::new(key, user, session_id, Some(end)).begun(begun))
            }
            Err(Reason::UnknownKey) => Err(Unproven::UnknownKey),
            Err(reason) => Err(Unproven::Refused(reason.into())),
        }
    }
}
