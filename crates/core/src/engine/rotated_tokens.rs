//! Rotated tokens: after a renewal the old token stands for the newer one for a grace period.
//!
//! Requests under way with the old token, and a browser that lost the response with the new cookie, are served as the same
//! session and given the cookie again. Bounded: the oldest entries are evicted, and each expires. Only a renewal writes here,
//! with a token that the Cloud issued; nothing that a request brings gets in. A token that could not be verified yet is
//! marked.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::Trust;
use crate::cloud::model::{CloudSession, derived_session_id};
use crate::engine::Engine;
use crate::secret::SessionToken;
use crate::session::lookup::Lookup;
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// The newer token of a session.
#[derive(Clone)]
pub(crate) struct NewerToken {
    key: TokenDigest,
    token: SessionToken,
    /// None for a sealed session, which has no record.
    session: Option<CloudSession>,
    is_verified: bool,
}

impl NewerToken {
    pub(crate) const fn new(
        key: TokenDigest,
        token: SessionToken,
        session: Option<CloudSession>,
    ) -> Self {
        Self {
            key,
            token,
            session,
            is_verified: true,
        }
    }

    /// Marks the token as not verified yet.
    pub(crate) fn unverified(self) -> Self {
        Self {
            is_verified: false,
            ..self
        }
    }

    pub(crate) const fn is_verified(&self) -> bool {
        self.is_verified
    }

    pub(crate) const fn key(&self) -> &TokenDigest {
        &self.key
    }

    pub(crate) const fn token(&self) -> &SessionToken {
        &self.token
    }

    pub(crate) const fn session(&self) -> Option<&CloudSession> {
        self.session.as_ref()
    }
}

impl Engine {
    /// Keeps a newer token that could not be verified yet in place of the old one, until its own expiry. It belongs to no
    /// user before it is verified.
    pub(crate) fn hold(
        &self,
        old: TokenDigest,
        newer: SessionToken,
        session: CloudSession,
        now: Now,
    ) {
        let policy = &self.config.policy;
        let end = Unverified::peek(&newer).expires_at;
        let end = end.map_or(session.expires_at(), |end| end.min(session.expires_at()));
        let left = end.since(now.wall).min(policy.session_max_age);
        let key = self.key(newer.expose());
        self.rotated_tokens.add(
            old,
            &NewerToken::new(key, newer, Some(session)).unverified(),
            left.saturating_add(policy.renewed_grace),
            now,
        );
    }

    /// Keeps a newer sealed session in place of the old one, which the Cloud has ended.
    pub(crate) fn hold_sealed(&self, old: TokenDigest, newer: SessionToken, now: Now) {
        let key = self.key(newer.expose());
        let newer = NewerToken::new(key, newer, None).unverified();
        let time = self.config.policy.renewed_grace;
        self.rotated_tokens.add(old, &newer, time, now);
    }

    /// Caches the identity of a newer token, which replaces the old one from now on; none where either was signed out
    /// meanwhile.
    pub(crate) fn rotate(
        &self,
        old: TokenDigest,
        old_end: Option<Timestamp>,
        identity: Identity,
        session: Option<CloudSession>,
        now: Now,
    ) -> Option<Arc<Identity>> {
        let key = identity.key();
        let token = identity.user().session_token().clone();
        let policy = &self.config.policy;
        let left = old_end.map_or(Duration::ZERO, |end| end.since(now.wall));
        let time = left.min(policy.renew_before);
        // Before the deny list is read: a sign-out that comes now finds either this entry or the identity denied.
        self.rotated_tokens.add(
            old,
            &NewerToken::new(key, token, session),
            time.saturating_add(policy.renewed_grace),
            now,
        );
        let cached = self.insert_sign_in(identity, now);
        let is_out = |key| matches!(self.lookup(key, now), Lookup::SignedOut);
        if cached.is_none() || is_out(&old) {
            let until = now.wall.plus(policy.session_max_age);
            // The Cloud accepts the newer one, and other instances may know no revocation that covers it.
            for (key, proof) in [(key, Trust::Verified), (old, Trust::Unverified)] {
                let ended = self.cache.sign_out(key, None, until, proof, now);
                self.outbox.put(ended);
            }
            return None;
        }
        if cached.as_ref()?.is_renewal_due(now.wall) {
            // A clock is ahead by nearly a token's life: limit its renewals like any other's, not one for every request.
            self.may_renew(&key, now);
        }
        cached
    }

    /// Takes a newer sealed session, which the Cloud set beside an answer for its user, in place of the old one; none where
    /// either was signed out meanwhile. What was known of the session stays known.
    pub(crate) fn replace(
        &self,
        old: &SessionToken,
        identity: Identity,
        now: Now,
    ) -> Option<Arc<Identity>> {
        let key = self.key(old.expose());
        let known = self.peek(&key);
        let session_id = match &known {
            Some(known) => known.session_id().cloned(),
            None => derived_session_id(old),
        };
        let identity = identity
            .named(session_id)
            .begun(known.and_then(|known| known.begun_at()));
        let cached = self.rotate(key, None, identity, None, now);
        // From now on a request with the old one is given the newer cookie.
        self.cache.forget(&key);
        cached
    }

    /// Whether a verified token replaced this one a while ago. Calls about an unverified one are limited like renewals.
    pub(crate) fn has_newer(&self, key: &TokenDigest, now: Now) -> bool {
        self.rotated(key, now)
            .is_some_and(|newer| newer.is_verified())
    }

    /// The token that replaced this one a while ago.
    pub(crate) fn rotated(&self, key: &TokenDigest, now: Now) -> Option<NewerToken> {
        self.rotated_tokens.of(key, now)
    }

    /// The token that a renewal on this instance put in place of this one, while that is cached.
    pub fn newer_token(&self, token: &SessionToken, now: Now) -> Option<SessionToken> {
        let newer = self.rotated(&self.key(token.expose()), now)?;
        Some(newer.token().clone())
    }

    /// Claims the renewal of a token: of any number of callers at once, one gets true. The claim lasts for a quarter of
    /// `renew_before`.
    pub(crate) fn may_renew(&self, key: &TokenDigest, now: Now) -> bool {
        self.renewals.spend(*key.as_digest(), now)
    }
}

pub(crate) struct RotatedTokens {
    capacity: usize,
    /// The number of entries, so that a request's lookup costs nothing where there are none.
    held: AtomicUsize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// By the old token, each with its end on the monotonic clock.
    newer: BTreeMap<TokenDigest, (NewerToken, Duration)>,
    order: VecDeque<(Duration, TokenDigest)>,
}

impl RotatedTokens {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            held: AtomicUsize::new(0),
            entries: Mutex::default(),
        }
    }

    /// The token that replaced this one, within its grace period.
    pub(crate) fn of(&self, old: &TokenDigest, now: Now) -> Option<NewerToken> {
        if self.held.load(Ordering::Acquire) == 0 {
            return None;
        }
        let entries = self.lock();
        let (newer, end) = entries.newer.get(old)?;
        (now.monotonic < *end).then(|| newer.clone())
    }

    /// Lets the old token stand for the newer one for this long, with all tokens that stood for the old one.
    pub(crate) fn add(&self, old: TokenDigest, newer: &NewerToken, time: Duration, now: Now) {
        let mut entries = self.lock();
        entries.sweep(now, self.capacity);
        for (earlier, _) in entries.newer.values_mut() {
            if earlier.key == old {
                *earlier = newer.clone();
            }
        }
        let end = now.monotonic.saturating_add(time);
        entries.newer.insert(old, (newer.clone(), end));
        entries.order.push_back((end, old));
        self.held.store(entries.newer.len(), Ordering::Release);
    }

    /// Removes the session that a token belongs to; returns its other tokens.
    pub(crate) fn end(&self, token: &TokenDigest) -> Vec<TokenDigest> {
        if self.held.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut entries = self.lock();
        let newest = entries.newer.get(token).map_or(*token, |(it, _)| it.key);
        let mut others = vec![newest];
        entries.newer.retain(|old, (newer, _)| {
            let is_of_it = newer.key == newest;
            if is_of_it {
                others.push(*old);
            }
            !is_of_it
        });
        self.held.store(entries.newer.len(), Ordering::Release);
        others.retain(|other| other != token);
        others
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn sweep(&mut self, now: Now, capacity: usize) {
        while let Some((end, old)) = self.order.front().copied() {
            if now.monotonic < end && self.order.len() < capacity {
                return;
            }
            self.order.pop_front();
            // A token that was renewed again since has a later end and stays.
            if self.newer.get(&old).is_some_and(|(_, own)| *own <= end) {
                self.newer.remove(&old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::cookie::{CookieOptions, CookieSpec};
    use crate::ids::{ProjectId, SessionId, UserId};
    use crate::url::BaseUrl;

    const GRACE: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(0),
            monotonic: Duration::from_secs(seconds),
        }
    }

    fn key(token: &str) -> TokenDigest {
        let config = Config::new(
            BaseUrl::parse("https://cloud.mastra.ai").unwrap(),
            ProjectId::parse("demo").unwrap(),
            CookieSpec::new(CookieOptions::default()).unwrap(),
        );
        TokenDigest::new(&config, token)
    }

    fn newer(token: &str) -> NewerToken {
        let session = CloudSession::new(
            SessionId::parse("ses_1").unwrap(),
            UserId::parse("usr_1").unwrap(),
            Timestamp::from_unix_seconds(0),
            Timestamp::from_unix_seconds(60),
        );
        NewerToken::new(
            key(token),
            SessionToken::parse(token).unwrap(),
            Some(session),
        )
    }

    fn token_of(table: &RotatedTokens, old: &str, now: Now) -> Option<String> {
        let found = table.of(&key(old), now)?;
        Some(found.token().expose().to_owned())
    }

    #[test]
    fn the_old_stands_for_the_newest_until_its_time_is_over() {
        let table = RotatedTokens::new(10);
        table.add(key("a"), &newer("b"), GRACE, at(0));
        assert_eq!(token_of(&table, "a", at(29)).as_deref(), Some("b"));
        table.add(key("b"), &newer("c"), GRACE, at(20));
        assert_eq!(token_of(&table, "a", at(29)).as_deref(), Some("c"));
        assert_eq!(token_of(&table, "a", at(30)), None);
        assert_eq!(token_of(&table, "b", at(49)).as_deref(), Some("c"));
        assert_eq!(token_of(&table, "c", at(1)), None);
    }

    #[test]
    fn all_tokens_of_a_session_end_together_and_nobody_elses() {
        for ended in ["a", "b", "c"] {
            let table = RotatedTokens::new(10);
            table.add(key("a"), &newer("b"), GRACE, at(0));
            table.add(key("b"), &newer("c"), GRACE, at(1));
            table.add(key("x"), &newer("y"), GRACE, at(1));
            let mut others = table.end(&key(ended));
            let mut expect: Vec<_> = ["a", "b", "c"].map(key).into();
            expect.retain(|one| *one != key(ended));
            others.sort_unstable();
            expect.sort_unstable();
            assert_eq!(others, expect, "{ended}");
            assert_eq!(token_of(&table, "a", at(2)), None);
            assert_eq!(token_of(&table, "x", at(2)).as_deref(), Some("y"));
        }
        assert!(RotatedTokens::new(10).end(&key("a")).is_empty());
    }

    #[test]
    fn the_oldest_give_way() {
        let table = RotatedTokens::new(3);
        for (n, old) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let now = at(u64::try_from(n).unwrap());
            table.add(key(old), &newer(&format!("{old}2")), GRACE, now);
        }
        let held: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .filter(|old| token_of(&table, old, at(4)).is_some())
            .collect();
        assert_eq!(held, ["b", "c", "d"]);
    }
}
