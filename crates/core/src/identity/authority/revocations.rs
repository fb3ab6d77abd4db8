//! What ends before its time: by a sign-out, by an operator, or because another instance says so.
//!
//! Ends here at once, and is put out for other instances where somebody takes it to them. What another instance said is taken
//! over and never put out again, so that nothing goes round in circles.

use core::time::Duration;

use super::Authority;
use crate::encoding::Digest;
use crate::error::{CloudApiError, Code};
use crate::identity::cache::{Lookup, Proof};
use crate::identity::key::TokenKey;
use crate::identity::revocation::{Realm, Revocation, Subject};
use crate::identity::spent::SpentCallback;
use crate::ids::{SessionId, UserId};
use crate::model::CloudSession;
use crate::secret::SessionToken;
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// What came of texts that came over the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heard {
    /// How many said something new.
    pub new: usize,
    /// How many were not taken: of another version, a stranger's, or of a user that is said to have ended later than now.
    pub unreadable: usize,
    /// How long ago the last of them had ended, where any was new.
    pub lag: Option<Duration>,
}

impl Authority {
    /// Denies a token here from now on: as long as its session is known to live, or as long as one can. Where the token was
    /// seen to be good, or its signature says so, its whole session ends, here and for other instances; of any other nobody
    /// else hears.
    pub(crate) fn sign_out(&self, token: &SessionToken, known_end: Option<Timestamp>, now: Now) {
        let key = self.key(token.expose());
        // With keys at hand nobody needs to be asked, also while the Cloud is away.
        let signed = match self.seen(&key) {
            Some(_) => None,
            None => self.prove(key, token, now).ok(),
        };
        match signed {
            Some(identity) => {
                self.deny(token, identity.session_id(), known_end, Proof::Good, now);
            }
            None => self.deny(token, None, known_end, Proof::None, now),
        }
    }

    /// The same for a token that the Cloud has just taken for good: this session of it ends everywhere.
    pub(crate) fn sign_out_proven(
        &self,
        token: &SessionToken,
        session: &SessionId,
        known_end: Option<Timestamp>,
        now: Now,
    ) {
        self.deny(token, Some(session), known_end, Proof::Good, now);
    }

    fn deny(
        &self,
        token: &SessionToken,
        session: Option<&SessionId>,
        known_end: Option<Timestamp>,
        proof: Proof,
        now: Now,
    ) {
        let ends = [Unverified::peek(token).expires_at, known_end];
        let until = self.last_of(ends.into_iter().flatten(), now);
        let key = self.key(token.expose());
        // A renewal made several tokens one session: they end together.
        let others = self.successions.end(&key);
        for key in core::iter::once(key).chain(others) {
            let ended = self
                .cache
                .sign_out(key, session.cloned(), until, proof, now);
            self.outbox.put(ended);
        }
    }

    /// Ends a session here at once, with every token of it, and puts that out for other instances. The Cloud is not told.
    pub fn end_session(&self, session: &SessionId, now: Now) {
        let known_end = self.cache.end_of_session(session);
        let until = self.last_of(known_end, now);
        let ended = Revocation::new(Subject::Session(session.clone()), now.wall, until);
        self.outbox.put(self.cache.revoke(vec![ended], now));
    }

    /// Ends every session of a user that began before now, here at once, and puts that out for other instances; whoever signs
    /// in later is let in again. The Cloud is not told.
    ///
    /// When a session began is what its token says of its issue, in whole seconds: who signs in within the second, or by a
    /// clock of the Cloud's that is behind ours, signs in once more.
    pub fn end_user(&self, user: &UserId, now: Now) {
        let until = self.last_of(None, now);
        self.outbox.put(self.cache.end_user(user, until, now));
    }

    /// Forgets what is remembered of a token: the next request with it asks anew, unless somebody asks already: that answer counts.
    /// Ends nothing.
    pub fn forget(&self, token: &SessionToken) {
        self.cache.forget(&self.key(token.expose()));
    }

    /// Forgets what is remembered of a session: the next request of it asks anew, unless somebody
    /// asks already. Ends nothing.
    pub fn forget_session(&self, session: &SessionId) {
        self.cache
            .forget_where(|identity| identity.session_id() == Some(session));
    }

    /// Forgets what is remembered of a user, permissions included: the next request asks anew, unless somebody
    /// asks already. Ends nothing.
    pub fn forget_user(&self, user: &UserId) {
        self.cache
            .forget_where(|identity| identity.user().id() == user);
    }

    /// Whether a session that the Cloud told of is over here.
    pub(crate) fn is_ended(&self, session: &CloudSession, now: Now) -> bool {
        self.cache
            .denials()
            .of(
                Some(session.id()),
                session.user_id(),
                Some(session.created_at()),
                now,
            )
            .is_some()
    }

    /// Why what somebody was verified with counts no more, where that is so: the token, its session or everything of the user until
    /// then ended here, or it is past its own end.
    pub(crate) fn end_of_user(
        &self,
        key: &TokenKey,
        token: &SessionToken,
        user: &UserId,
        now: Now,
    ) -> Option<CloudApiError> {
        match self.lookup(key, now) {
            Lookup::SignedOut => return Some(CloudApiError::new(Code::SignedOut)),
            Lookup::Expired => return Some(CloudApiError::new(Code::SessionExpired)),
            // An end takes away whom it ends: who is remembered is none of them.
            Lookup::Fresh(_) | Lookup::Due(_) | Lookup::Stale(_) => return None,
            Lookup::Refused(_) | Lookup::Unknown => {}
        }
        // It was verified once, so what it says of itself is true.
        let said = Unverified::peek(token);
        let denials = self.cache.denials();
        if !denials.is_empty() && self.seen(key).is_none() {
            let session = self.session_of(token, said.session_id);
            if denials
                .of(session.as_ref(), user, said.issued_at, now)
                .is_some()
            {
                return Some(CloudApiError::new(Code::SignedOut));
            }
        }
        let end = said.expires_at?.plus(self.cache.leeway());
        (end <= now.wall).then(|| CloudApiError::new(Code::SessionExpired))
    }

    /// What the revocations of this deployment are known by among those of others.
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// From now on puts out what ends here, for [`take_revocations`](Self::take_revocations). `wake` is called after something
    /// came in, by whoever ended it, and must not wait. False where somebody takes them already.
    pub fn publish_revocations(&self, wake: impl Fn() + Send + Sync + 'static) -> bool {
        self.outbox.open(Box::new(wake))
    }

    /// From now on calls `wake` after something ended, here or by the word of another instance: by whoever ended it, so it must not
    /// wait. For what goes on longer than one request, and looks again then. False where another is called already.
    pub fn on_end(&self, wake: impl Fn() + Send + Sync + 'static) -> bool {
        self.outbox.on_end(Box::new(wake))
    }

    /// Takes what is to be told to other instances, the oldest first, up to `most`. Where more came than can wait, all that ended
    /// here follows once more, for the oldest gave way; of that, some may be over.
    pub fn take_revocations(&self, most: usize) -> Vec<Revocation> {
        let denials = self.cache.denials();
        self.outbox
            .take(most, |last, most| denials.own_after(last, most))
    }

    /// Whether a callback with this digest of its state was used, here or on an instance that told of it.
    pub(crate) fn is_spent(&self, state: &Digest, now: Now) -> bool {
        self.spent.holds(state, now) || self.spent_elsewhere.holds(state, now)
    }

    /// Spends a callback and puts that out for other instances; false where it was spent here already.
    pub(crate) fn spend_callback(&self, state: Digest, now: Now) -> bool {
        let is_first = self.spent.spend(state, now);
        if is_first {
            self.outbox.put_spent(SpentCallback {
                digest: state,
                at: now.wall,
                until: now.wall.plus(self.config.policy.login_lifetime),
            });
        }
        is_first
    }

    /// Takes which callbacks were used here, to tell other instances, the oldest first, up to `most`. They need not be kept for
    /// instances that are away: there the Cloud, which takes a code once, stands in.
    pub fn take_spent_callbacks(&self, most: usize) -> Vec<SpentCallback> {
        self.outbox.take_spent(most)
    }

    /// How many revocations are still to be told to other instances, those included that gave way to others and are told again.
    /// More than none as long as [`take_revocations`](Self::take_revocations) gives any.
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Takes over what another instance said, in any order and as often as it says so. The result counts what was new.
    ///
    /// No end is taken that is later than a session or a token can have, and none of a user of more than five minutes ahead.
    pub fn apply(&self, revocations: impl IntoIterator<Item = Revocation>, now: Now) -> usize {
        let bounded = revocations
            .into_iter()
            .filter_map(|said| self.hearsay.bounded(said, now.wall));
        self.take_over(bounded.collect(), now)
    }

    fn take_over(&self, bounded: Vec<Revocation>, now: Now) -> usize {
        let (ended, own) = self.cache.hear(bounded, now);
        self.outbox.put(own);
        if !ended.is_empty() {
            self.outbox.ended();
        }
        for revocation in &ended {
            if let Subject::Token(key) = &revocation.subject {
                // What was renewed here the other did not know of: that is news of ours.
                for other in self.successions.end(key) {
                    let (until, proof) = (revocation.until, Proof::None);
                    let ended = self.cache.sign_out(other, None, until, proof, now);
                    self.outbox.put(ended);
                }
            }
        }
        ended.len()
    }

    /// Reads and takes over texts that came over the channel to other instances, and notes that it is there: also where there
    /// are none. What cannot be read is counted and ends nothing.
    pub fn hear<'t>(&self, texts: impl IntoIterator<Item = &'t str>, now: Now) -> Heard {
        let (read, unreadable) = self.read(texts, now);
        self.heard(read, unreadable, now)
    }

    /// What is taken of texts that came over the channel, and how many are not.
    pub(super) fn read<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        now: Now,
    ) -> (Vec<Revocation>, usize) {
        let (mut read, mut unreadable) = (Vec::new(), 0_usize);
        for text in texts {
            if let Some(spent) = self.realm.parse_spent(text) {
                // It makes one callback refused, and no longer than a sign-in may take from now.
                if now.wall < spent.until {
                    self.spent_elsewhere.spend(spent.digest, now);
                }
                continue;
            }
            let said = self.realm.parse(text).ok();
            match said.and_then(|said| self.hearsay.bounded(said, now.wall)) {
                Some(revocation) => read.push(revocation),
                None => unreadable = unreadable.saturating_add(1),
            }
        }
        (read, unreadable)
    }

    pub(super) fn heard(&self, read: Vec<Revocation>, unreadable: usize, now: Now) -> Heard {
        self.outbox.heard(now.monotonic);
        let last = read.iter().map(|revocation| revocation.at).max();
        let new = self.take_over(read, now);
        Heard {
            new,
            unreadable,
            lag: last.filter(|_| new > 0).map(|at| now.wall.since(at)),
        }
    }

    /// How long ago the channel to other instances was last heard of; none where there is none.
    pub fn revocation_lag(&self, now: Now) -> Option<Duration> {
        self.outbox
            .last_heard()
            .map(|last| now.monotonic.saturating_sub(last))
    }

    /// All that is known to have ended and still counts: for a channel that lost what it held.
    pub fn revocations(&self, now: Now) -> Vec<Revocation> {
        self.cache.denials().all(now)
    }

    /// The last of these ends, and no sooner than a session ends of which nothing is known; with the leeway that a token is
    /// taken for after its own.
    fn last_of(&self, ends: impl IntoIterator<Item = Timestamp>, now: Now) -> Timestamp {
        let longest: Duration = self.config.policy.session_max_age;
        ends.into_iter()
            .fold(now.wall.plus(longest), Timestamp::max)
            .plus(self.cache.leeway())
    }
}
