//! Operations: each one is an endpoint of the contract, as a pair of a request to send and a response to read.
//!
//! An operation owns what it spends: reading the response takes it by value, so a code or a verifier cannot be used twice.
//! Operations know nothing of one another, of retries or of caches.

pub mod destroy_session;
pub mod exchange_code;
pub mod key_set;
pub mod login_page;
pub mod logout_page;
pub mod refresh_session;
pub mod user;
pub mod user_permissions;
pub mod validate_session;
pub mod verify_token;

use crate::config::Config;
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};

/// One endpoint of the contract.
pub trait Operation {
    /// The result of a good response.
    type Output;

    /// How often a failed call may be retried.
    const RETRIES: Retries;

    /// The whole request.
    ///
    /// # Errors
    ///
    /// Where the operation's values cannot be written; then nothing is sent.
    fn request(&self, config: &Config) -> Result<Request, CloudApiError>;

    /// Takes what an answer brings whatever else becomes of it, before it is read or the request is sent again. Returns whether
    /// there is nothing left to ask.
    fn note(&mut self, config: &Config, delivery: &Delivery) -> bool {
        _ = (config, delivery);
        false
    }

    /// Reads the response.
    ///
    /// # Errors
    ///
    /// [`CloudApiError`] for every response but a good one.
    fn response(self, config: &Config, delivery: Delivery) -> Result<Self::Output, CloudApiError>;
}

/// How often a call is retried after a failed connection or a 502, 503 or 504.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retries {
    /// Never: the call may have spent what it carries.
    Never,
    /// Once.
    Once,
    /// Three times.
    Thrice,
}

impl Retries {
    pub(crate) const fn count(self) -> u8 {
        match self {
            Self::Never => 0,
            Self::Once => 1,
            Self::Thrice => 3,
        }
    }
}
