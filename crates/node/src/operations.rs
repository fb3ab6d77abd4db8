//! The Cloud's endpoints one by one, for the package's client. Each takes its token as an argument.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::ops::Operation;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::exchange_code::{ExchangeCode, Exchanged};
use mastra_auth_cloud_core::cloud::ops::login_page::login_url_with_challenge;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::call::call;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::secret::{AuthorizationCode, Verifier};
use mastra_auth_cloud_core::url::RedirectUri;
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Or, or, token};
use crate::engine::Engine;
use crate::flow::{Outcome, Pending, jitter};
use crate::guard::{Result, guard};
use crate::sign_in::LoginUrl;

impl Engine {
    fn call<O: Operation + Send + 'static>(
        &self,
        operation: O,
        share: f64,
        read: impl FnOnce(O::Output) -> Outcome + Send + 'static,
    ) -> Pending {
        let call = call(Arc::clone(self.0.config()), operation, jitter(share));
        self.1.begin(call.map(|result| result.map(read).into()))
    }
}

#[napi]
impl Engine {
    /// Asks the Cloud who a token belongs to.
    #[napi]
    pub fn op_verify_token(&self, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| or(token(&text).map(|token| self.call(VerifyToken::new(token), share, told))))
    }

    /// Asks the Cloud for a token's session.
    #[napi]
    pub fn op_validate_session(&self, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| {
            or(token(&text).map(|token| {
                self.call(ValidateSession::new(token), share, |validated| Outcome {
                    session: Some((&validated.session).into()),
                    token: validated.newer.map(|newer| newer.expose().to_owned()),
                    ..Outcome::default()
                })
            }))
        })
    }

    /// Ends a session at the Cloud.
    #[napi]
    pub fn op_destroy_session(&self, id: String, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| {
            let id = SessionId::parse(&id).map_err(CloudApiError::argument);
            or(id.and_then(|id| {
                let operation = DestroySession::new(id, token(&text)?);
                Ok(self.call(operation, share, |_| Outcome::default()))
            }))
        })
    }

    /// Asks the Cloud for an account; `None` if the dialect has no such endpoint, or the token was signed out.
    #[napi(ts_return_type = "Or<Pending | null>")]
    pub fn op_user(&self, id: String, text: String, share: f64) -> Result<Or<Option<Pending>>> {
        guard(|| {
            let id = UserId::parse(&id).map_err(CloudApiError::argument);
            or(id.and_then(|id| {
                let token = token(&text)?;
                if self.0.is_signed_out(&token, now()) {
                    return Ok(None);
                }
                let operation = GetUser::new(self.0.config(), id, token);
                Ok(operation.map(|operation| self.call(operation, share, told)))
            }))
        })
    }

    /// Asks the Cloud for a user's permissions; `None` if the dialect has no such endpoint.
    #[napi(ts_return_type = "Or<Pending | null>")]
    pub fn op_user_permissions(
        &self,
        id: String,
        text: String,
        share: f64,
    ) -> Result<Or<Option<Pending>>> {
        guard(|| {
            let id = UserId::parse(&id).map_err(CloudApiError::argument);
            or(id.and_then(|id| {
                let operation = GetUserPermissions::new(self.0.config(), id, token(&text)?);
                Ok(operation.map(|operation| {
                    self.call(operation, share, |grants| Outcome {
                        grants: Some(grants.iter().map(str::to_owned).collect()),
                        ..Outcome::default()
                    })
                }))
            }))
        })
    }

    /// Exchanges an authorization code.
    #[napi]
    pub fn op_exchange_code(
        &self,
        code: String,
        verifier: Option<String>,
        redirect_uri: Option<String>,
        share: f64,
    ) -> Result<Or<Pending>> {
        guard(|| {
            or(
                exchange(&code, verifier.as_deref(), redirect_uri.as_deref())
                    .map(|operation| self.call(operation, share, exchanged)),
            )
        })
    }

    /// The login page's URL.
    #[napi]
    pub fn login_page(
        &self,
        redirect_uri: String,
        state: String,
        challenge: Option<String>,
    ) -> Result<Or<LoginUrl>> {
        guard(|| {
            let redirect_uri = RedirectUri::parse(&redirect_uri).map_err(CloudApiError::argument);
            or(redirect_uri.and_then(|redirect_uri| {
                let state = State::parse(&state, Some(redirect_uri.origin()))?;
                login_url_with_challenge(
                    self.0.config(),
                    &redirect_uri,
                    &state,
                    challenge.as_deref(),
                )
                .map(|url| LoginUrl::new(url, &state))
            }))
        })
    }

    /// The logout page's URL. Omits a token that is malformed.
    #[napi]
    pub fn logout_page(&self, redirect_uri: String, text: Option<String>) -> Result<Or<String>> {
        guard(|| {
            let redirect_uri = RedirectUri::parse(&redirect_uri).map_err(CloudApiError::argument);
            or(redirect_uri.and_then(|redirect_uri| {
                let token = text
                    .as_deref()
                    .map(|text| self.session_text(text))
                    .transpose()?;
                let page = self.0.logout_page(&redirect_uri, token.as_ref());
                page.ok_or_else(|| CloudApiError::new(Code::NotImplemented))
            }))
        })
    }
}

fn told(user: mastra_auth_cloud_core::cloud::model::CloudUser) -> Outcome {
    Outcome {
        user: Some((&user).into()),
        ..Outcome::default()
    }
}

fn exchange(
    code: &str,
    verifier: Option<&str>,
    redirect_uri: Option<&str>,
) -> std::result::Result<ExchangeCode, CloudApiError> {
    let code = AuthorizationCode::parse(code).map_err(CloudApiError::argument)?;
    Ok(match (verifier, redirect_uri) {
        (Some(verifier), Some(redirect_uri)) => ExchangeCode::new(
            code,
            Verifier::parse(verifier).map_err(CloudApiError::argument)?,
            RedirectUri::parse(redirect_uri).map_err(CloudApiError::argument)?,
        ),
        _ => ExchangeCode::of_code(code),
    })
}

#[allow(clippy::cast_precision_loss)]
fn exchanged(exchanged: Exchanged) -> Outcome {
    match exchanged {
        Exchanged::Session(both) => {
            let (user, session) = *both;
            Outcome {
                token: Some(user.session_token().expose().to_owned()),
                session: Some((&session).into()),
                user: Some((&user).into()),
                ..Outcome::default()
            }
        }
        Exchanged::AccessToken { token, expires_in } => Outcome {
            token: Some(token.expose().to_owned()),
            expires_in: Some(expires_in.as_secs() as f64),
            ..Outcome::default()
        },
        // This package reads nothing from other kinds of answer.
        _ => Outcome::default(),
    }
}
