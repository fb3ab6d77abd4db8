//! Verify token: returns the user of a token.

use crate::cloud::dialect::{Field, Verified};
use crate::cloud::endpoint::Filling;
use crate::cloud::envelope::{Data, bad_member, open};
use crate::cloud::model::CloudUser;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
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
        config
            .table()
            .verify
            .request(config, &filling, config.policy.call_timeout)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<CloudUser, CloudApiError> {
        let table = config.table();
        open(
            table.wrapping,
            Data::Required,
            delivery,
            &[self.token.expose()],
        )
        .and_then(|data| {
            let data = Object::new(&data, "data").map_err(bad_member)?;
            match table.verified {
                Verified::User => data
                    .object("user")
                    .and_then(|user| CloudUser::read(user, self.token)),
                Verified::Claims => CloudUser::read_claims(data, self.token),
            }
            .map_err(bad_member)
        })
        .map_err(|error| error.at(&table.verify.template(config)))
    }
}
