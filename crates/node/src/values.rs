//! Results of the core, as handles: its own values stay in Rust.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::session::Identity as CoreIdentity;
use napi_derive::napi;

use crate::convert::{Failure, User, serial};
use crate::guard::{Result, guard};

/// An identity that the Cloud vouched for; permission look-ups take it.
#[napi]
pub struct Identity(Who);

pub(crate) enum Who {
    Remembered(Arc<CoreIdentity>),
    Told(Box<CloudUser>),
}

impl Identity {
    pub(crate) fn remembered(identity: Arc<CoreIdentity>) -> Self {
        Self(Who::Remembered(identity))
    }

    pub(crate) fn told(user: CloudUser) -> Self {
        Self(Who::Told(Box::new(user)))
    }

    pub(crate) fn who(&self) -> &CloudUser {
        match &self.0 {
            Who::Remembered(identity) => identity.user(),
            Who::Told(user) => user,
        }
    }
}

#[napi]
impl Identity {
    /// The serial number that a warm look returns for this identity; 0 if it is not cached.
    #[napi]
    pub fn serial(&self) -> Result<f64> {
        guard("Identity.serial", || match &self.0 {
            Who::Remembered(identity) => serial(identity),
            Who::Told(_) => 0.0,
        })
    }

    /// The user as a plain object.
    #[napi]
    pub fn user(&self) -> Result<User> {
        guard("Identity.user", || match &self.0 {
            Who::Remembered(identity) => identity.as_ref().into(),
            Who::Told(user) => user.as_ref().into(),
        })
    }
}

/// One of the four answers.
#[napi]
pub struct Answer(pub(crate) Authentication);

#[napi]
impl Answer {
    /// `authenticated`, `anonymous`, `rejected` or `unavailable`.
    #[napi(ts_return_type = "'authenticated' | 'anonymous' | 'rejected' | 'unavailable'")]
    pub fn kind(&self) -> Result<&'static str> {
        guard("Answer.kind", || self.0.outcome().as_str())
    }

    /// The identity, if the answer is `authenticated`.
    #[napi]
    pub fn identity(&self) -> Result<Option<Identity>> {
        guard("Answer.identity", || match &self.0 {
            Authentication::Authenticated(identity) => {
                Some(Identity::remembered(Arc::clone(identity)))
            }
            _ => None,
        })
    }

    /// The error, if the credential was rejected or could not be checked.
    #[napi]
    pub fn failure(&self) -> Result<Option<Failure>> {
        guard("Answer.failure", || match &self.0 {
            Authentication::Rejected(error) | Authentication::Unavailable(error) => {
                Some(error.clone().into())
            }
            _ => None,
        })
    }
}
