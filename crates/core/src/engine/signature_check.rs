//! Signature checks: the identity of a token by its signature, with the keys at hand.
//!
//! Calls nothing and caches nothing. An unknown key is no refusal by itself: the key set may have changed, and the caller
//! finds that out. A check may run on any thread and changes nothing. Its result counts for the token, the deployment and the
//! keys that it was made with, and for no other.

use std::sync::Arc;

use crate::cloud::model::CloudUser;
use crate::engine::Engine;
use crate::error::CloudApiError;
#[cfg(not(target_family = "wasm"))]
use crate::jwt;
use crate::jwt::{Claims, KeySet, Reason, Rules, Verified, host, is_long};
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
    /// The host, whose part it is, could not check the signature.
    Unchecked,
}

/// A signature check of one token, to be run on any thread, or in WebAssembly to be finished by the host.
pub struct SignatureCheck {
    of: Of,
    token: SessionToken,
    now: Timestamp,
}

/// The part of a [`SignatureCheck`] that is the host's: what comes before the signature is checked, the claims are unread.
pub struct HostCheck {
    check: SignatureCheck,
    asked: host::Asked,
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
            .is_some_and(|rules| is_long(self.token.expose(), &self.of.set, rules))
    }

    /// Checks signature and claims.
    #[cfg(not(target_family = "wasm"))]
    pub fn run(self) -> CheckedSignature {
        let found = self.rules().and_then(|rules| {
            let verified = jwt::verify(&self.token, &self.of.set, rules, self.now)?;
            Ok(self.identity(&verified))
        });
        CheckedSignature { of: self.of, found }
    }

    /// Checks all that comes before the signature.
    ///
    /// # Errors
    ///
    /// The result, where the host is not needed: a check failed, or the token is signed with the shared secret.
    #[allow(clippy::result_large_err, reason = "it is taken apart at once")]
    pub fn for_host(self) -> Result<HostCheck, CheckedSignature> {
        let begun = self.rules().and_then(|rules| {
            let begun = host::begin(self.token.expose(), &self.of.set, rules, self.now);
            begun.map_err(Into::into)
        });
        let found = match begun {
            Ok(host::Begun::Asks(asked)) => return Ok(HostCheck { check: self, asked }),
            Ok(host::Begun::Verified(verified)) => Ok(self.identity(&verified)),
            Err(error) => Err(error),
        };
        Err(CheckedSignature { of: self.of, found })
    }

    fn rules(&self) -> Result<&Rules, SignatureError> {
        self.of.rules().ok_or(SignatureError::NoKeys)
    }

    /// The identity by the token's claims.
    fn identity(&self, verified: &Verified<Claims>) -> Identity {
        let claims = verified.as_inner();
        let (session_id, end) = (claims.session_id().cloned(), claims.expires_at());
        let issued = claims.issued_at();
        let user = CloudUser::from_claims(verified, self.token.clone());
        let identity = Identity::new(self.of.key, user, session_id, Some(end));
        identity.begun(issued).issued(issued)
    }
}

impl HostCheck {
    /// The single-flight key: checks with the same key are one.
    pub const fn key(&self) -> TokenDigest {
        self.check.key()
    }

    /// What the host is to check.
    pub fn signature(&self) -> host::Signature<'_> {
        self.asked.signature(self.check.token.expose())
    }

    /// Checks the claims, where the host found the signature valid.
    pub fn finish(self, verdict: host::HostVerdict) -> CheckedSignature {
        let Self { check, asked } = self;
        let found = match verdict {
            host::HostVerdict::Valid => check.rules().and_then(|rules| {
                let verified = asked.signed(check.token.expose(), rules, check.now)?;
                Ok(check.identity(&verified))
            }),
            host::HostVerdict::Invalid => Err(Reason::BadSignature.into()),
            host::HostVerdict::BadKey => Err(SignatureError::UnknownKey),
            host::HostVerdict::Unchecked => Err(SignatureError::Unchecked),
        };
        CheckedSignature {
            of: check.of,
            found,
        }
    }
}

impl From<Reason> for SignatureError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::UnknownKey => Self::UnknownKey,
            reason => Self::Refused(reason.into()),
        }
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
    /// Checks a token's signature and claims. The identity is not cached yet. [`SignatureError::Unchecked`] where the
    /// signature is the host's to check.
    pub(crate) fn check_signature(
        self: &Arc<Self>,
        key: TokenDigest,
        token: &SessionToken,
        now: Now,
    ) -> Result<Identity, SignatureError> {
        let check = SignatureCheck::new(self, key, token, now).ok_or(SignatureError::NoKeys)?;
        #[cfg(not(target_family = "wasm"))]
        if !self.asks_host() {
            return check.run().found;
        }
        match check.for_host() {
            Ok(_) => Err(SignatureError::Unchecked),
            Err(checked) => checked.found,
        }
    }
}

redacted!(SignatureCheck, CheckedSignature, HostCheck);
