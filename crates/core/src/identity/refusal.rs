//! A refusal of the Cloud's, and what it speaks of.
//!
//! To refuse a token is not to end its session: the Cloud refuses a token that is past its end, and renews its session all the
//! same. Which of the two a refusal was cannot be read in it, so only a refusal of the session stands in the way of a renewal.

use crate::error::CloudApiError;

/// A refusal that is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) error: CloudApiError,
    pub(crate) of: Refused,
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The token as it is: its session may be renewed.
    Token,
    /// The session, or a token that no Cloud ever signed: nothing is left to renew.
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
