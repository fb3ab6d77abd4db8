//! The shared state of one deployment: its configuration, caches, deny list, breaker and counters.
//!
//! One handle, made once, serves every flow of every driver. Holds no login in progress: those live in the browser.

pub(crate) mod breaker;
mod catch_up;
mod channel_worker;
mod clock_ahead;
#[cfg(all(test, shuttle))]
mod interleavings;
pub(crate) mod jwks_cache;
mod last_site;
mod logout_pages;
pub(crate) mod recent_sign_ins;
mod revocations;
pub(crate) mod rotated_tokens;
mod session_cookies;
pub(crate) mod shared_sessions;
pub(crate) mod signature_check;
mod used_once;

pub use breaker::BreakerState;
pub use catch_up::{CatchUp, CaughtUp};
pub use channel_worker::{ChannelEvent, ChannelWorker, Retry};
pub use recent_sign_ins::SignedIn;
pub use revocations::Applied;
pub use shared_sessions::Replies;
pub use signature_check::{CheckedSignature, HostCheck, SignatureCheck};

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::statistics::Statistics;
use crate::cloud::model::{CloudSession, derived_session_id};
use crate::cloud::ops::logout_page::logout_url;
use crate::config::Config;
use crate::counters::Counters;
use crate::engine::breaker::{Admission, Breaker, CallKind};
use crate::engine::clock_ahead::ClockAhead;
use crate::engine::jwks_cache::JwksCache;
use crate::engine::last_site::LastSite;
use crate::engine::logout_pages::LogoutPages;
use crate::engine::recent_sign_ins::SignIns;
use crate::engine::rotated_tokens::RotatedTokens;
use crate::engine::shared_sessions::SharedSessions;
use crate::engine::used_once::UsedOnce;
use crate::entropy::Entropy;
use crate::error::{CloudApiError, Code};
use crate::ids::{SessionId, UserId};
use crate::revocation::Namespace;
use crate::revocation::outbox::Outbox;
use crate::revocation::remote_limits::RemoteLimits;
use crate::secret::{Form, LoginSecret, SessionToken};
use crate::session::Identity;
use crate::session::lookup::{Lookup, Refusal};
use crate::session::token_digest::{DeploymentDigest, TokenDigest};
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;
use crate::url::RedirectUri;

/// How long a sealed session that was verified here may outlive its refusal.
const OUTLIVED: Duration = Duration::from_secs(30);

/// The shared state of one deployment.
pub struct Engine {
    config: Arc<Config>,
    scope: DeploymentDigest,
    keys: Option<JwksCache>,
    namespace: Namespace,
    login_secret: LoginSecret,
    pub(crate) cache: Cache,
    outbox: Outbox,
    remote_limits: RemoteLimits,
    breaker: Breaker,
    replay_guard: UsedOnce,
    /// Separate, so that no stranger on the channel can evict a callback that was used on this instance.
    remote_replay_guard: UsedOnce,
    sign_ins: SignIns,
    rotated_tokens: RotatedTokens,
    shared_sessions: SharedSessions,
    /// Tokens whose renewal one caller claimed.
    renewals: UsedOnce,
    /// Tokens past their end whose renewal failed.
    failed_renewals: UsedOnce,
    counters: Counters,
    last_site: LastSite,
    logout_pages: LogoutPages,
    pub(crate) ahead: ClockAhead,
    asks_host: bool,
}

impl Engine {
    /// Makes the state of a deployment: caches, deny list, breaker and keys, for as long as the process runs. `entropy` seeds the
    /// login secret and the table's hashing, which must not be guessed.
    pub fn new(config: Config, entropy: Entropy) -> Arc<Self> {
        Arc::new(Self::open(config, entropy))
    }

    /// The state of a deployment whose host checks signatures ([`SignatureCheck::for_host`]), as in WebAssembly each one's does.
    pub fn asking_host(config: Config, entropy: Entropy) -> Arc<Self> {
        Arc::new(Self {
            asks_host: true,
            ..Self::open(config, entropy)
        })
    }

    fn open(config: Config, entropy: Entropy) -> Self {
        let bytes = entropy.into_bytes();
        let derive = |purpose: &[u8]| crate::encoding::hmac_parts(bytes.as_slice(), &[purpose]);
        let seed = derive(b"cache");
        let seed = seed
            .first_chunk()
            .map_or(0, |seed| u64::from_be_bytes(*seed));
        let policy = config.policy.clone();
        let scope = DeploymentDigest::new(&config);
        let cache = Cache::new(&policy, &config.verification, seed);
        Self {
            asks_host: cfg!(target_family = "wasm"),
            namespace: Namespace::new(&scope),
            scope,
            login_secret: LoginSecret::new(derive(b"login")),
            keys: config
                .verification
                .by_keys()
                .map(|keys| JwksCache::new(&keys.source, &policy)),
            remote_limits: RemoteLimits::new(policy.session_max_age, cache.leeway()),
            cache,
            outbox: Outbox::default(),
            breaker: Breaker::new(policy.breaker_failures, policy.breaker_pause),
            replay_guard: UsedOnce::new(policy.login_lifetime, policy.max_entries),
            remote_replay_guard: UsedOnce::new(policy.login_lifetime, policy.max_entries),
            sign_ins: SignIns::default(),
            rotated_tokens: RotatedTokens::new(policy.max_entries),
            shared_sessions: SharedSessions::default(),
            renewals: UsedOnce::new(policy.renew_before / 4, policy.max_entries),
            failed_renewals: UsedOnce::new(policy.refused, policy.max_entries),
            counters: Counters::default(),
            last_site: LastSite::default(),
            logout_pages: LogoutPages::default(),
            ahead: ClockAhead::default(),
            config: Arc::new(config),
        }
    }

    /// Whether the host checks signatures: each [`Step::Check`](crate::flow::Step::Check) is then finished with
    /// [`SignatureCheck::for_host`].
    pub const fn asks_host(&self) -> bool {
        self.asks_host
    }

    /// The deployment's configuration.
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The number of cached identities, and of cached refusals.
    pub fn cached(&self) -> (usize, usize) {
        self.cache.len()
    }

    /// The statistics of the caches.
    pub fn statistics(&self) -> Statistics {
        let looked = self.cache.statistics();
        Statistics {
            waiting: self.waiting(),
            fresh: looked.fresh.wrapping_add(self.counters.fast_hits()),
            ..looked
        }
    }

    /// The counters of all that happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The breaker's state, by the endpoint that is worst off. Changes nothing.
    pub fn breaker_state(&self, now: Now) -> BreakerState {
        self.breaker.state(now)
    }

    /// How long ago the key set was fetched; none where it never was, or where keys were configured.
    pub fn keys_age(&self, now: Now) -> Option<Duration> {
        self.keys().and_then(|keys| keys.age_of_set(now))
    }

    /// The signing keys, where signatures are verified here.
    pub(crate) const fn keys(&self) -> Option<&JwksCache> {
        self.keys.as_ref()
    }

    pub(crate) const fn login_secret(&self) -> &LoginSecret {
        &self.login_secret
    }

    /// The URL where a browser may go after signing out, and come back to `redirect_uri` where the dialect's page does that. Where
    /// it has none, the page that the Cloud named when this token's session was ended, once. None where there is neither.
    pub fn logout_page(
        &self,
        redirect_uri: &RedirectUri,
        token: Option<&SessionToken>,
    ) -> Option<String> {
        logout_url(&self.config, redirect_uri, token).or_else(|| self.named_logout_page(token?))
    }

    /// The page that the Cloud named when this token's session was ended, once.
    pub fn named_logout_page(&self, token: &SessionToken) -> Option<String> {
        let page = self.logout_pages.take(&self.key(token))?;
        Some(page.as_str().to_owned())
    }

    pub(crate) const fn logout_pages(&self) -> &LogoutPages {
        &self.logout_pages
    }

    pub(crate) const fn replay_guard(&self) -> &UsedOnce {
        &self.replay_guard
    }

    /// Keeps the outcome of a sign-in for a moment, for the browser that began it.
    pub(crate) fn insert_outcome(
        &self,
        key: TokenDigest,
        outcome: Result<SignedIn, CloudApiError>,
        now: Now,
    ) {
        self.sign_ins.add(key, outcome, now);
    }

    /// The outcome of a sign-in a moment ago, unless its session was revoked meanwhile.
    pub(crate) fn outcome(
        &self,
        key: &TokenDigest,
        now: Now,
    ) -> Option<Result<SignedIn, CloudApiError>> {
        let outcome = self.sign_ins.of(key, now)?;
        let stands = |signed_in: &SignedIn| self.cache.stands(&signed_in.identity, now);
        outcome.as_ref().map_or(true, stands).then_some(outcome)
    }

    /// The digest of a token: its key in every table. A token that was seen a moment ago is not hashed again.
    pub(crate) fn key(&self, token: &SessionToken) -> TokenDigest {
        self.key_of(token.expose(), token.form())
    }

    /// The digest of a text that has the form of a token, perhaps.
    pub(crate) fn key_of(&self, text: &str, form: Form) -> TokenDigest {
        let text = text.as_bytes();
        self.cache
            .hot_digest(text, form)
            .unwrap_or_else(|| self.scope.key(text, form))
    }

    /// The cached identity of a token, where it is fresh and `wanted`. It is counted, as a lookup and as an answer.
    ///
    /// # Errors
    ///
    /// The token's digest, for the full lookup.
    pub(crate) fn fast_lookup(
        &self,
        token: (&[u8], Form),
        wanted: impl FnOnce(&Identity) -> bool,
        now: Now,
    ) -> Result<Arc<Identity>, TokenDigest> {
        let digest = || self.scope.key(token.0, token.1);
        let identity = self.cache.fast_lookup(token, digest, wanted, now)?;
        self.counters.fast_hit(identity.serial());
        Ok(identity)
    }

    pub(crate) fn lookup(&self, key: &TokenDigest, now: Now) -> Lookup {
        self.cache.lookup(key, now)
    }

    /// Caches an identity that was verified now, with what was known of its session; none where it was signed out meanwhile.
    pub(crate) fn insert(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        let said = identity.session_id().cloned();
        let session_id = self.session_of(identity.user().session_token(), said);
        let identity = self.renewable(identity.named(session_id), now);
        self.cache.insert(identity, now)
    }

    /// Answers once more with an identity that was verified here a moment ago, although the Cloud refuses its sealed session
    /// now: another instance may have been given a newer one, which its browser brings next. None for any other token or
    /// refusal, and once this time is over.
    pub(crate) fn tolerate(
        &self,
        known: &Identity,
        refused: &CloudApiError,
        now: Now,
    ) -> Option<Arc<Identity>> {
        if !known.user().session_token().is_sealed() || refused.status() != 401 {
            return None;
        }
        // Nothing is left to renew.
        let known = known.clone().tolerated(now.wall.plus(OUTLIVED));
        self.cache.insert(known, now)
    }

    /// A record of a session that has none at the Cloud: it lasts as long as its cookie, or as its token where that ends sooner.
    pub(crate) fn own_session(&self, identity: &Identity, now: Now) -> Option<CloudSession> {
        let (user, token) = (
            identity.user().id().clone(),
            identity.user().session_token(),
        );
        let id = identity
            .session_id()
            .cloned()
            .or_else(|| derived_session_id(token))?;
        let longest = now.wall.plus(self.config.policy.session_max_age);
        let end = identity
            .expires_at()
            .map_or(longest, |end| end.min(longest));
        let begun = identity.begun_at().unwrap_or(now.wall);
        Some(CloudSession::new(id, user, begun, end))
    }

    /// The session id of a token: `said`, or the one that a sign-in derives where the Cloud has no session ids.
    pub(crate) fn session_of(
        &self,
        token: &SessionToken,
        said: Option<SessionId>,
    ) -> Option<SessionId> {
        let validate = self.config.table().validate.as_ref();
        let has_names = validate.is_some_and(|validate| validate.session.id.is_some());
        said.or_else(|| (!has_names).then(|| derived_session_id(token))?)
    }

    fn renewable(&self, identity: Identity, now: Now) -> Identity {
        identity.renewed_before_end(self.config.policy.renew_before, now.wall)
    }

    /// Caches an identity that signed in now, in place of what was known of its token: the Cloud's answer on the session is
    /// new.
    pub(crate) fn insert_sign_in(&self, identity: Identity, now: Now) -> Option<Arc<Identity>> {
        self.cache.forget(&identity.key());
        self.insert(identity, now)
    }

    /// Sets the expiry of an identity, whose session was extended, also where its token stands for older ones.
    pub(crate) fn prolong(
        &self,
        key: &TokenDigest,
        end: Timestamp,
        session: &CloudSession,
        now: Now,
    ) {
        self.rotated_tokens.prolong(key, session);
        self.cache.change(key, |identity| {
            let identity = identity.until(end).session_ending(session.expires_at());
            self.renewable(identity, now)
        });
    }

    /// Negative-caches this token whatever the status, so that no request asks again for a session that cannot be renewed.
    pub(crate) fn cache_rejection(&self, key: TokenDigest, error: &CloudApiError, now: Now) {
        self.cache.refuse(key, Refusal::session(error.clone()), now);
    }

    /// A session that the Cloud accepts, asked with this token. Where the Cloud verifies tokens, the session's times are
    /// moved to this clock.
    /// They stay as they are where signatures are verified here, or where the token came while this clock was right: its
    /// expiry is known then.
    pub(crate) fn accepted_session(
        &self,
        session: CloudSession,
        of: &TokenDigest,
        now: Now,
    ) -> CloudSession {
        let known = self.peek(of);
        if self.keys.is_some() || known.is_some_and(|known| !known.is_rebased()) {
            return session;
        }
        session.by_this_clock(now.wall)
    }

    /// An identity that the Cloud accepts now, with the times that its token states.
    pub(crate) fn accepted(&self, identity: Identity, said: &Unverified, now: Now) -> Identity {
        let past = said.expires_at.filter(|end| *end <= now.wall);
        let Some(end) = past.filter(|_| self.keys.is_none()) else {
            return identity;
        };
        self.ahead.note(end, now);
        identity.rebased(said.life(), now)
    }

    /// By how much this machine's clock is ahead of the Cloud's at least, once a minute at most. A report is due where the
    /// Cloud accepted a token or session that had expired by this clock. Drivers ask after every flow.
    pub fn take_clock_ahead(&self) -> Option<Duration> {
        self.ahead.take()
    }

    /// The identity that a token was verified as, however long ago.
    pub(crate) fn peek(&self, key: &TokenDigest) -> Option<Arc<Identity>> {
        self.cache.peek(key)
    }

    /// The identity that a session was last verified as, by this token or by the one that replaced it.
    pub(crate) fn last_verified(&self, token: &SessionToken, now: Now) -> Option<Arc<Identity>> {
        let key = self.key(token);
        self.peek(&key)
            .or_else(|| self.peek(self.rotated(&key, now)?.key()))
    }

    /// The identity that a session was last verified as, by this token or by the last good one that stood in its place. Not by one
    /// that is not known to be the session's.
    pub(crate) fn known_before(&self, token: &SessionToken, now: Now) -> Option<Arc<Identity>> {
        let key = self.key(token);
        self.peek(&key).or_else(|| {
            let newer = self.rotated(&key, now)?;
            self.peek(newer.last_verified()?.key())
        })
    }

    /// Whether a token was verified as that of another user.
    pub(crate) fn is_of_another(&self, key: &TokenDigest, user: &UserId) -> bool {
        self.peek(key).is_some_and(|it| it.user().id() != user)
    }

    /// Whether two tokens were verified as two users'.
    pub(crate) fn are_of_two_users(&self, one: &TokenDigest, other: &TokenDigest) -> bool {
        let both = self.peek(one).zip(self.peek(other));
        both.is_some_and(|(one, other)| one.user().id() != other.user().id())
    }

    /// The identity that a token was verified as, while it is cached; it may no longer count.
    pub fn verified(&self, token: &SessionToken) -> Option<Arc<Identity>> {
        self.peek(&self.key(token))
    }

    /// A user's identities that are cached and would still be accepted while the Cloud is down, the one that was verified last
    /// first. Walks the whole cache.
    pub fn cached_identities(&self, user: &UserId, now: Now) -> Vec<Arc<Identity>> {
        self.cache.of_user(user, now)
    }

    /// Drops the cached identity. Only a plain 401 is cached as a refusal, and who is no member: no other status speaks of the
    /// token.
    pub(crate) fn refused(&self, key: TokenDigest, refusal: Refusal, now: Now) {
        if refusal.error.status() == 401 || refusal.error.is(&Code::OrganizationForbidden) {
            self.cache.refuse(key, refusal, now);
        } else {
            self.cache.forget(&key);
        }
    }

    /// Whether a token was signed out here.
    pub fn is_signed_out(&self, token: &SessionToken, now: Now) -> bool {
        matches!(self.lookup(&self.key(token), now), Lookup::SignedOut)
    }

    /// A permit to ask the Cloud about a token, where the breaker allows it now.
    pub(crate) fn may_ask(
        self: &Arc<Self>,
        asked: CallKind,
        key: TokenDigest,
        now: Now,
    ) -> Option<Permit> {
        let trial = match self.breaker.admits(asked, &key, now) {
            Admission::No => return None,
            Admission::Yes => None,
            Admission::Trial(trial) => Some(trial),
        };
        Some(Permit {
            engine: Arc::clone(self),
            asked,
            key,
            trial,
        })
    }
}

/// A permit for one call to the Cloud, used up by reporting its result.
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit {
    engine: Arc<Engine>,
    asked: CallKind,
    key: TokenDigest,
    trial: Option<Duration>,
}

impl Permit {
    /// Reports the result to the breaker. A refusal counts as an answer; an error that says nothing of the Cloud's health is
    /// not reported.
    pub(crate) fn report<T>(mut self, result: &Result<T, CloudApiError>, now: Now) {
        let breaker = &self.engine.breaker;
        match result {
            Err(error) if error.is_cancelled() => return,
            Err(error) if error.is_outage() => breaker.failed(self.asked, &self.key, now),
            Err(error) if !error.is_refusal() => return,
            _ => breaker.succeeded(self.asked, &self.key),
        }
        self.trial = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(trial) = self.trial {
            self.engine.breaker.hand_back(self.asked, &self.key, trial);
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("project_id", &self.config.project_id)
            .finish_non_exhaustive()
    }
}
