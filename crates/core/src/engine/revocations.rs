//! Revocations: by a sign-out, by an operator, or received from another instance.
//!
//! A revocation takes effect here at once. It is queued for other instances where a driver publishes. What another instance
//! published is applied and never queued again, so that nothing goes round in circles.

use core::time::Duration;
use std::sync::Arc;

use crate::cache::Trust;
use crate::cloud::model::CloudSession;
use crate::encoding::Digest;
use crate::engine::Engine;
use crate::error::{CloudApiError, Code};
use crate::ids::{SessionId, UserId};
use crate::revocation::SpentCallback;
use crate::revocation::{Namespace, Revocation, Subject};
use crate::secret::SessionToken;
use crate::session::lookup::Lookup;
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// The result of applying texts from the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// How many revocations were new.
    pub new: usize,
    /// How many were rejected: of another version or deployment, malformed, or revoking a user from more than five minutes
    /// ahead.
    pub unreadable: usize,
    /// How long before now the latest of them was made, where any was new.
    pub lag: Option<Duration>,
}

impl Engine {
    /// Denies a token here from now on: as long as its session is known to live, or as long as one can. Where the token was
    /// verified, or its signature is good, its whole session is revoked, here and on other instances. Any other token is
    /// denied on this instance alone, and so is one whose signature the host is yet to check.
    pub(crate) fn sign_out(
        self: &Arc<Self>,
        token: &SessionToken,
        known_end: Option<Timestamp>,
        now: Now,
    ) {
        let key = self.key(token);
        // With keys at hand no call is needed, also while the Cloud is down.
        let signed = match self.peek(&key) {
            Some(_) => None,
            None => self.check_signature(key, token, now).ok(),
        };
        match signed {
            Some(identity) => self.sign_out_signed(token, &identity, known_end, now),
            None => self.deny(token, None, known_end, Trust::Unverified, now),
        }
    }

    /// Signs out a token whose signature is good: its session is revoked on all instances.
    pub(crate) fn sign_out_signed(
        &self,
        token: &SessionToken,
        identity: &Identity,
        known_end: Option<Timestamp>,
        now: Now,
    ) {
        let session = identity.session_id();
        self.deny(token, session, known_end, Trust::Verified, now);
    }

    /// Signs out a token that the Cloud has just accepted: its session is revoked on all instances.
    pub(crate) fn sign_out_proven(
        &self,
        token: &SessionToken,
        session: &SessionId,
        known_end: Option<Timestamp>,
        now: Now,
    ) {
        self.deny(token, Some(session), known_end, Trust::Verified, now);
    }

    fn deny(
        &self,
        token: &SessionToken,
        session: Option<&SessionId>,
        known_end: Option<Timestamp>,
        proof: Trust,
        now: Now,
    ) {
        let ends = [Unverified::peek(token).expires_at, known_end];
        let until = self.last_of(ends.into_iter().flatten(), now);
        let key = self.key(token);
        // A renewal gave one session several tokens: revoke all of them.
        let mut others = self.rotated_tokens.end(&key);
        // But not one that came with a failed answer, and that another user has brought since.
        others.retain(|other| !self.are_of_two_users(&key, other));
        for key in core::iter::once(key).chain(others) {
            let ended = self
                .cache
                .sign_out(key, session.cloned(), until, proof, now);
            self.outbox.put(ended);
        }
    }

    /// Revokes a session with all its tokens, here at once, and queues that for other instances. Does not call the Cloud.
    pub fn end_session(&self, session: &SessionId, now: Now) {
        let known_end = self.cache.end_of_session(session);
        let until = self.last_of(known_end, now);
        let ended = Revocation::new(Subject::Session(session.clone()), now.wall, until);
        let ended = self.cache.revoke(vec![ended], now);
        self.end_rotated(&ended, now);
        self.outbox.put(ended);
    }

    /// Revokes the other tokens of the sessions that these tokens belong to. The Cloud issued or accepted each.
    fn end_rotated(&self, ended: &[Revocation], now: Now) {
        for revocation in ended {
            if let Subject::Token(key) = &revocation.subject {
                for other in self.rotated_tokens.end(key) {
                    let (until, proof) = (revocation.until, Trust::Verified);
                    let ended = self.cache.sign_out(other, None, until, proof, now);
                    self.outbox.put(ended);
                }
            }
        }
    }

    /// Revokes every session of a user that began before now, here at once, and queues that for other instances. A later
    /// sign-in is accepted. Does not call the Cloud.
    ///
    /// A session's begin is its token's time of issue, in whole seconds. A user must sign in once more after a sign-in within
    /// the same second, or by a clock of the Cloud's that is behind ours.
    pub fn end_user(&self, user: &UserId, now: Now) {
        let until = self.last_of(None, now);
        self.outbox.put(self.cache.end_user(user, until, now));
    }

    /// Evicts a token from the cache. The next request with it asks anew, unless a call is under way: that answer counts.
    /// Revokes nothing.
    pub fn forget(&self, token: &SessionToken) {
        self.cache.forget(&self.key(token));
    }

    /// Evicts a session from the cache. Its next request asks anew, unless a call is under way: that answer counts. Revokes
    /// nothing.
    pub fn forget_session(&self, session: &SessionId) {
        self.cache
            .evict_where(|identity| identity.session_id() == Some(session));
    }

    /// Evicts a user from the cache, permissions included. The user's next request asks anew, unless a call is under way:
    /// that answer counts. Revokes nothing.
    pub fn forget_user(&self, user: &UserId) {
        self.cache
            .evict_where(|identity| identity.user().id() == user);
    }

    /// Whether a session that the Cloud returned is revoked here.
    pub(crate) fn is_ended(&self, session: &CloudSession, now: Now) -> bool {
        self.cache
            .deny_list()
            .of(
                Some(session.id()),
                session.user_id(),
                Some(session.created_at()),
                now,
            )
            .is_some()
    }

    /// Why a verified token counts no more, where that is so: the token, its session or its user was revoked here, or it is
    /// expired.
    pub(crate) fn end_of_user(
        &self,
        key: &TokenDigest,
        token: &SessionToken,
        user: &UserId,
        now: Now,
    ) -> Option<CloudApiError> {
        match self.lookup(key, now) {
            Lookup::SignedOut => return Some(CloudApiError::new(Code::SignedOut)),
            Lookup::Expired => return Some(CloudApiError::new(Code::SessionExpired)),
            // A revocation evicts the identities it covers, so a cached one is not revoked.
            Lookup::Fresh(_) | Lookup::Due(_) | Lookup::Stale(_) => return None,
            Lookup::Refused(_) | Lookup::Unknown => {}
        }
        // It was verified once, so its claims are true.
        let said = Unverified::peek(token);
        let deny_list = self.cache.deny_list();
        if !deny_list.is_empty() && self.peek(key).is_none() {
            let session = self.session_of(token, said.session_id);
            if deny_list
                .of(session.as_ref(), user, said.issued_at, now)
                .is_some()
            {
                return Some(CloudApiError::new(Code::SignedOut));
            }
        }
        let end = said.expires_at?.plus(self.cache.leeway());
        (end <= now.wall).then(|| CloudApiError::new(Code::SessionExpired))
    }

    /// The namespace that keeps this deployment's revocations apart from others'.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Begins to queue revocations for [`take_revocations`](Self::take_revocations). `wake` is called on the thread that
    /// revokes, after an entry was queued, and must not block. False where a publisher is registered already.
    pub fn publish_revocations(&self, wake: impl Fn() + Send + Sync + 'static) -> bool {
        self.outbox.open(Box::new(wake))
    }

    /// Calls `wake` after every revocation, made here or received, on the thread that applied it; it must not block. For work
    /// that outlives one request and then checks again. False where a callback is registered already.
    pub fn on_end(&self, wake: impl Fn() + Send + Sync + 'static) -> bool {
        self.outbox.on_end(Box::new(wake))
    }

    /// Takes up to `most` revocations to publish, the oldest first. Where the queue overflowed, all local revocations in
    /// force follow once more, since the oldest were dropped. Some of those may be over.
    pub fn take_revocations(&self, most: usize) -> Vec<Revocation> {
        let deny_list = self.cache.deny_list();
        self.outbox
            .take(most, |last, most| deny_list.own_after(last, most))
    }

    /// Whether the callback with this digest of its state was used, here or on an instance that published it.
    pub(crate) fn is_spent(&self, state: &Digest, now: Now) -> bool {
        self.replay_guard.holds(state, now) || self.remote_replay_guard.holds(state, now)
    }

    /// Marks a callback as used and queues that for other instances; false where it was used here already.
    pub(crate) fn spend_callback(&self, state: Digest, now: Now) -> bool {
        let is_first = self.replay_guard.spend(state, now);
        if is_first {
            self.outbox.put_spent(SpentCallback {
                digest: state,
                at: now.wall,
                until: now.wall.plus(self.config.policy.login_lifetime),
            });
        }
        is_first
    }

    /// Takes up to `most` callbacks that were used here, to publish, the oldest first. Instances that are disconnected need
    /// not catch up on them: the Cloud accepts a code only once.
    pub fn take_spent_callbacks(&self, most: usize) -> Vec<SpentCallback> {
        self.outbox.take_spent(most)
    }

    /// How many revocations are still to be published, including those that were dropped and are resent. Above 0 as long as
    /// [`take_revocations`](Self::take_revocations) returns any.
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Applies revocations of another instance, in any order and repeatedly. Returns how many were new.
    ///
    /// An end later than a session or token can have is cut down to that. A user's revocation from more than five minutes
    /// ahead is dropped.
    pub fn apply(&self, revocations: impl IntoIterator<Item = Revocation>, now: Now) -> usize {
        let bounded = revocations
            .into_iter()
            .filter_map(|said| self.remote_limits.bounded(said, now.wall));
        self.take_over(bounded.collect(), now)
    }

    fn take_over(&self, bounded: Vec<Revocation>, now: Now) -> usize {
        let (ended, own) = self.cache.apply_remote(bounded, now);
        if !ended.is_empty() {
            self.outbox.ended();
        }
        // The other instance did not know of a renewal made here: that revocation is local.
        self.end_rotated(&ended, now);
        self.end_rotated(&own, now);
        self.outbox.put(own);
        ended.len()
    }

    /// Parses and applies texts from the channel, and notes that the channel is connected, even for no texts. Unreadable
    /// texts are counted and revoke nothing.
    pub fn apply_texts<'t>(&self, texts: impl IntoIterator<Item = &'t str>, now: Now) -> Applied {
        let (read, unreadable) = self.read(texts, now);
        self.heard(read, unreadable, now)
    }

    /// The revocations among texts from the channel, and how many texts were rejected.
    pub(crate) fn read<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        now: Now,
    ) -> (Vec<Revocation>, usize) {
        let (mut read, mut unreadable) = (Vec::new(), 0_usize);
        for text in texts {
            if let Some(spent) = self.namespace.parse_spent(text) {
                // It blocks one callback, and no longer than a sign-in may take from now.
                if now.wall < spent.until {
                    self.remote_replay_guard.spend(spent.digest, now);
                }
                continue;
            }
            let said = self.namespace.parse(text).ok();
            match said.and_then(|said| self.remote_limits.bounded(said, now.wall)) {
                Some(revocation) => read.push(revocation),
                None => unreadable = unreadable.saturating_add(1),
            }
        }
        (read, unreadable)
    }

    pub(crate) fn heard(&self, read: Vec<Revocation>, unreadable: usize, now: Now) -> Applied {
        self.outbox.heard(now.monotonic);
        let last = read.iter().map(|revocation| revocation.at).max();
        let new = self.take_over(read, now);
        Applied {
            new,
            unreadable,
            lag: last.filter(|_| new > 0).map(|at| now.wall.since(at)),
        }
    }

    /// How long ago the channel was last heard from; none where there is no channel.
    pub fn revocation_lag(&self, now: Now) -> Option<Duration> {
        self.outbox
            .last_heard()
            .map(|last| now.monotonic.saturating_sub(last))
    }

    /// All revocations in force: for a channel that lost its entries.
    pub fn revocations(&self, now: Now) -> Vec<Revocation> {
        self.cache.deny_list().all(now)
    }

    /// The latest of these ends, and no sooner than the longest life of a session. Adds the leeway for which a token is
    /// accepted after its expiry.
    fn last_of(&self, ends: impl IntoIterator<Item = Timestamp>, now: Now) -> Timestamp {
        let longest: Duration = self.config.policy.session_max_age;
        ends.into_iter()
            .fold(now.wall.plus(longest), Timestamp::max)
            .plus(self.cache.leeway())
    }
}
