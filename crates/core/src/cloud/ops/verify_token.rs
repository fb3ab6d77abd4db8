//! Verify token: returns the user of a token.

use crate::cloud::endpoint::Filling;
use crate::cloud::model::CloudUser;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::{Field, Verified};
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::json::Object;
use crate::secret::SessionToken;

/// Asks the Cloud for the user of a token.
#[derive(Debug)]
pub struct VerifyToken {
    token: SessionToken,
}

impl VerifyToken {
    /// A verification of this token.
    pub const fn new(token: SessionToken) -> Self {
        Self { token }
    }
}

impl Operation for VerifyToken {
    type Output = CloudUser;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            bearer: Some(&self.token),
            fields: &[(Field::Token, self.token.expose())],
            ..Filling::default()
        };
        config.table().verify.request(config, &filling)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<CloudUser, CloudApiError> {
        let table = config.table();
        let token = self.token.clone();
        let read = |data: Object<'_>| match table.verified {
            Verified::User => CloudUser::read(data.object("user")?, token),
            Verified::Claims => CloudUser::read_claims(data, token),
        };
        let secrets = [self.token.expose()];
        table.verify.response(config, delivery, &secrets, read)
    }
}
