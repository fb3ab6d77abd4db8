//! Exchange code: an authorization code for a session (RFC 6749 section 4.1.3). Sent once more only after a connection that
//! was already closed.

use core::time::Duration;

use crate::cloud::endpoint::Filling;
use crate::cloud::envelope::bad_member;
use crate::cloud::model::{CloudSession, CloudUser};
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::{Exchange, ExchangeShape, Field};
use crate::error::{CloudApiError, Code};
use crate::http::{Delivery, Request};
use crate::json::{self, BadMember, Object};
use crate::malformed::Malformed;
use crate::secret::{AuthorizationCode, MAX_TOKEN_BYTES, SessionToken, Verifier};
use crate::url::RedirectUri;

/// Spends an authorization code.
#[derive(Debug)]
pub struct ExchangeCode {
    code: AuthorizationCode,
    begun_with: Option<(Verifier, RedirectUri)>,
}

/// The result of the exchange.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exchanged {
    /// User and session at once. The user carries the token. Boxed, since it is far larger than the other variant.
    Session(Box<(CloudUser, CloudSession)>),
    /// A token, whose user must be asked for.
    AccessToken {
        /// The session's token.
        token: SessionToken,
        /// How long the token lasts.
        expires_in: Duration,
    },
}

impl ExchangeCode {
    /// Takes the code, and the verifier and redirect URI that the login began with.
    pub const fn new(
        code: AuthorizationCode,
        verifier: Verifier,
        redirect_uri: RedirectUri,
    ) -> Self {
        Self {
            code,
            begun_with: Some((verifier, redirect_uri)),
        }
    }

    /// Takes the code alone, for a dialect that needs nothing more.
    pub const fn of_code(code: AuthorizationCode) -> Self {
        Self {
            code,
            begun_with: None,
        }
    }

    /// A token too long for its type is reported as one that does not fit into the cookie.
    fn fits(&self, config: &Config, data: Object<'_>) -> Result<(), CloudApiError> {
        let size = data
            .text(member(&exchange(config)?.shape))
            .map_or(0, str::len);
        match &self.begun_with {
            Some((_, redirect_uri)) if size > MAX_TOKEN_BYTES => {
                config.cookie.at(Some(redirect_uri.site())).fits(size)
            }
            _ => Ok(()),
        }
    }

    fn read(shape: &ExchangeShape, data: Object<'_>) -> Result<Exchanged, BadMember> {
        match shape {
            ExchangeShape::Session(session) => {
                let token = token(data, member(shape))?;
                let user = CloudUser::read(data.object("user")?, token.clone())?;
                let session = CloudSession::read(data.object("session")?, session, &token)?;
                Ok(Exchanged::Session(Box::new((user, session))))
            }
            ExchangeShape::AccessToken => {
                if !data.text("token_type")?.eq_ignore_ascii_case("bearer") {
                    return Err(BadMember("token_type"));
                }
                let seconds = data.any("expires_in").and_then(|seconds| {
                    let whole = || json::whole(seconds)?.try_into().ok();
                    seconds.as_u64().or_else(whole)
                });
                Ok(Exchanged::AccessToken {
                    token: token(data, member(shape))?,
                    expires_in: seconds
                        .map(Duration::from_secs)
                        .ok_or(BadMember("expires_in"))?,
                })
            }
        }
    }
}

fn exchange(config: &Config) -> Result<&'static Exchange, CloudApiError> {
    let exchange = config.table().exchange.as_ref();
    exchange.ok_or_else(|| CloudApiError::new(Code::NotImplemented))
}

/// The member that holds the token.
const fn member(shape: &ExchangeShape) -> &'static str {
    match shape {
        ExchangeShape::Session(_) => "jwt",
        ExchangeShape::AccessToken => "access_token",
    }
}

fn token(data: Object<'_>, name: &'static str) -> Result<SessionToken, BadMember> {
    SessionToken::parse(data.text(name)?).map_err(|_| BadMember(name))
}

impl Operation for ExchangeCode {
    type Output = Exchanged;
    const RETRIES: Retries = Retries::Never;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let mut fields = vec![(Field::Code, self.code.expose())];
        if let Some((verifier, redirect_uri)) = &self.begun_with {
            fields.push((Field::RedirectUri, redirect_uri.as_str()));
            fields.push((Field::Verifier, verifier.expose()));
        }
        let endpoint = &exchange(config)?.endpoint;
        let has = |wanted: &Field| fields.iter().any(|(field, _)| field == wanted);
        if !endpoint.body.iter().all(|(_, field)| has(field)) {
            return Err(CloudApiError::argument(Malformed::new(
                "code verifier and redirect URI",
                "be given in this dialect",
            )));
        }
        let filling = Filling {
            fields: &fields,
            ..Filling::default()
        };
        endpoint.request(config, &filling)
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<Exchanged, CloudApiError> {
        let Exchange { endpoint, shape } = exchange(config)?;
        let verifier = self.begun_with.as_ref().map_or("", |(it, _)| it.expose());
        let secrets = [self.code.expose(), verifier];
        let reads = |data: Object<'_>| Self::read(shape, data).is_ok();
        let opened = endpoint.open_unless(config, delivery, &secrets, reads);
        opened
            .and_then(|data| {
                let data = Object::new(&data, "data").map_err(bad_member)?;
                self.fits(config, data)?;
                Self::read(shape, data).map_err(bad_member)
            })
            .map_err(|error| error.at(&endpoint.template(config)))
    }
}
