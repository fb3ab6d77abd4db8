//! Proof: whose a token is by its signature, with the keys at hand.
//!
//! Nothing is asked and nothing is remembered here. That a key is not known is no refusal by itself: which keys there are
//! may have changed, and the caller finds that out. A check may be run on any thread: it changes nothing, and what came of it
//! is good for the token, the deployment and the keys that it was made with, and for no other.

use core::fmt;
use std::sync::Arc;

use super::Identity;
use super::authority::Authority;
use super::key::TokenKey;
use crate::error::CloudApiError;
use crate::jwt::{self, KeySet, Reason, Rules};
use crate::model::CloudUser;
use crate::secret::SessionToken;
use crate::time::{Now, Timestamp};

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

/// One token that is to be checked.
pub struct Check {
    of: Of,
    token: SessionToken,
    now: Timestamp,
}

/// What came of a check. Nobody can make one by hand.
#[derive(Clone)]
pub struct Checked {
    of: Of,
    found: Result<Identity, Unproven>,
}

/// What a check is good for.
#[derive(Clone)]
struct Of {
    authority: Arc<Authority>,
    key: TokenKey,
    set: Arc<KeySet>,
}

impl Check {
    /// None where there are no keys at hand. Times are judged by this moment; whether the session is over is looked at again
    /// when the answer is used.
    pub(crate) fn new(
        authority: &Arc<Authority>,
        key: TokenKey,
        token: &SessionToken,
        now: Now,
    ) -> Option<Self> {
        let set = authority.keys()?.current(now)?;
        Some(Self {
            of: Of {
                authority: Arc::clone(authority),
                key,
                set,
            },
            token: token.clone(),
            now: now.wall,
        })
    }

    /// What two of these must share to be one.
    pub const fn key(&self) -> TokenKey {
        self.of.key
    }

    /// Whether it takes so long that another thread is worth the way there. Looks at no more of the token than its header.
    pub fn is_long(&self) -> bool {
        self.of
            .rules()
            .is_some_and(|rules| jwt::is_long(self.token.expose(), &self.of.set, rules))
    }

    /// Checks signature and claims.
    pub fn run(self) -> Checked {
        let Self { of, token, now } = self;
        let found = match of.rules() {
            Some(rules) => judge(of.key, &token, &of.set, rules, now),
            None => Err(Unproven::NoKeys),
        };
        Checked { of, found }
    }
}

impl Checked {
    /// What the signature says of this token by the keys that are at hand now; none where that was not what was checked.
    pub(crate) fn of(
        self,
        authority: &Arc<Authority>,
        key: &TokenKey,
        now: Now,
    ) -> Option<Result<Identity, Unproven>> {
        let set = authority.keys()?.current(now)?;
        let is_of_it = Arc::ptr_eq(&self.of.authority, authority)
            && self.of.key == *key
            && Arc::ptr_eq(&self.of.set, &set);
        is_of_it.then_some(self.found)
    }
}

impl Of {
    fn rules(&self) -> Option<&Rules> {
        let by_keys = self.authority.config().verification.by_keys()?;
        Some(&by_keys.rules)
    }
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
        judge(key, token, &set, &by_keys.rules, now.wall)
    }
}

fn judge(
    key: TokenKey,
    token: &SessionToken,
    set: &KeySet,
    rules: &Rules,
    now: Timestamp,
) -> Result<Identity, Unproven> {
    match jwt::verify(token, set, rules, now) {
        Ok(verified) => {
            let claims = verified.as_inner();
            let (session_id, end) = (claims.session_id().cloned(), claims.expires_at());
            let issued = claims.issued_at();
            let user = CloudUser::from_claims(&verified, token.clone());
            let identity = Identity::new(key, user, session_id, Some(end));
            Ok(identity.begun(issued).issued(issued))
        }
        Err(Reason::UnknownKey) => Err(Unproven::UnknownKey),
        Err(reason) => Err(Unproven::Refused(reason.into())),
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").finish_non_exhaustive()
    }
}
