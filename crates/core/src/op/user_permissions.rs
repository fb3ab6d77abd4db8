//! User permissions: reads what a user may do.

use crate::config::Config;
use crate::dialect::Endpoint;
use crate::endpoint::Filling;
use crate::envelope::{Data, bad_member, open};
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::ids::UserId;
use crate::json::Object;
use crate::op::{Operation, Retries};
use crate::permission::Grants;
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
    type Output = Grants;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            bearer: Some(&self.token),
            user: Some(&self.id),
            ..Filling::default()
        };
        self.endpoint
            .request(config, &filling, config.policy.call_timeout)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<Grants, CloudApiError> {
        open(
            config.table().wrapping,
            Data::Required,
            delivery,
            &[self.token.expose()],
        )
        .and_then(|data| {
            Object::new(&data, "data")
                .and_then(|data| data.texts("permissions"))
                .map(Grants::new)
                .map_err(bad_member)
        })
        .map_err(|error| error.at(&self.endpoint.template(config)))
    }
}
