//! Users: of a request, or by id.

use futures_util::future::try_join_all;
use http::HeaderMap;
use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::secret::SessionToken;

use super::MastraCloudAuth;
use crate::system;

impl MastraCloudAuth {
    /// The user of a request; `None` if the request has no credential or the credential is refused.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    pub async fn current_user(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<CloudUser>, CloudApiError> {
        match self.authenticate(headers).await {
            Authentication::Authenticated(identity) => Ok(Some(identity.user().clone())),
            Authentication::Anonymous | Authentication::Rejected(_) => Ok(None),
            Authentication::Unavailable(error) => Err(error),
        }
    }

    /// A user by id. With a token the Cloud is asked: `None` if it refuses. Without one the user comes from the cache, if a
    /// session of the user was verified no longer ago than [`fresh_for`](crate::AuthBuilder::fresh_for) and
    /// [`stale_if_error_for`](crate::AuthBuilder::stale_if_error_for) together, and has not ended. That walks the whole cache:
    /// some 0.1 ms with 10,000 users.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    pub async fn user(
        &self,
        id: &UserId,
        token: Option<&SessionToken>,
    ) -> Result<Option<CloudUser>, CloudApiError> {
        if let Some(token) = token {
            return self.client().user(id, token).await;
        }
        let cached = self.0.driver.engine.cached_identities(id, system::now());
        Ok(cached.first().map(|identity| identity.user().clone()))
    }

    /// Users by their ids, in the same order; `None` for each that [`user`](Self::user) would not give.
    ///
    /// # Errors
    ///
    /// The error of the first call that failed.
    pub async fn users(
        &self,
        ids: &[UserId],
        token: Option<&SessionToken>,
    ) -> Result<Vec<Option<CloudUser>>, CloudApiError> {
        try_join_all(ids.iter().map(|id| self.user(id, token))).await
    }

    /// The URL of a user's page at the Cloud: `/users/` and the id, percent-encoded, below the Cloud's address.
    pub fn user_profile_url(&self, user: &CloudUser) -> String {
        let path = format!("/users/{}", encode_component(user.id().as_str()));
        self.config().base_url.join(&path)
    }
}
