//! What is remembered of identities, and for how long: state that time changes, with `now` as an argument.

pub mod authority;
pub(crate) mod breaker;
pub(crate) mod cache;
pub mod key;
pub(crate) mod spent;
pub(crate) mod succession;
mod weight;

use core::time::Duration;

use crate::ids::SessionId;
use crate::model::CloudUser;
use crate::time::Timestamp;
use crate::unverified::Unverified;
use key::TokenKey;

/// A verified identity: made by this crate from the Cloud's answer, and by nobody else.
#[derive(Clone, Debug)]
pub struct Identity {
    key: TokenKey,
    serial: u64,
    user: CloudUser,
    session_id: Option<SessionId>,
    expires_at: Option<Timestamp>,
    renew_from: Option<Timestamp>,
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
            expires_at,
            renew_from: None,
        }
    }

    /// Who it is.
    pub const fn user(&self) -> &CloudUser {
        &self.user
    }

    /// The Cloud's id of the session, where it is known.
    pub const fn session_id(&self) -> Option<&SessionId> {
        self.session_id.as_ref()
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

    /// What the identity is remembered under.
    pub const fn key(&self) -> TokenKey {
        self.key
    }

    /// The same, with what was known of its session before: its id, which the Cloud may have said,
    /// and its end where that comes sooner.
    pub(crate) fn continuing(self, earlier: &Self) -> Self {
        Self {
            session_id: earlier.session_id.clone().or(self.session_id),
            expires_at: self.expires_at.into_iter().chain(earlier.expires_at).min(),
            renew_from: self.renew_from.into_iter().chain(earlier.renew_from).min(),
            ..self
        }
    }

    pub(crate) fn numbered(self, serial: u64) -> Self {
        Self { serial, ..self }
    }

    /// The same, with the time from which on it is renewed. Where its token says no time of issue, its life begins now.
    pub(crate) fn renewed_before_end(self, before: Duration, now: Timestamp) -> Self {
        let renew_from = self.expires_at.map(|end| {
            let issued = Unverified::peek(self.user.session_token()).issued_at;
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

    /// Whether it is time to ask for a newer token.
    pub(crate) fn is_near_end(&self, now: Timestamp) -> bool {
        self.renew_from.is_some_and(|from| now >= from)
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// When to begin to ask for a newer token: so long before the end of this one, or in the last third of its life where that is later.
pub(crate) fn renew_from(issued: Timestamp, end: Timestamp, before: Duration) -> Timestamp {
    end.minus(before.min(end.since(issued) / 3))
}
