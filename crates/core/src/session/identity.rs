//! The identity of a verified token: its user, its session and its times.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;

use crate::cloud::model::{CloudSession, CloudUser};
use crate::error::CloudApiError;
use crate::ids::{OrganizationId, SessionId};
use crate::session::TokenDigest;
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// A verified identity. Only this crate makes one: from the Cloud's answer or from a checked signature.
#[derive(Clone, Debug)]
pub struct Identity {
    key: TokenDigest,
    serial: u64,
    /// When it was verified, on the monotonic clock.
    verified: Duration,
    user: CloudUser,
    session_id: Option<SessionId>,
    begun_at: Option<Timestamp>,
    /// The verified time of issue of the token.
    issued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    /// When the session ends according to the Cloud, where that is known.
    session_end: Option<Timestamp>,
    renew_from: Option<Timestamp>,
    /// Until when it outlives its refusal. A good answer begins anew.
    tolerated_until: Option<Timestamp>,
    /// The end on the monotonic clock, where the wall clock is ahead of the Cloud's: boxed, for it seldom is.
    rebased_until: Option<Box<Duration>>,
    ahead: Claim,
}

/// A flag that only one caller can claim. A copy can be claimed anew.
#[derive(Debug, Default)]
struct Claim(AtomicBool);

impl Clone for Claim {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Identity {
    pub(crate) const fn new(
        key: TokenDigest,
        user: CloudUser,
        session_id: Option<SessionId>,
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            key,
            serial: 0,
            verified: Duration::ZERO,
            user,
            session_id,
            begun_at: None,
            issued_at: None,
            expires_at,
            session_end: None,
            renew_from: None,
            tolerated_until: None,
            rebased_until: None,
            ahead: Claim(AtomicBool::new(false)),
        }
    }

    /// Sets when the session began.
    pub(crate) fn begun(self, begun_at: Option<Timestamp>) -> Self {
        Self { begun_at, ..self }
    }

    /// Sets the verified time of issue of the token.
    pub(crate) fn issued(self, issued_at: Option<Timestamp>) -> Self {
        Self { issued_at, ..self }
    }

    /// This identity in another organization of its user.
    ///
    /// # Errors
    ///
    /// `organization_forbidden` where the user is not a member.
    pub fn in_organization(&self, organization: OrganizationId) -> Result<Self, CloudApiError> {
        let user = self.user.in_organization(organization)?;
        Ok(self.clone().with_user(user))
    }

    /// This identity with its user's organizations changed, for tests without a Cloud.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn for_test(self, change: impl FnOnce(CloudUser) -> CloudUser) -> Self {
        let user = change(self.user.clone());
        self.with_user(user)
    }

    fn with_user(self, user: CloudUser) -> Self {
        Self { user, ..self }
    }

    /// The user.
    pub const fn user(&self) -> &CloudUser {
        &self.user
    }

    /// The Cloud's id of the session, where it is known.
    pub const fn session_id(&self) -> Option<&SessionId> {
        self.session_id.as_ref()
    }

    /// When the session began or its token was issued, where that is known.
    pub const fn begun_at(&self) -> Option<Timestamp> {
        self.begun_at
    }

    /// When the session expires, where that is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        earliest(self.expires_at, self.tolerated_until)
    }

    /// A number that no other identity of the same [`Engine`](crate::engine::Engine) has, not even one of the same user.
    /// Drivers may key their own data by it.
    /// Counted from 1; 0 before the identity was cached.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The `iat` that the token states: after a renewal it is later than the session's begin. Not verified here.
    pub(crate) fn unverified_issued_at(&self) -> Option<Timestamp> {
        Unverified::peek(self.user.session_token()).issued_at
    }

    /// The cache key of the identity.
    pub const fn key(&self) -> TokenDigest {
        self.key
    }

    pub(crate) const fn digest(&self) -> &TokenDigest {
        &self.key
    }

    /// Adds the Cloud's record of the session: its id where none is known, and the earlier expiry.
    pub(crate) fn in_session(self, session: &CloudSession) -> Self {
        Self {
            session_id: self.session_id.or_else(|| Some(session.id().clone())),
            expires_at: earliest(self.expires_at, Some(session.expires_at())),
            ..self
        }
        .session_ending(session.expires_at())
    }

    /// Sets the session id.
    pub(crate) fn named(self, session_id: Option<SessionId>) -> Self {
        Self { session_id, ..self }
    }

    /// Sets when the session ends according to the Cloud.
    pub(crate) fn session_ending(self, end: Timestamp) -> Self {
        Self {
            session_end: Some(end),
            ..self
        }
    }

    /// Adds what was known of the session before: its id, which the Cloud may have given, and the earlier of both begins and
    /// ends.
    pub(crate) fn continuing(self, earlier: &Self) -> Self {
        Self {
            session_id: earlier.session_id.clone().or(self.session_id),
            begun_at: earliest(self.begun_at, earlier.begun_at),
            expires_at: earliest(self.expires_at, earlier.expires_at),
            session_end: earliest(self.session_end, earlier.session_end),
            renew_from: earliest(self.renew_from, earlier.renew_from),
            rebased_until: earliest(self.rebased_until, earlier.rebased_until.clone()),
            ..self
        }
    }

    /// This identity with its user's roles in the list that `share` returns for them.
    pub(crate) fn sharing_roles(self, share: impl FnOnce(Arc<[String]>) -> Arc<[String]>) -> Self {
        let user = self.user.sharing_roles(share);
        Self { user, ..self }
    }

    /// Sets its serial number, and when it was verified on the monotonic clock.
    pub(crate) fn cached(self, serial: u64, verified: Duration) -> Self {
        Self {
            serial,
            verified,
            ..self
        }
    }

    /// Sets that it was verified when another one was.
    pub(crate) fn verified_with(self, other: &Self) -> Self {
        Self {
            verified: other.verified,
            ..self
        }
    }

    /// How long ago it was verified.
    pub(crate) const fn age(&self, now: Now) -> Duration {
        now.monotonic.saturating_sub(self.verified)
    }

    /// Sets the time from which the token is to be renewed. Where the token states no time of issue, its life begins now.
    pub(crate) fn renewed_before_end(self, before: Duration, now: Timestamp) -> Self {
        let renew_from = self.expires_at.map(|end| {
            let peeked = || Unverified::peek(self.user.session_token()).issued_at;
            // The time of issue is by the Cloud's clock: of no use where this one is ahead.
            let issued = self
                .issued_at
                .or_else(peeked)
                .filter(|_| self.rebased_until.is_none());
            renew_from(issued.unwrap_or(now), end, before)
        });
        Self { renew_from, ..self }
    }

    /// Sets the expiry.
    pub(crate) fn until(self, end: Timestamp) -> Self {
        Self {
            expires_at: Some(end),
            ..self
        }
    }

    /// Lets it outlive its refusal until then. Where it was refused before without a good answer since, the earlier end counts.
    pub(crate) fn tolerated(self, until: Timestamp) -> Self {
        Self {
            tolerated_until: earliest(self.tolerated_until, Some(until)),
            ..self
        }
    }

    /// For an identity that the Cloud accepts although it is past its expiry by this clock, so this clock is ahead.
    /// Its life begins now and ends on whichever clock comes first. Without a known life it has no expiry of its own: the
    /// Cloud is asked as often as for a token that states none.
    pub(crate) fn rebased(self, life: Option<Duration>, now: Now) -> Self {
        Self {
            expires_at: life.map(|life| now.wall.plus(life)),
            session_end: self.session_end.filter(|end| *end > now.wall),
            rebased_until: life.map(|life| Box::new(now.monotonic.saturating_add(life))),
            ..self
        }
    }

    /// Whether this clock was ahead when the identity was verified.
    pub(crate) const fn is_rebased(&self) -> bool {
        self.rebased_until.is_some()
    }

    /// Whether the token is to be renewed now.
    pub(crate) fn is_renewal_due(&self, now: Timestamp) -> bool {
        self.renew_from.is_some_and(|from| now >= from)
    }

    /// Whether the token expired, without any leeway.
    pub(crate) fn is_past_end(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// Whether the token expired by more than the leeway, or the session has ended. The Cloud states the session's end
    /// itself, so that has no leeway.
    pub(crate) fn is_expired(&self, now: Now, leeway: Duration) -> bool {
        let Now { wall, monotonic } = now;
        self.expires_at.is_some_and(|end| wall >= end.plus(leeway))
            || earliest(self.session_end, self.tolerated_until).is_some_and(|end| wall >= end)
            || self
                .rebased_until
                .as_deref()
                .is_some_and(|end| monotonic >= *end)
    }

    /// Whether it counts without a call. The Cloud may put a user without an organization into one at any moment.
    pub(crate) fn may_be_fresh(&self) -> bool {
        !self.user.lacks_organization()
    }

    /// Whether a caller has claimed the background refresh.
    pub(crate) fn is_refresh_claimed(&self) -> bool {
        self.ahead.0.load(Ordering::Relaxed)
    }

    /// Claims the background refresh, before the fresh time is over; true for one caller only.
    pub(crate) fn claim_refresh(&self) -> bool {
        // Read on many requests and claimed once: a plain load leaves the cache line with the other processors.
        !self.ahead.0.load(Ordering::Relaxed) && !self.ahead.0.swap(true, Ordering::Relaxed)
    }
}

/// The earlier of two times, of which each may be unknown.
fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// When to begin to renew: `before` the end of the token, or in the last third of its life where that is later.
pub(crate) fn renew_from(issued: Timestamp, end: Timestamp, before: Duration) -> Timestamp {
    end.minus(before.min(end.since(issued) / 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;
    use crate::json::Object;
    use crate::secret::SessionToken;

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn user(id: &str) -> CloudUser {
        let record = serde_json::json!({ "id": id, "email": "", "created_at": 0 });
        let token = SessionToken::parse("t").unwrap();
        CloudUser::read(Object::new(&record, "user").unwrap(), token).unwrap()
    }

    fn identity(expires_at: i64) -> Identity {
        let key = TokenDigest::from_bytes(&[7; 32]).unwrap();
        Identity::new(key, user("ada"), None, Some(time(expires_at)))
    }

    fn session(id: &str) -> SessionId {
        SessionId::parse(id).unwrap()
    }

    #[test]
    fn the_clouds_record_of_the_session_adds_its_id_and_the_earlier_end() {
        let ada = UserId::parse("ada").unwrap();
        let record = CloudSession::new(session("s"), ada, time(1), time(50));
        for (own, expect) in [(40, 40), (60, 50)] {
            let found = identity(own).in_session(&record);
            assert_eq!(found.session_id(), Some(&session("s")));
            assert_eq!(found.expires_at(), Some(time(expect)));
            assert_eq!(found.session_end, Some(time(50)));
        }
        let named = identity(40).named(Some(session("own")));
        let found = named.in_session(&record);
        assert_eq!(found.session_id(), Some(&session("own")));
    }

    #[test]
    fn what_was_known_before_goes_on_with_its_id_and_the_earlier_times() {
        let known = |begun, end, renew| Identity {
            renew_from: Some(time(renew)),
            ..identity(end)
                .begun(Some(time(begun)))
                .session_ending(time(end + 1))
        };
        let earlier = known(1, 60, 30).named(Some(session("s")));
        let later = known(2, 90, 50).named(Some(session("other")));
        for found in [
            later.clone().continuing(&earlier),
            earlier.clone().continuing(&later),
        ] {
            assert_eq!(found.begun_at(), Some(time(1)));
            assert_eq!(found.expires_at(), Some(time(60)));
            assert_eq!(found.session_end, Some(time(61)));
            assert_eq!(found.renew_from, Some(time(30)));
        }
        let found = later.continuing(&earlier);
        assert_eq!(found.session_id(), Some(&session("s")));
    }

    #[test]
    fn a_clock_that_is_ahead_ends_no_session_that_the_cloud_takes() {
        let now = Now {
            wall: time(100),
            monotonic: Duration::from_secs(5),
        };
        for (end, expect) in [(99, None), (100, None), (101, Some(time(101)))] {
            let found = identity(90).session_ending(time(end));
            let found = found.rebased(Some(Duration::from_secs(30)), now);
            assert_eq!(
                (found.session_end, found.expires_at()),
                (expect, Some(time(130)))
            );
        }
    }

    #[test]
    fn a_verified_time_of_issue_counts_before_what_the_token_says() {
        let found = identity(100).issued(Some(time(60)));
        let found = found.renewed_before_end(Duration::from_secs(30), time(0));
        assert_eq!(
            found.renew_from,
            Some(time(100).minus(Duration::from_secs(40) / 3))
        );
        let other = identity(100).with_user(user("bob"));
        assert_eq!(other.user().id().as_str(), "bob");
    }
}
