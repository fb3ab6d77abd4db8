//! A refusal by the Cloud, and whether it is of the token or of the session.
//!
//! Refusing a token does not end its session: the Cloud refuses an expired token and still renews its session. A refusal does
//! not state which of the two it is of. Only a refusal of the session blocks a renewal.

use crate::error::CloudApiError;

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
