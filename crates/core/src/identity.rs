//! What is remembered of identities, and for how long: state that time changes, with `now` as an argument.

mod ahead;
pub mod authority;
pub(crate) mod breaker;
pub(crate) mod cache;
pub(crate) mod denials;
mod hearsay;
pub mod key;
pub(crate) mod keys;
#[cfg(all(test, shuttle))]
mod model;
mod noted;
pub(crate) mod outbox;
pub(crate) mod proof;
mod recall;
pub(crate) mod refusal;
mod retelling;
pub mod revocation;
pub mod signed_in;
pub mod spent;
pub mod statistics;
pub(crate) mod succession;
mod sync;
mod table;
mod until;
mod weight;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

pub use breaker::BreakerState;

use crate::ids::SessionId;
use crate::model::{CloudSession, CloudUser};
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;
use key::TokenKey;

/// A verified identity: made by this crate from the Cloud's answer or from a checked signature, and by nobody else.
#[derive(Clone, Debug)]
pub struct Identity {
    key: TokenKey,
    serial: u64,
    user: CloudUser,
    session_id: Option<SessionId>,
    begun_at: Option<Timestamp>,
    /// What its token says verifiably of its issue.
    issued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    /// When its session ends by the Cloud's own word, where that is known.
    session_end: Option<Timestamp>,
    renew_from: Option<Timestamp>,
    /// When it ends on the monotonic clock, where the wall clock is ahead of the Cloud's.
    lent_until: Option<Duration>,
    ahead: Claim,
}

/// Something that one caller gets and no other. A copy can be claimed anew.
#[derive(Debug, Default)]
struct Claim(AtomicBool);

impl Clone for Claim {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Identity {
    pub(crate) const fn new(
        key: TokenKey,
        user: CloudUser,
        session_id: Option<SessionId>,
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            key,
            serial: 0,
            user,
            session_id,
            begun_at: None,
            issued_at: None,
            expires_at,
            session_end: None,
            renew_from: None,
            lent_until: None,
            ahead: Claim(AtomicBool::new(false)),
        }
    }

    /// The same, of a session that began then.
    pub(crate) fn begun(self, begun_at: Option<Timestamp>) -> Self {
        Self { begun_at, ..self }
    }

    /// The same, of a token that was verified to be issued then.
    pub(crate) fn issued(self, issued_at: Option<Timestamp>) -> Self {
        Self { issued_at, ..self }
    }

    /// Who it is.
    pub const fn user(&self) -> &CloudUser {
        &self.user
    }

    /// The Cloud's id of the session, where it is known.
    pub const fn session_id(&self) -> Option<&SessionId> {
        self.session_id.as_ref()
    }

    /// When the session began or its token was issued, where it is known.
    pub const fn begun_at(&self) -> Option<Timestamp> {
        self.begun_at
    }

    /// When the session ends by itself, where it is known.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// A number that no other identity of the same [`Authority`](authority::Authority) has, also not one of the same user:
    /// for what a driver keeps beside it. From 1; 0 before it was remembered.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// When its token says that it was issued: after a renewal later than its session began.
    pub(crate) fn issued_at(&self) -> Option<Timestamp> {
        Unverified::peek(self.user.session_token()).issued_at
    }

    /// What the identity is remembered under.
    pub const fn key(&self) -> TokenKey {
        self.key
    }

    /// The same, with what the Cloud says of its session.
    pub(crate) fn in_session(self, session: &CloudSession) -> Self {
        Self {
            session_id: self.session_id.or_else(|| Some(session.id().clone())),
            expires_at: self
                .expires_at
                .into_iter()
                .chain([session.expires_at()])
                .min(),
            ..self
        }
        .session_ending(session.expires_at())
    }

    /// The same, of a session with this name.
    pub(crate) fn named(self, session_id: Option<SessionId>) -> Self {
        Self { session_id, ..self }
    }

    /// The same, of a session that ends then by the Cloud's own word.
    pub(crate) fn session_ending(self, end: Timestamp) -> Self {
        Self {
            session_end: Some(end),
            ..self
        }
    }

    /// The same, with what was known of its session before: its id, which the Cloud may have said,
    /// its begin and its end where those come sooner.
    pub(crate) fn continuing(self, earlier: &Self) -> Self {
        Self {
            session_id: earlier.session_id.clone().or(self.session_id),
            begun_at: self.begun_at.into_iter().chain(earlier.begun_at).min(),
            expires_at: self.expires_at.into_iter().chain(earlier.expires_at).min(),
            session_end: self
                .session_end
                .into_iter()
                .chain(earlier.session_end)
                .min(),
            renew_from: self.renew_from.into_iter().chain(earlier.renew_from).min(),
            lent_until: self.lent_until.into_iter().chain(earlier.lent_until).min(),
            ..self
        }
    }

    pub(crate) fn numbered(self, serial: u64) -> Self {
        Self { serial, ..self }
    }

    /// The same, with the time from which on it is renewed. Where its token says no time of issue, its life begins now.
    pub(crate) fn renewed_before_end(self, before: Duration, now: Timestamp) -> Self {
        let renew_from = self.expires_at.map(|end| {
            let peeked = || Unverified::peek(self.user.session_token()).issued_at;
            // By another clock than this one, where that is ahead.
            let issued = self
                .issued_at
                .or_else(peeked)
                .filter(|_| self.lent_until.is_none());
            renew_from(issued.unwrap_or(now), end, before)
        });
        Self { renew_from, ..self }
    }

    /// The same, with another end.
    pub(crate) fn until(self, end: Timestamp) -> Self {
        Self {
            expires_at: Some(end),
            ..self
        }
    }

    /// The same, of what the Cloud vouches for now though it is past its end by this clock: so the clock is ahead. Its life begins now,
    /// and ends on whichever clock comes first; without a known life it has no end of its own, and the Cloud is asked as often as
    /// of a token that says none.
    pub(crate) fn lent(self, life: Option<Duration>, now: Now) -> Self {
        Self {
            expires_at: life.map(|life| now.wall.plus(life)),
            session_end: self.session_end.filter(|end| *end > now.wall),
            lent_until: life.map(|life| now.monotonic.saturating_add(life)),
            ..self
        }
    }

    /// Whether the clock was ahead when it was verified.
    pub(crate) const fn is_lent(&self) -> bool {
        self.lent_until.is_some()
    }

    /// Whether it is time to ask for a newer token.
    pub(crate) fn is_near_end(&self, now: Timestamp) -> bool {
        self.renew_from.is_some_and(|from| now >= from)
    }

    /// Whether its end is further back than the clocks may differ, or its session's is reached: the Cloud says that one itself, so it
    /// has no leeway.
    pub(crate) fn is_expired(&self, now: Now, leeway: Duration) -> bool {
        let Now { wall, monotonic } = now;
        self.expires_at.is_some_and(|end| wall >= end.plus(leeway))
            || self.session_end.is_some_and(|end| wall >= end)
            || self.lent_until.is_some_and(|end| monotonic >= end)
    }

    /// Whether somebody has that leave already.
    pub(crate) fn is_looked_ahead(&self) -> bool {
        self.ahead.0.load(Ordering::Relaxed)
    }

    /// Leave to ask about it anew before its fresh time is over, to the first who wants it.
    pub(crate) fn claim_look_ahead(&self) -> bool {
        // Asked on many requests and claimed once: a look does not take the line from other processors.
        !self.ahead.0.load(Ordering::Relaxed) && !self.ahead.0.swap(true, Ordering::Relaxed)
    }
}

/// When to begin to ask for a newer token: so long before the end of this one, or in the last third of its life where that is later.
pub(crate) fn renew_from(issued: Timestamp, end: Timestamp, before: Duration) -> Timestamp {
    end.minus(before.min(end.since(issued) / 3))
}
