//! Identities as handles: the core's own values stay in Rust.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::session::Identity as CoreIdentity;
use napi_derive::napi;

use crate::convert::User;
use crate::guard::{Result, guard};

/// An identity that the Cloud vouched for; permission look-ups take it.
#[napi]
pub struct Identity(Who);

enum Who {
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
    /// The user as a plain object.
    #[napi]
    pub fn user(&self) -> Result<User> {
        guard(|| match &self.0 {
            Who::Remembered(identity) => identity.as_ref().into(),
            Who::Told(user) => user.as_ref().into(),
        })
    }
}
