//! The four interfaces, implemented with the provider's inherent methods.

use std::sync::Arc;

use http::HeaderMap;
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::callback::SignedIn;
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::flow::logout::SignOut;
use mastra_auth_cloud_core::flow::renew::{Renew, Renewal};
use mastra_auth_cloud_core::flow::session::LiveSession;
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::model::{CloudSession, CloudUser};
use mastra_auth_cloud_core::permission::Grants;
use mastra_auth_cloud_core::roles::RoleMapping;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::state::State;
use mastra_auth_cloud_core::url::RedirectUri;

use super::MastraCloudAuth;
use crate::signals::Trail;
use crate::traits::{
    LoginButton, RbacProvider, RefreshedSession, SessionProvider, SsoProvider, UserProvider,
};
use crate::{headers, signals, system};

impl UserProvider for MastraCloudAuth {
    async fn current_user(&self, headers: &HeaderMap) -> Result<Option<CloudUser>, CloudApiError> {
        match self.authenticate(headers).await {
            Answer::Authenticated(identity) => Ok(Some(identity.user().clone())),
            Answer::Anonymous | Answer::Rejected(_) => Ok(None),
            Answer::Unavailable(error) => Err(error),
        }
    }

    async fn user(
        &self,
        id: &UserId,
        token: Option<&SessionToken>,
    ) -> Result<Option<CloudUser>, CloudApiError> {
        match token {
            Some(token) => self.client().user(id, token).await,
            None => Ok(None),
        }
    }

    async fn users(
        &self,
        ids: &[UserId],
        token: Option<&SessionToken>,
    ) -> Result<Vec<Option<CloudUser>>, CloudApiError> {
        let mut users = Vec::with_capacity(ids.len());
        for id in ids {
            users.push(self.user(id, token).await?);
        }
        Ok(users)
    }

    fn user_profile_url(&self, user: &CloudUser) -> String {
        self.config()
            .base_url
            .join(&format!("/users/{}", encode_component(user.id().as_str())))
    }
}

impl SessionProvider for MastraCloudAuth {
    async fn create_session(&self, _user: &UserId) -> Result<CloudSession, CloudApiError> {
        Err(CloudApiError::not_implemented(
            "Mastra Cloud does not create sessions. Use the SSO flow: send the browser to login_url().",
        ))
    }

    async fn validate_session(
        &self,
        token: &SessionToken,
    ) -> Result<Option<CloudSession>, CloudApiError> {
        self.live_session(token).await
    }

    async fn destroy_session(&self, token: &SessionToken) -> SignOut {
        self.sign_out(token).await
    }

    async fn refresh_session(
        &self,
        token: &SessionToken,
    ) -> Result<Option<RefreshedSession>, CloudApiError> {
        let authority = Arc::clone(&self.0.driver.authority);
        let flow = Renew::new(authority, token.clone(), system::jitter());
        match self.0.driver.renew(flow).await {
            Renewal::Renewed(renewed) => Ok(Some(RefreshedSession {
                session: renewed.session.clone(),
                token: renewed.identity.user().session_token().clone(),
            })),
            Renewal::Unchanged { session, .. } => Ok(Some(RefreshedSession {
                session,
                token: token.clone(),
            })),
            Renewal::Ended(_) => Ok(None),
            Renewal::Unavailable(error) => Err(error),
        }
    }

    fn session_token_from_request(&self, headers: &HeaderMap) -> Option<SessionToken> {
        let header = headers::cookie(headers)?;
        let authority = &self.0.driver.authority;
        let mut values = authority.session_cookies(&header, None).ok()?;
        values.find_map(|value| SessionToken::parse(value).ok())
    }

    fn session_cookie(
        &self,
        session: &CloudSession,
        token: &SessionToken,
    ) -> Result<SetCookie, CloudApiError> {
        let authority = &self.0.driver.authority;
        authority.session_cookie(token, session.expires_at(), None, system::now().wall)
    }

    fn clear_session_cookie(&self) -> SetCookie {
        self.config().cookie.at(None).clear()
    }
}

impl SsoProvider for MastraCloudAuth {
    fn login_url(&self, redirect_uri: &str, state: &str) -> Result<String, CloudApiError> {
        let (redirect_uri, state) = login_arguments(redirect_uri, state)?;
        Ok(login::url(&self.0.driver.authority, &redirect_uri, &state)?.to_string())
    }

    fn login_cookie(&self, redirect_uri: &str, state: &str) -> Result<SetCookie, CloudApiError> {
        let (redirect_uri, state) = login_arguments(redirect_uri, state)?;
        login::cookie(
            &self.0.driver.authority,
            &redirect_uri,
            &state,
            system::now(),
        )
    }

    async fn handle_callback(
        &self,
        code: &str,
        state: &str,
        cookie_header: &str,
    ) -> Result<SignedIn, CloudApiError> {
        let own_origin = self
            .public_url()
            .map(mastra_auth_cloud_core::url::PublicUrl::origin);
        let state = State::parse(state, own_origin).inspect_err(|error| {
            signals::login_failed(self.tally(), error, &Trail::default());
        })?;
        self.finish_login(code, state, cookie_header).await
    }

    fn logout_url(
        &self,
        redirect_uri: &str,
        token: Option<&SessionToken>,
    ) -> Result<String, CloudApiError> {
        let redirect_uri = RedirectUri::parse(redirect_uri).map_err(CloudApiError::argument)?;
        Ok(self.client().logout_url(&redirect_uri, token))
    }

    fn login_button(&self) -> LoginButton {
        LoginButton::MASTRA_CLOUD
    }
}

impl MastraCloudAuth {
    /// The session behind a token; `None` if it was signed out here or is expired, whatever the Cloud still says.
    async fn live_session(
        &self,
        token: &SessionToken,
    ) -> Result<Option<CloudSession>, CloudApiError> {
        let authority = Arc::clone(&self.0.driver.authority);
        let flow = LiveSession::new(authority, token.clone(), system::jitter());
        self.0.driver.run(flow).await
    }
}

fn login_arguments(redirect_uri: &str, state: &str) -> Result<(RedirectUri, State), CloudApiError> {
    let redirect_uri = RedirectUri::parse(redirect_uri).map_err(CloudApiError::argument)?;
    let state = State::parse(state, Some(redirect_uri.origin()))?;
    Ok((redirect_uri, state))
}

impl RbacProvider for MastraCloudAuth {
    fn roles<'u>(&self, user: &'u CloudUser) -> &'u [String] {
        user.roles()
    }

    fn has_role(&self, user: &CloudUser, role: &str) -> bool {
        user.has_role(role)
    }

    async fn permissions(&self, user: &CloudUser) -> Result<Arc<Grants>, CloudApiError> {
        self.0.driver.permissions(user).await
    }

    async fn has_permission(
        &self,
        user: &CloudUser,
        permission: &str,
    ) -> Result<bool, CloudApiError> {
        Ok(self.0.driver.permissions(user).await?.allows(permission))
    }

    async fn has_all_permissions(
        &self,
        user: &CloudUser,
        permissions: &[&str],
    ) -> Result<bool, CloudApiError> {
        Ok(self
            .0
            .driver
            .permissions(user)
            .await?
            .allows_all(permissions))
    }

    async fn has_any_permission(
        &self,
        user: &CloudUser,
        permissions: &[&str],
    ) -> Result<bool, CloudApiError> {
        Ok(self
            .0
            .driver
            .permissions(user)
            .await?
            .allows_any(permissions))
    }

    fn available_roles(&self) -> Vec<String> {
        match &self.config().role_mapping {
            Some(mapping) => mapping.roles().map(str::to_owned).collect(),
            None => RoleMapping::default_roles()
                .roles()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn permissions_for_role(&self, role: &str) -> Grants {
        match &self.config().role_mapping {
            Some(mapping) => mapping.permissions_for_role(role),
            None => RoleMapping::default_roles().permissions_for_role(role),
        }
    }
}
