//! Signature checks: the identity of a token by its signature, with the keys at hand.
//!
//! Calls nothing and caches nothing. An unknown key is no refusal by itself: the key set may have changed, and the caller
//! finds that out. A check may run on any thread and changes nothing. Its result counts for the token, the deployment and the
//! keys that it was made with, and for no other.

use std::sync::Arc;

use crate::cloud::model::CloudUser;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::jwt::{self, KeySet, Reason, Rules};
use crate::secret::SessionToken;
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};

/// Why a token proves no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// It is invalid, whatever keys there are.
    Refused(CloudApiError),
    /// None of the keys at hand is the one that it names.
    UnknownKey,
    /// There are no keys at hand.
    NoKeys,
}

/// A signature check of one token, to be run on any thread.
pub struct SignatureCheck {
    of: Of,
    token: SessionToken,
    now: Timestamp,
}

/// The result of a [`SignatureCheck`]. Only a check makes one.
#[derive(Clone)]
pub struct CheckedSignature {
    of: Of,
    found: Result<Identity, SignatureError>,
}

/// The token, deployment and keys that a check is for.
#[derive(Clone)]
struct Of {
    engine: Arc<Engine>,
    key: TokenDigest,
    set: Arc<KeySet>,
}

impl SignatureCheck {
    /// None where there are no keys at hand. Times are judged by `now`; whether the session is over is checked again when the
    /// result is used.
    pub(crate) fn new(
        engine: &Arc<Engine>,
        key: TokenDigest,
        token: &SessionToken,
        now: Now,
    ) -> Option<Self> {
        let set = engine.keys()?.current(now)?;
        Some(Self {
            of: Of {
                engine: Arc::clone(engine),
                key,
                set,
            },
            token: token.clone(),
            now: now.wall,
        })
    }

    /// The single-flight key: checks with the same key are one.
    pub const fn key(&self) -> TokenDigest {
        self.of.key
    }

    /// Whether the check takes so long that it is worth another thread. Reads only the token's header.
    pub fn is_long(&self) -> bool {
        self.of
            .rules()
            .is_some_and(|rules| jwt::is_long(self.token.expose(), &self.of.set, rules))
    }

    /// Checks signature and claims.
    pub fn run(self) -> CheckedSignature {
        let Self { of, token, now } = self;
        let found = match of.rules() {
            Some(rules) => verify(of.key, &token, &of.set, rules, now),
            None => Err(SignatureError::NoKeys),
        };
        CheckedSignature { of, found }
    }
}

impl CheckedSignature {
    /// The result for this token by the keys in use now; none where the check was for another token, deployment or key set.
    pub(crate) fn of(
        self,
        engine: &Arc<Engine>,
        key: &TokenDigest,
        now: Now,
    ) -> Option<Result<Identity, SignatureError>> {
        let set = engine.keys()?.current(now)?;
        let is_of_it = Arc::ptr_eq(&self.of.engine, engine)
            && self.of.key == *key
            && Arc::ptr_eq(&self.of.set, &set);
        is_of_it.then_some(self.found)
    }
}

impl Of {
    fn rules(&self) -> Option<&Rules> {
        let by_keys = self.engine.config().verification.by_keys()?;
        Some(&by_keys.rules)
    }
}

impl Engine {
    /// Checks a token's signature and claims. The identity is not cached yet.
    pub(crate) fn check_signature(
        &self,
        key: TokenDigest,
        token: &SessionToken,
        now: Now,
    ) -> Result<Identity, SignatureError> {
        let by_keys = self.config().verification.by_keys();
        let set = self.keys().and_then(|keys| keys.current(now));
        let (Some(by_keys), Some(set)) = (by_keys, set) else {
            return Err(SignatureError::NoKeys);
        };
        verify(key, token, &set, &by_keys.rules, now.wall)
    }
}

fn verify(
    key: TokenDigest,
    token: &SessionToken,
    set: &KeySet,
    rules: &Rules,
    now: Timestamp,
) -> Result<Identity, SignatureError> {
    match jwt::verify(token, set, rules, now) {
        Ok(verified) => {
            let claims = verified.as_inner();
            let (session_id, end) = (claims.session_id().cloned(), claims.expires_at());
            let issued = claims.issued_at();
            let user = CloudUser::from_claims(&verified, token.clone());
            let identity = Identity::new(key, user, session_id, Some(end));
            Ok(identity.begun(issued).issued(issued))
        }
        Err(Reason::UnknownKey) => Err(SignatureError::UnknownKey),
        Err(reason) => Err(SignatureError::Refused(reason.into())),
    }
}

redacted!(SignatureCheck, CheckedSignature);
