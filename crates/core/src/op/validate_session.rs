//! Validate session: is this token's session alive, and until when?

use crate::config::Config;
use crate::dialect::Field;
use crate::endpoint::Filling;
use crate::envelope::{Data, bad_member, open};
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::json::{BadMember, Object};
use crate::model::CloudSession;
use crate::op::{Operation, Retries};
use crate::secret::SessionToken;

/// Asks the Cloud for the session of a token.
#[derive(Debug)]
pub struct ValidateSession {
    token: SessionToken,
}

impl ValidateSession {
    /// For this token.
    pub const fn new(token: SessionToken) -> Self {
        Self { token }
    }

    fn read(&self, config: &Config, data: &serde_json::Value) -> Result<CloudSession, BadMember> {
        let shape = &config.table().validated;
        let data = Object::new(data, "data")?;
        let session = shape.member.map_or(Ok(data), |name| data.object(name))?;
        CloudSession::read(session, shape, &self.token)
    }
}

impl Operation for ValidateSession {
    type Output = CloudSession;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            bearer: Some(&self.token),
            fields: &[(Field::Token, self.token.expose())],
            ..Filling::default()
        };
        config
            .table()
            .validate
            .request(config, &filling, config.policy.call_timeout)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<CloudSession, CloudApiError> {
        let table = config.table();
        open(
            table.wrapping,
            Data::Required,
            delivery,
            &[self.token.expose()],
        )
        .and_then(|data| self.read(config, &data).map_err(bad_member))
        .map_err(|error| error.at(&table.validate.template(config)))
    }
}
