//! `MastraCloudClient`: the Cloud's endpoints, one method each.
//!
//! Holds no token: each call takes its own, so one client serves many users at once. A look-up that the Cloud refuses (a
//! 4xx other than 408, 425 and 429) gives `None`; an outage is an error and never looks like a refusal. No method creates a
//! session: sessions begin at the Cloud's login page.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::model::{CloudSession, CloudUser};
use mastra_auth_cloud_core::cloud::ops::Operation;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::exchange_code::{ExchangeCode, Exchanged};
use mastra_auth_cloud_core::cloud::ops::login_page::login_url;
use mastra_auth_cloud_core::cloud::ops::logout_page::logout_url;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::config::Config;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::call::call;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::rbac::pattern::Permissions;
use mastra_auth_cloud_core::secret::{AuthorizationCode, SessionToken, Verifier};
use mastra_auth_cloud_core::url::RedirectUri;

use crate::driver::Driver;
use crate::{system, telemetry};

/// The Cloud's endpoints, one method each. Cheap to clone. [`MastraCloudAuth::client`](crate::MastraCloudAuth::client) gives it.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud::{CloudApiError, MastraCloudAuth, SessionToken};
///
/// /// The id of the user whom a token belongs to.
/// async fn owner(auth: &MastraCloudAuth, token: &str) -> Result<Option<String>, CloudApiError> {
///     let token = SessionToken::parse(token).map_err(CloudApiError::argument)?;
///     let user = auth.client().verify_token(&token).await?;
///     Ok(user.map(|user| user.id().to_string()))
/// }
/// # let _ = owner;
/// ```
#[derive(Clone)]
pub struct MastraCloudClient {
    driver: Arc<Driver>,
}

impl MastraCloudClient {
    pub(crate) const fn new(driver: Arc<Driver>) -> Self {
        Self { driver }
    }

    /// Asks the Cloud who a token belongs to; `None` if the Cloud refuses the token.
    ///
    /// # Errors
    ///
    /// - No answer: `network_error`, `timeout`, `response_too_large`.
    /// - A 5xx, 408, 425 or 429: the Cloud's code, or `request_failed`.
    /// - An answer that breaks the contract: `no_data`, `invalid_response`.
    pub async fn verify_token(
        &self,
        token: &SessionToken,
    ) -> Result<Option<CloudUser>, CloudApiError> {
        unless_refused(self.call(VerifyToken::new(token.clone())).await)
    }

    /// Asks the Cloud for a token's session; `None` if the Cloud refuses the token.
    ///
    /// # Errors
    ///
    /// As [`verify_token`](Self::verify_token).
    pub async fn validate_session(
        &self,
        token: &SessionToken,
    ) -> Result<Option<CloudSession>, CloudApiError> {
        let validated = self.call(ValidateSession::new(token.clone())).await;
        unless_refused(validated.map(|validated| validated.session))
    }

    /// Ends a session at the Cloud, with that session's token.
    ///
    /// # Errors
    ///
    /// As [`verify_token`](Self::verify_token), and a refusal too, with the Cloud's code such as `session_ended` (401): so a session
    /// that is still alive never passes for ended. `not_implemented` (501) where the dialect has no such call.
    pub async fn destroy_session(
        &self,
        id: &SessionId,
        token: &SessionToken,
    ) -> Result<(), CloudApiError> {
        self.call(DestroySession::new(id.clone(), token.clone()))
            .await
            .map(|_| ())
    }

    /// Asks the Cloud for an account; `None` if the Cloud refuses or the dialect has no such endpoint.
    ///
    /// # Errors
    ///
    /// As [`verify_token`](Self::verify_token).
    pub async fn user(
        &self,
        id: &UserId,
        token: &SessionToken,
    ) -> Result<Option<CloudUser>, CloudApiError> {
        match GetUser::new(self.config(), id.clone(), token.clone()) {
            Some(operation) => unless_refused(self.call(operation).await),
            None => Ok(None),
        }
    }

    /// Asks the Cloud for a user's permissions; none if the Cloud refuses or the dialect has no such endpoint.
    ///
    /// # Errors
    ///
    /// As [`verify_token`](Self::verify_token).
    pub async fn user_permissions(
        &self,
        id: &UserId,
        token: &SessionToken,
    ) -> Result<Permissions, CloudApiError> {
        match GetUserPermissions::new(self.config(), id.clone(), token.clone()) {
            Some(operation) => {
                unless_refused(self.call(operation).await).map(Option::unwrap_or_default)
            }
            None => Ok(Permissions::default()),
        }
    }

    /// Exchanges an authorization code, together with the parameters of its login (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    /// Never retried: a code is good for one use.
    ///
    /// # Errors
    ///
    /// As [`verify_token`](Self::verify_token), and a refusal too, with the Cloud's code and status.
    pub async fn exchange_code(
        &self,
        code: AuthorizationCode,
        verifier: Verifier,
        redirect_uri: RedirectUri,
    ) -> Result<Exchanged, CloudApiError> {
        self.call(ExchangeCode::new(code, verifier, redirect_uri))
            .await
    }

    /// The login page's URL for one login. In dialect `pkce` it has the challenge of the verifier (RFC 7636 section 4.2). Holds the
    /// state: send it in a `Location` header, do not log it.
    pub fn login_url(
        &self,
        redirect_uri: &RedirectUri,
        state: &State,
        verifier: &Verifier,
    ) -> String {
        telemetry::return_path_truncated(&state.return_path());
        login_url(self.config(), redirect_uri, state, verifier)
    }

    /// The logout page's URL; `None` if the dialect has none. In dialect `pkce` it holds the token: do not log it.
    pub fn logout_url(
        &self,
        redirect_uri: &RedirectUri,
        token: Option<&SessionToken>,
    ) -> Option<String> {
        logout_url(self.config(), redirect_uri, token)
    }

    async fn call<O: Operation + Send + 'static>(
        &self,
        operation: O,
    ) -> Result<O::Output, CloudApiError> {
        let config = Arc::clone(self.config());
        self.driver
            .run(call(config, operation, system::jitter()))
            .await
    }

    fn config(&self) -> &Arc<Config> {
        self.driver.engine.config()
    }
}

impl std::fmt::Debug for MastraCloudClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MastraCloudClient")
            .field("project_id", &self.config().project_id)
            .finish_non_exhaustive()
    }
}

/// Maps a refusal to `None`. Logs one that concerns neither the token nor the requested object: it is most likely a
/// mistake.
fn unless_refused<T>(result: Result<T, CloudApiError>) -> Result<Option<T>, CloudApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_refusal() => {
            if !matches!(error.status(), 401 | 403 | 404) {
                telemetry::unexpected_rejection(&error);
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
