//! Everything that one deployment shares between its requests: the configuration and the state that time changes.
//!
//! One handle, made once, used by every flow of every driver. Holds no login in progress: those live in the browser.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::Identity;
use super::breaker::{Admission, Breaker, BreakerState};
use super::cache::{Cache, GrantsLookup, Lookup};
use super::key::{Scope, TokenKey};
use super::spent::Spent;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::CloudApiError;
use crate::ids::UserId;
use crate::permission::Grants;
use crate::secret::{LoginSecret, SessionToken};
use crate::tally::Tally;
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// A deployment at work.
pub struct Authority {
    config: Arc<Config>,
    scope: Scope,
    login_secret: LoginSecret,
    cache: Cache,
    breaker: Breaker,
    spent: Spent,
    tally: Tally,
}

impl Authority {
    /// Sets a deployment to work; `entropy` seeds what must not be guessed.
    pub fn new(config: Config, entropy: Entropy) -> Arc<Self> {
        let bytes = entropy.into_bytes();
        let derive = |purpose: &[u8]| crate::encoding::hmac_parts(bytes.as_slice(), &[purpose]);
        let seed = derive(b"cache")
            .iter()
            .take(8)
            .fold(0_u64, |seed, byte| (seed << 8) | u64::from(*byte));
        let policy = config.policy.clone();
        Arc::new(Self {
            scope: Scope::new(&config),
            login_secret: LoginSecret::new(derive(b"login")),
            cache: Cache::new(&policy, seed),
            breaker: Breaker::new(policy.breaker_failures, policy.breaker_pause),
            spent: Spent::new(policy.login_lifetime, policy.capacity),
            tally: Tally::default(),
            config: Arc::new(config),
        })
    }

    /// The deployment's configuration.
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// How many identities and how many refusals are remembered.
    pub fn remembered(&self) -> (usize, usize) {
        self.cache.len()
    }

    /// What happened so far, counted.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the Cloud is asked now. Changes nothing.
    pub fn breaker_state(&self, now: Now) -> BreakerState {
        self.breaker.state(now)
    }

    /// How long ago the key set was fetched; none where signatures are not checked with fetched keys.
    #[allow(
        clippy::unused_self,
        reason = "identities come from the Cloud alone so far"
    )]
    pub const fn keys_age(&self, _now: Now) -> Option<Duration> {
        None
    }

    /// How long ago this instance last heard what others revoked; none where revocations are not shared.
    #[allow(clippy::unused_self, reason = "revocations are not shared so far")]
    pub const fn revocation_lag(&self, _now: Now) -> Option<Duration> {
        None
    }

    pub(crate) const fn login_secret(&self) -> &LoginSecret {
        &self.login_secret
    }

    pub(crate) const fn spent(&self) -> &Spent {
        &self.spent
    }

    pub(crate) fn key(&self, token: &str) -> TokenKey {
        self.scope.key(token)
    }

    pub(crate) fn lookup(&self, key: &TokenKey, now: Now) -> Lookup {
        self.cache.lookup(key, now)
    }

    /// Remembers an identity that was verified now, with what was known of its session; none where it was signed out
    /// meanwhile.
    pub(crate) fn remember(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        self.cache.remember(identity, now)
    }

    /// Remembers who signed in now, in place of what was known of the token before: the Cloud's word on the session is new.
    pub(crate) fn remember_sign_in(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        self.cache.forget(&identity.key());
        self.cache.remember(identity, now)
    }

    /// What was verified of a token once, however long ago.
    pub(crate) fn seen(&self, key: &TokenKey) -> Option<Arc<Identity>> {
        self.cache.seen(key)
    }

    /// A refusal ends what was known; only a plain 401 is remembered itself, for it alone speaks of the token.
    pub(crate) fn refused(&self, key: TokenKey, error: &CloudApiError, now: Now) {
        if error.status() == 401 {
            self.cache.refuse(key, error.clone(), now);
        } else {
            self.cache.forget(&key);
        }
    }

    /// Denies a token here from now on: as long as its session is known to live, or as long as one can.
    pub(crate) fn sign_out(&self, token: &SessionToken, known_end: Option<Timestamp>, now: Now) {
        let longest = now.wall.plus(self.config.policy.session_max_age);
        let until = [Unverified::peek(token).expires_at, known_end]
            .into_iter()
            .flatten()
            .fold(longest, Timestamp::max);
        self.cache.sign_out(self.key(token.expose()), until);
    }

    /// Whether a token was signed out here.
    pub fn is_signed_out(&self, token: &SessionToken, now: Now) -> bool {
        matches!(
            self.lookup(&self.key(token.expose()), now),
            Lookup::SignedOut
        )
    }

    pub(crate) fn grants(&self, key: &TokenKey, user: &UserId, now: Now) -> GrantsLookup {
        self.cache.grants(key, user, now)
    }

    pub(crate) fn remember_grants(
        &self,
        key: TokenKey,
        user: UserId,
        grants: Arc<Grants>,
        now: Now,
    ) {
        self.cache.remember_grants(key, user, grants, now);
    }

    /// Leave to ask the Cloud, where it may be asked now.
    pub(crate) fn may_ask(self: &Arc<Self>, now: Now) -> Option<Permit> {
        let trial = match self.breaker.admits(now) {
            Admission::No => return None,
            Admission::Yes => None,
            Admission::Trial(trial) => Some(trial),
        };
        Some(Permit {
            authority: Arc::clone(self),
            trial,
        })
    }
}

/// Leave to ask the Cloud once, to be used up by saying what came of it.
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit {
    authority: Arc<Authority>,
    trial: Option<Duration>,
}

impl Permit {
    /// Tells the breaker how the call went. A refusal is an answer; what says nothing of the Cloud's health is not told.
    pub(crate) fn report<T>(mut self, result: &Result<T, CloudApiError>, now: Now) {
        match result {
            Err(error) if error.is_outage() => self.authority.breaker.failed(now),
            Err(error) if !error.is_refusal() => return,
            _ => self.authority.breaker.succeeded(),
        }
        self.trial = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(trial) = self.trial {
            self.authority.breaker.hand_back(trial);
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("project_id", &self.config.project_id)
            .finish_non_exhaustive()
    }
}
