//! What is remembered of identities, and for how long: state that time changes, with `now` as an argument.

pub mod authority;
pub(crate) mod breaker;
pub(crate) mod cache;
pub mod key;
pub(crate) mod spent;
mod weight;

pub use breaker::BreakerState;

use crate::ids::SessionId;
use crate::model::CloudUser;
use crate::time::Timestamp;
use key::TokenKey;

/// A verified identity: made by this crate from the Cloud's answer, and by nobody else.
#[derive(Clone, Debug)]
pub struct Identity {
    key: TokenKey,
    serial: u64,
    user: CloudUser,
    session_id: Option<SessionId>,
    expires_at: Option<Timestamp>,
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
            ..self
        }
    }

    pub(crate) fn numbered(self, serial: u64) -> Self {
        Self { serial, ..self }
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}
