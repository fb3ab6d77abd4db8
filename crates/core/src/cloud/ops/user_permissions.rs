//! User permissions: reads what a user may do.

use crate::cloud::endpoint::Filling;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::Endpoint;
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::ids::UserId;
use crate::json::Object;
use crate::rbac::pattern::Permissions;
use crate::secret::SessionToken;

/// Asks the Cloud for a user's permissions.
#[derive(Debug)]
pub struct GetUserPermissions {
    id: UserId,
    token: SessionToken,
    endpoint: &'static Endpoint,
}

impl GetUserPermissions {
    /// Reads this user's permissions; `None` where the dialect has no such endpoint.
    pub fn new(config: &Config, id: UserId, token: SessionToken) -> Option<Self> {
        let endpoint = config.table().permissions.as_ref()?;
        Some(Self {
            id,
            token,
            endpoint,
        })
    }
}

impl Operation for GetUserPermissions {
    type Output = Permissions;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            token: Some(&self.token),
            user: Some(&self.id),
            ..Filling::default()
        };
        self.endpoint.request(config, &filling)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<Permissions, CloudApiError> {
        let read = |data: Object<'_>| data.texts("permissions").map(Permissions::new);
        let secrets = [self.token.expose()];
        self.endpoint.response(config, delivery, &secrets, read)
    }
}
