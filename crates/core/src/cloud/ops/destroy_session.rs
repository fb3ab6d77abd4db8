//! Destroy session: ends a session at the Cloud.

use serde_json::Value;

use crate::cloud::endpoint::Filling;
use crate::cloud::envelope::Data;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::Field;
use crate::error::{CloudApiError, Code};
use crate::http::{Delivery, Request};
use crate::ids::SessionId;
use crate::secret::SessionToken;
use crate::url::RedirectUri;

/// Asks the Cloud to end a session, with that session's own token. Where sessions are sealed, no other token ends one.
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
    /// The page where the browser ends its session at the identity service, where the Cloud names one.
    type Output = Option<RedirectUri>;
    /// Idempotent: ending a session twice has the same effect.
    const RETRIES: Retries = Retries::Thrice;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        if config.table().sealed.is_some() && !self.token.is_sealed() {
            // It would be answered as done, and nothing would have ended.
            return Err(CloudApiError::new(Code::NotImplemented));
        }
        let filling = Filling {
            token: Some(&self.token),
            fields: &[(Field::SessionId, self.session_id.as_str())],
            ..Filling::default()
        };
        config.table().destroy.request(config, &filling)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<Self::Output, CloudApiError> {
        let table = config.table();
        let secrets = [self.token.expose()];
        let data = table
            .destroy
            .open(config, Data::Optional, delivery, &secrets)?;
        let url = data.get("logoutUrl").and_then(Value::as_str);
        Ok(url.and_then(|url| RedirectUri::parse(url).ok()))
    }
}
