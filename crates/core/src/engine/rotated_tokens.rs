//! Rotated tokens: after a renewal the old token stands for the newer one for a grace period.
//!
//! Requests under way with the old token, and a browser that lost the response with the new cookie, are served as the same
//! session and given the cookie again. Bounded: the oldest entries are evicted, and each expires. Only a renewal writes here,
//! with a token that the Cloud issued; nothing that a request brings gets in. A token that could not be verified yet is
//! marked.
//!
//! A sealed session rotates beside any answer, also beside one that can set no cookie. Then the old one is all that its browser
//! has. So it stands until a newer one was handed out and the grace period is over, but no longer than a cookie lives. A newer
//! one that was replaced before it was handed out is no browser's, and has the grace period alone: unless a request brings it, to
//! whose browser another instance handed it out.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
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
    /// Where it is not verified, the last verified one that stood in its place. The Cloud may have taken this one back.
    before: Option<Arc<Self>>,
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
            before: None,
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

    pub(crate) fn before(&self) -> Option<&Self> {
        self.before.as_deref()
    }

    /// This one where it is verified, else the last one that was.
    pub(crate) fn last_verified(&self) -> Option<&Self> {
        if self.is_verified {
            Some(self)
        } else {
            self.before()
        }
    }

    /// This one, in the place of an earlier one.
    fn after(&self, earlier: Self) -> Self {
        let before = match earlier {
            _ if self.is_verified => None,
            Self {
                is_verified: true, ..
            } => Some(Arc::new(earlier)),
            Self { before, .. } => before,
        };
        Self {
            before,
            ..self.clone()
        }
    }

    /// Whether the sessions of both are of one user, as far as is known.
    fn is_of_user(&self, other: &Self) -> bool {
        let sessions = self.session.as_ref().zip(other.session.as_ref());
        sessions.is_none_or(|(own, other)| own.user_id() == other.user_id())
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
        let key = self.key(&newer);
        self.rotated_tokens.add(
            old,
            &NewerToken::new(key, newer, Some(session)).unverified(),
            Stand::ends_after(left.saturating_add(policy.renewed_grace)),
            now,
        );
    }

    /// Keeps a newer sealed session in place of the old one, which the Cloud has ended.
    pub(crate) fn hold_sealed(&self, old: TokenDigest, newer: SessionToken, now: Now) {
        let key = self.key(&newer);
        let newer = NewerToken::new(key, newer, None).unverified();
        let stand = self.stand(&newer, Duration::ZERO);
        self.rotated_tokens.add(old, &newer, stand, now);
        if matches!(self.lookup(&old, now), Lookup::Refused(_)) {
            // Of an answer that this one crossed. It is of the old session alone, and would hide the newer one.
            self.cache.invalidate(&old);
        }
    }

    /// How long an old token of a session stands for this newer one; `left` is what is left of the old one's own life.
    fn stand(&self, newer: &NewerToken, left: Duration) -> Stand {
        let policy = &self.config.policy;
        let is_sealed = newer.token.is_sealed();
        Stand {
            until_handed_out: is_sealed.then_some(policy.session_max_age),
            ..Stand::ends_after(left.saturating_add(policy.renewed_grace))
        }
    }

    /// Notes whether the newer session was handed out with an answer that this old one was brought for. Returns what the
    /// instances are to share from now on: none where they do so already.
    pub(crate) fn answered_for(
        &self,
        old: &SessionToken,
        handed_out: HandedOut,
        now: Now,
    ) -> Vec<ToShare> {
        let (key, grace) = (self.key(old), self.config.policy.renewed_grace);
        match handed_out {
            HandedOut::Yes => self.rotated_tokens.hand_out(&key, grace, now),
            HandedOut::No => {
                let longest = self.config.policy.session_max_age;
                let to_share = self.rotated_tokens.share_longer(key, old, longest, now);
                to_share.into_iter().collect()
            }
        }
    }

    /// What the instances are to share anew, now that this session is the newest of some that they share for longer.
    pub(crate) fn moved_to(&self, newest: &TokenDigest, now: Now) -> Vec<ToShare> {
        self.rotated_tokens.moved_to(newest, now)
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
        let newer = NewerToken::new(key, token, session);
        let stand = self.stand(&newer, time);
        let user = identity.user().id();
        self.rotated_tokens
            .part(&old, |earlier| self.is_of_another(earlier, user));
        // Before the deny list is read: a sign-out that comes now finds either this entry or the identity denied.
        self.rotated_tokens.add(old, &newer, stand, now);
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
    /// either was signed out meanwhile. What was known of the session stays known, and one that was `verified` before is no
    /// fresher than it was.
    pub(crate) fn replace(
        &self,
        old: &SessionToken,
        identity: Identity,
        verified: Verified,
        now: Now,
    ) -> Option<Arc<Identity>> {
        let key = self.key(old);
        let known = self.peek(&key);
        let session_id = match &known {
            Some(known) => known.session_id().cloned(),
            None => derived_session_id(old),
        };
        let identity = identity
            .named(session_id)
            .begun(known.and_then(|known| known.begun_at()));
        let mut cached = self.rotate(key, None, identity.clone(), None, now);
        if let (Verified::Before, Some(newer)) = (verified, &cached) {
            let changed = self
                .cache
                .change(&newer.key(), |it| it.verified_with(&identity));
            cached = changed.or(cached);
        }
        // From now on a request with the old one is given the newer cookie, also where another answer refused the old one first.
        self.cache.invalidate(&key);
        cached
    }

    /// Lets no newer token stand in the place of this one that the Cloud refused a moment ago: it accepts this one.
    pub(crate) fn stands_again(&self, old: &TokenDigest, now: Now) {
        if let Some(newer) = self.rotated(old, now)
            && matches!(self.lookup(newer.key(), now), Lookup::Refused(_))
        {
            self.rotated_tokens.forget(old, newer.key());
        }
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
        let newer = self.rotated(&self.key(token), now)?;
        Some(newer.token().clone())
    }

    /// Claims the renewal of a token: of any number of callers at once, one gets true. The claim lasts for a quarter of
    /// `renew_before`.
    pub(crate) fn may_renew(&self, key: &TokenDigest, now: Now) -> bool {
        self.renewals.spend(*key.as_digest(), now)
    }

    /// Notes that a token past its end could not be renewed. It is not tried again for as long as a refusal is cached.
    pub(crate) fn renewal_failed(&self, key: &TokenDigest, now: Now) {
        self.failed_renewals.spend(*key.as_digest(), now);
    }

    pub(crate) fn has_renewal_failed(&self, key: &TokenDigest, now: Now) -> bool {
        self.failed_renewals.holds(key.as_digest(), now)
    }
}

/// When the identity of a newer session was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    Now,
    /// It is cached since.
    Before,
}

/// Whether the newer session goes out to the browser with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandedOut {
    Yes,
    No,
}

/// How long an old token stands for a newer one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stand {
    time: Duration,
    /// The longest time until a newer one is handed out, where it is this and not `time` that counts before.
    until_handed_out: Option<Duration>,
}

impl Stand {
    const fn ends_after(time: Duration) -> Self {
        Self {
            time,
            until_handed_out: None,
        }
    }
}

pub(crate) struct RotatedTokens {
    capacity: usize,
    /// The number of entries, so that a request's lookup costs nothing where there are none.
    held: AtomicUsize,
    /// By the old token.
    entries: Mutex<BTreeMap<TokenDigest, Entry>>,
}

struct Entry {
    newer: NewerToken,
    /// On the monotonic clock, as `added`.
    end: Duration,
    added: Duration,
    is_handed_out: bool,
    shared: Option<Shared>,
}

/// What the instances share for as long as an old session stands.
struct Shared {
    old: SessionToken,
    newest: TokenDigest,
}

/// What the instances are to share from now on in an old session's place, and for how long.
pub(crate) struct ToShare {
    pub(crate) old: SessionToken,
    pub(crate) newer: SessionToken,
    pub(crate) time: Duration,
}

impl Entry {
    /// What the instances are to share anew. None where nothing changed, or the grace is enough.
    fn share_anew(&mut self, now: Now) -> Option<ToShare> {
        let shared = self.shared.as_mut()?;
        // Not one that the Cloud may have taken back, where another was good: that leads to this one.
        let newest = self.newer.before().unwrap_or(&self.newer);
        if self.is_handed_out || shared.newest == newest.key {
            return None;
        }
        shared.newest = newest.key;
        Some(ToShare {
            old: shared.old.clone(),
            newer: newest.token.clone(),
            time: self.end.saturating_sub(now.monotonic),
        })
    }
}

impl RotatedTokens {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            held: AtomicUsize::new(0),
            entries: Mutex::default(),
        }
    }

    /// The token that replaced this one, as long as this one stands.
    pub(crate) fn of(&self, old: &TokenDigest, now: Now) -> Option<NewerToken> {
        if self.held.load(Ordering::Acquire) == 0 {
            return None;
        }
        let entries = self.lock();
        let entry = entries.get(old)?;
        (now.monotonic < entry.end).then(|| entry.newer.clone())
    }

    /// Keeps what the Cloud says now of the session of this newer token. Where the Cloud mixed two users up, an old token of the other
    /// user may stand for it too: that one's session stays as it was.
    pub(crate) fn prolong(&self, newer: &TokenDigest, session: &CloudSession) {
        let mut entries = self.lock();
        for entry in entries.values_mut().filter(|it| it.newer.key == *newer) {
            let kept = entry.newer.session.as_mut();
            if let Some(kept) = kept.filter(|kept| kept.user_id() == session.user_id()) {
                kept.clone_from(session);
            }
        }
    }

    /// Removes the old tokens of other users that stand for this newer one, which could not be verified before.
    fn part(&self, newer: &TokenDigest, is_of_another: impl Fn(&TokenDigest) -> bool) {
        let mut entries = self.lock();
        entries.retain(|old, it| it.newer.key != *newer || !is_of_another(old));
        self.held.store(entries.len(), Ordering::Release);
    }

    /// Lets the old token stand for the newer one, with all tokens that stood for the old one.
    pub(crate) fn add(&self, old: TokenDigest, newer: &NewerToken, stand: Stand, now: Now) {
        let mut entries = self.lock();
        make_room(&mut entries, self.capacity, now);
        let mut has_browser = true;
        // A token that could not be verified before turns out to be another user's: it takes no place any more.
        entries.retain(|_, it| it.newer.key != old || it.newer.is_of_user(newer));
        for earlier in entries.values_mut().filter(|it| it.newer.key == old) {
            has_browser &= earlier.is_handed_out;
            earlier.newer = newer.after(earlier.newer.clone());
        }
        let longest = stand.until_handed_out.filter(|_| has_browser);
        let end = now.monotonic.saturating_add(longest.unwrap_or(stand.time));
        match entries.get_mut(&old) {
            // Its time is never begun anew.
            Some(own) if stand.until_handed_out.is_some() => own.newer = newer.clone(),
            _ => {
                let entry = Entry {
                    newer: newer.clone(),
                    end,
                    added: now.monotonic,
                    is_handed_out: false,
                    shared: None,
                };
                entries.insert(old, entry);
            }
        }
        self.held.store(entries.len(), Ordering::Release);
    }

    /// Ends the tokens that stand for the same newer one as this, now that it is handed out, after `grace`. Returns those that the
    /// instances share for longer.
    fn hand_out(&self, old: &TokenDigest, grace: Duration, now: Now) -> Vec<ToShare> {
        let mut entries = self.lock();
        let Some(newer) = entries.get(old).map(|own| own.newer.clone()) else {
            return Vec::new();
        };
        let of_it = entries.values_mut().filter(|it| it.newer.key == newer.key);
        let to_share = of_it.filter_map(|entry| {
            if !entry.is_handed_out {
                entry.is_handed_out = true;
                entry.end = entry.end.min(now.monotonic.saturating_add(grace));
            }
            let shared = entry.shared.take()?;
            Some(ToShare {
                old: shared.old,
                newer: newer.token.clone(),
                time: grace,
            })
        });
        to_share.collect()
    }

    /// What the instances are to share for as long as this old session stands, once for each newer one. It was brought, so a
    /// browser has it, whichever instance handed it out: it stands for up to `longest`, until a newer one is handed out.
    fn share_longer(
        &self,
        key: TokenDigest,
        old: &SessionToken,
        longest: Duration,
        now: Now,
    ) -> Option<ToShare> {
        let mut entries = self.lock();
        let entry = entries.get_mut(&key)?;
        if !entry.is_handed_out {
            entry.end = entry.end.max(entry.added.saturating_add(longest));
        }
        if entry.shared.is_none() {
            entry.shared = Some(Shared {
                old: old.clone(),
                // None so far.
                newest: key,
            });
        }
        entry.share_anew(now)
    }

    fn moved_to(&self, newest: &TokenDigest, now: Now) -> Vec<ToShare> {
        if self.held.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut entries = self.lock();
        let of_it = entries.values_mut().filter(|it| it.newer.key == *newest);
        of_it.filter_map(|entry| entry.share_anew(now)).collect()
    }

    /// Lets this newer token no longer stand in an old one's place.
    fn forget(&self, old: &TokenDigest, newer: &TokenDigest) {
        let mut entries = self.lock();
        if entries.get(old).is_some_and(|it| it.newer.key == *newer) {
            entries.remove(old);
        }
        self.held.store(entries.len(), Ordering::Release);
    }

    /// Removes the session that a token belongs to; returns its other tokens.
    pub(crate) fn end(&self, token: &TokenDigest) -> Vec<TokenDigest> {
        if self.held.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut entries = self.lock();
        let newest = entries.get(token).map_or(*token, |it| it.newer.key);
        let mut others = vec![newest];
        entries.retain(|old, entry| {
            let before = entry.newer.before();
            let is_of_it =
                entry.newer.key == newest || before.is_some_and(|before| before.key == *token);
            if is_of_it {
                others.extend([*old, entry.newer.key]);
                others.extend(entry.newer.before().map(NewerToken::key));
            }
            !is_of_it
        });
        self.held.store(entries.len(), Ordering::Release);
        others.sort_unstable();
        others.dedup();
        others.retain(|other| other != token);
        others
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TokenDigest, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what is over; where that is not enough, the oldest entries.
fn make_room(entries: &mut BTreeMap<TokenDigest, Entry>, capacity: usize, now: Now) {
    entries.retain(|_, entry| now.monotonic < entry.end);
    while entries.len() >= capacity {
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.added);
        let Some(oldest) = oldest.map(|(old, _)| *old) else {
            return;
        };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
#[path = "rotated_tokens_tests.rs"]
mod tests;
