//! Validate session: whether a token's session is alive, until when, and whether it has a newer token.

use crate::cloud::endpoint::Filling;
use crate::cloud::model::CloudSession;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::{Field, Validate};
use crate::error::{CloudApiError, Code};
use crate::http::{Delivery, Request};
use crate::json::{BadMember, Object};
use crate::secret::SessionToken;

/// Asks the Cloud for the session of a token.
#[derive(Debug)]
pub struct ValidateSession {
    token: SessionToken,
}

/// A session that is alive.
#[derive(Debug)]
#[non_exhaustive]
pub struct Validated {
    /// The session.
    pub session: CloudSession,
    /// A newer token for the session, where the Cloud issues one. Not verified.
    pub newer: Option<SessionToken>,
}

impl ValidateSession {
    /// A check of this token's session.
    pub const fn new(token: SessionToken) -> Self {
        Self { token }
    }

    fn read(&self, validate: &Validate, data: Object<'_>) -> Result<Validated, BadMember> {
        let (shape, renewed) = (validate.session, validate.renewed);
        let session = shape.member.map_or(Ok(data), |name| data.object(name))?;
        let newer = data
            .optional_text(renewed)?
            .map(|text| SessionToken::parse(text).map_err(|_| BadMember(renewed)))
            .transpose()?
            // The token of the request is not newer.
            .filter(|newer| !newer.same_as(&self.token));
        let token = newer.as_ref().unwrap_or(&self.token);
        Ok(Validated {
            session: CloudSession::read(session, shape, token)?,
            newer,
        })
    }
}

impl Operation for ValidateSession {
    type Output = Validated;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            token: Some(&self.token),
            fields: &[(Field::Token, self.token.expose())],
            ..Filling::default()
        };
        validate(config)?.endpoint.request(config, &filling)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<Validated, CloudApiError> {
        let secrets = [self.token.expose()];
        let validate = validate(config)?;
        let read = |data: Object<'_>| self.read(validate, data);
        validate.endpoint.response(config, delivery, &secrets, read)
    }
}

fn validate(config: &Config) -> Result<&'static Validate, CloudApiError> {
    let validate = config.table().validate.as_ref();
    validate.ok_or_else(|| CloudApiError::new(Code::NotImplemented))
}
