//! Permissions of users and of roles.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::rbac::pattern::Permissions;

use super::MastraCloudAuth;

impl MastraCloudAuth {
    /// A user's permissions, each as `resource:action`, from the role mapping or from the Cloud, whose answer is cached for the fresh
    /// time. [`Permissions::allows`] decides.
    ///
    /// # Errors
    ///
    /// - `signed_out` if the user's session ended here since it was verified.
    /// - `session_expired` if the session is past its expiry.
    /// - The error of the call if the Cloud had to be asked and failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::{CloudApiError, CloudUser, MastraCloudAuth};
    ///
    /// async fn may_write(auth: &MastraCloudAuth, user: &CloudUser) -> Result<bool, CloudApiError> {
    ///     Ok(auth.permissions(user).await?.allows("agents:write"))
    /// }
    /// # let _ = may_write;
    /// ```
    pub async fn permissions(&self, user: &CloudUser) -> Result<Arc<Permissions>, CloudApiError> {
        self.0.driver.permissions(user).await
    }

    /// A user's permissions, if they are known without a call to the Cloud.
    #[cfg(feature = "axum")]
    pub(crate) fn known_permissions(&self, user: &CloudUser) -> Option<Arc<Permissions>> {
        self.0.driver.known_permissions(user)
    }

    /// The roles of the role mapping, or the dialect's four default roles.
    pub fn available_roles(&self) -> Vec<String> {
        let mapping = self.config().roles();
        mapping.roles().map(str::to_owned).collect()
    }

    /// A role's permissions by the role mapping, or by the default roles.
    pub fn permissions_for_role(&self, role: &str) -> Permissions {
        self.config().roles().permissions_for_role(role)
    }
}
