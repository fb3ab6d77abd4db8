//! Everything that one deployment shares between its requests: the configuration and the state that time changes.
//!
//! One handle, made once, used by every flow of every driver. Holds no login in progress: those live in the browser.

use core::fmt;
use std::sync::Arc;

use super::Identity;
use super::breaker::Breaker;
use super::cache::{Cache, GrantsLookup, Lookup};
use super::key::TokenKey;
use super::spent::Spent;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{CloudApiError, Kind};
use crate::permission::Grants;
use crate::secret::{LoginSecret, SessionToken};
use crate::time::Now;
use crate::unverified::Unverified;

/// A deployment at work.
pub struct Authority {
    config: Arc<Config>,
    login_secret: LoginSecret,
    cache: Cache,
    breaker: Breaker,
    spent: Spent,
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
            login_secret: LoginSecret::new(derive(b"login")),
            cache: Cache::new(&policy, seed),
            breaker: Breaker::new(policy.breaker_failures, policy.breaker_pause),
            spent: Spent::new(policy.login_lifetime, policy.capacity),
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

    pub(crate) const fn login_secret(&self) -> &LoginSecret {
        &self.login_secret
    }

    pub(crate) const fn spent(&self) -> &Spent {
        &self.spent
    }

    pub(crate) fn key(&self, token: &str) -> TokenKey {
        TokenKey::new(&self.config, token)
    }

    pub(crate) fn lookup(&self, key: &TokenKey, now: Now) -> Lookup {
        self.cache.lookup(key, now)
    }

    pub(crate) fn remember(&self, identity: &Arc<Identity>, now: Now) -> bool {
        self.cache.remember(identity, now)
    }

    /// A refusal ends what was known; only a plain 401 is remembered itself, for it alone speaks of the token.
    pub(crate) fn refused(&self, key: TokenKey, error: &CloudApiError, now: Now) {
        if error.status() == 401 {
            self.cache.refuse(key, error.clone(), now);
        } else {
            self.cache.forget(&key);
        }
    }

    /// Denies a token here from now on: as long as it says it lives, or as long as a session can.
    pub(crate) fn sign_out(&self, token: &SessionToken, now: Now) {
        let longest = now.wall.plus(self.config.policy.session_max_age);
        let until = Unverified::peek(token)
            .expires_at
            .map_or(longest, |end| end.max(longest));
        self.cache.sign_out(self.key(token.expose()), until);
    }

    pub(crate) fn grants(&self, key: &TokenKey, now: Now) -> GrantsLookup {
        self.cache.grants(key, now)
    }

    pub(crate) fn remember_grants(&self, key: TokenKey, grants: Arc<Grants>, now: Now) {
        self.cache.remember_grants(key, grants, now);
    }

    /// Whether the Cloud may be asked now.
    pub(crate) fn may_ask(&self, now: Now) -> bool {
        self.breaker.admits(now)
    }

    /// Tells the breaker how a call went: a refusal is an answer, everything else of the Cloud or the network is not.
    pub(crate) fn asked<T>(&self, result: &Result<T, CloudApiError>, now: Now) {
        match result {
            Err(error)
                if !error.is_refusal() && matches!(error.kind(), Kind::Cloud | Kind::Network) =>
            {
                self.breaker.failed(now);
            }
            _ => self.breaker.succeeded(),
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
