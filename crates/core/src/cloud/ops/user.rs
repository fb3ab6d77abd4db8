//! User: reads one account by its id.

use crate::cloud::endpoint::Filling;
use crate::cloud::model::CloudUser;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::Endpoint;
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::ids::UserId;
use crate::json::{BadMember, Object};
use crate::secret::SessionToken;

/// Asks the Cloud for one account.
#[derive(Debug)]
pub struct GetUser {
    id: UserId,
    token: SessionToken,
    endpoint: &'static Endpoint,
}

impl GetUser {
    /// Reads this account; `None` where the dialect has no such endpoint.
    pub fn new(config: &Config, id: UserId, token: SessionToken) -> Option<Self> {
        let endpoint = config.table().user.as_ref()?;
        Some(Self {
            id,
            token,
            endpoint,
        })
    }
}

impl Operation for GetUser {
    type Output = CloudUser;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            token: Some(&self.token),
            user: Some(&self.id),
            ..Filling::default()
        };
        self.endpoint.request(config, &filling)
    }

    /// The user carries the token of the request: permission look-ups for the account use the caller's token.
    fn response(self, config: &Config, delivery: Delivery) -> Result<CloudUser, CloudApiError> {
        let read = |data: Object<'_>| {
            let user = CloudUser::read(data.object("user")?, self.token.clone())?;
            // The Cloud returned another account than the one asked for.
            Some(user)
                .filter(|user| *user.id() == self.id)
                .ok_or(BadMember("user.id"))
        };
        let secrets = [self.token.expose()];
        self.endpoint.response(config, delivery, &secrets, read)
    }
}
