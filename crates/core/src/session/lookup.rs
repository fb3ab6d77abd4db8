//! The cache's answers.
//!
//! Refusing a token does not end its session: the Cloud refuses an expired token and still renews its session. A refusal does
//! not state which of the two it is of. Only a refusal of the session blocks a renewal.

use std::sync::Arc;

use crate::error::CloudApiError;
use crate::rbac::pattern::Permissions;
use crate::session::Identity;

/// The cache's answer for a token.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// Verified within the fresh time.
    Fresh(Arc<Identity>),
    /// Fresh, but near the end of the fresh time. The one caller that gets this refreshes the identity in the background.
    Due(Arc<Identity>),
    /// Verified within the stale time: used only where the Cloud cannot be asked.
    Stale(Arc<Identity>),
    /// Verified once, and expired now.
    Expired,
    /// Refused a moment ago.
    Refused(Refusal),
    /// Signed out here.
    SignedOut,
    /// Nothing usable is cached.
    Unknown,
}

/// The cache's answer for a user's permissions.
#[derive(Clone, Debug)]
pub(crate) enum PermissionsLookup {
    Fresh(Arc<Permissions>),
    Stale(Arc<Permissions>),
    Unknown,
}

/// A refusal that is cached.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) error: CloudApiError,
    pub(crate) of: Refused,
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The token alone: its session may be renewed.
    Token,
    /// The session, or a token that no Cloud ever signed: there is nothing to renew.
    Session,
}

impl Refusal {
    pub(crate) const fn token(error: CloudApiError) -> Self {
        let of = Refused::Token;
        Self { error, of }
    }

    pub(crate) const fn session(error: CloudApiError) -> Self {
        let of = Refused::Session;
        Self { error, of }
    }
}
