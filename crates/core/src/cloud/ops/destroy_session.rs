//! Destroy session: ends a session at the Cloud.

use crate::cloud::endpoint::Filling;
use crate::cloud::envelope::{Data, open};
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::Field;
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::ids::SessionId;
use crate::secret::SessionToken;

/// Asks the Cloud to end a session, with that session's own token.
#[derive(Debug)]
pub struct DestroySession {
    session_id: SessionId,
    token: SessionToken,
}

impl DestroySession {
    /// Ends this session, with its own token.
    pub const fn new(session_id: SessionId, token: SessionToken) -> Self {
        Self { session_id, token }
    }
}

impl Operation for DestroySession {
    type Output = ();
    /// Idempotent: ending a session twice has the same effect.
    const RETRIES: Retries = Retries::Thrice;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            bearer: Some(&self.token),
            fields: &[(Field::SessionId, self.session_id.as_str())],
            ..Filling::default()
        };
        config.table().destroy.request(config, &filling)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<(), CloudApiError> {
        let table = config.table();
        open(
            table.wrapping,
            Data::Optional,
            delivery,
            &[self.token.expose()],
        )
        .map(|_| ())
        .map_err(|error| error.at(&table.destroy.template(config)))
    }
}
