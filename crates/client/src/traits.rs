//! The four interfaces that a Mastra host requires of a provider, as Rust traits.
//!
//! [`MastraCloudAuth`](crate::MastraCloudAuth) implements all four. Code that knows its provider can use the inherent
//! methods instead, which distinguish the four answers.

use std::future::Future;
use std::sync::Arc;

use http::HeaderMap;
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::callback::SignedIn;
use mastra_auth_cloud_core::flow::logout::SignOut;
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::model::{CloudSession, CloudUser};
use mastra_auth_cloud_core::permission::Grants;
use mastra_auth_cloud_core::secret::SessionToken;

/// Access to users.
pub trait UserProvider {
    /// The user of a request; `None` if the request has no credential or the credential is refused.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    fn current_user(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Option<CloudUser>, CloudApiError>> + Send;

    /// A user by id; `None` without a token to ask with, or if the Cloud refuses.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    fn user(
        &self,
        id: &UserId,
        token: Option<&SessionToken>,
    ) -> impl Future<Output = Result<Option<CloudUser>, CloudApiError>> + Send;

    /// Users by their ids, in the same order; `None` for each that [`user`](Self::user) would not give.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    fn users(
        &self,
        ids: &[UserId],
        token: Option<&SessionToken>,
    ) -> impl Future<Output = Result<Vec<Option<CloudUser>>, CloudApiError>> + Send;

    /// The URL of a user's page at the Cloud.
    fn user_profile_url(&self, user: &CloudUser) -> String;
}

/// Sessions, and the cookie that holds them.
pub trait SessionProvider {
    /// Always fails: the Cloud has no such operation. Sessions begin with a sign-in.
    ///
    /// # Errors
    ///
    /// `not_implemented`, 501, always.
    fn create_session(
        &self,
        user: &UserId,
    ) -> impl Future<Output = Result<CloudSession, CloudApiError>> + Send;

    /// The session of a token; `None` if the Cloud refuses it.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    fn validate_session(
        &self,
        token: &SessionToken,
    ) -> impl Future<Output = Result<Option<CloudSession>, CloudApiError>> + Send;

    /// Ends a session here at once and at the Cloud. The result says whether the Cloud confirmed.
    fn destroy_session(&self, token: &SessionToken) -> impl Future<Output = SignOut> + Send;

    /// The session as the Cloud has it now, with a newer token if the Cloud issues one; `None` if the session has ended.
    /// Calls with one token share one call to the Cloud, also for a while after it was renewed.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    fn refresh_session(
        &self,
        token: &SessionToken,
    ) -> impl Future<Output = Result<Option<RefreshedSession>, CloudApiError>> + Send;

    /// The session token in a request's cookie, unverified.
    fn session_token_from_request(&self, headers: &HeaderMap) -> Option<SessionToken>;

    /// The cookie that stores a session in a browser.
    ///
    /// # Errors
    ///
    /// `cookie_too_large`.
    fn session_cookie(
        &self,
        session: &CloudSession,
        token: &SessionToken,
    ) -> Result<SetCookie, CloudApiError>;

    /// The `Set-Cookie` header that clears the session cookie.
    fn clear_session_cookie(&self) -> SetCookie;
}

/// A session after a refresh, for [`SessionProvider::session_cookie`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshedSession {
    /// The session.
    pub session: CloudSession,
    /// The session's current token: a newer one, or the one that was refreshed.
    pub token: SessionToken,
}

/// Signing in at the Cloud.
pub trait SsoProvider {
    /// The URL to which to send the browser. `state` is the host's own: `id|encoded return path` or `id`.
    ///
    /// # Errors
    ///
    /// `invalid_argument`, `state_malformed`.
    fn login_url(&self, redirect_uri: &str, state: &str) -> Result<String, CloudApiError>;

    /// The cookie that binds a sign-in to the browser.
    ///
    /// # Errors
    ///
    /// `invalid_argument`, `state_malformed`, `cookie_too_large`.
    fn login_cookie(&self, redirect_uri: &str, state: &str) -> Result<SetCookie, CloudApiError>;

    /// Finishes a sign-in from the callback's code, the state or its id, and the browser's `Cookie` header.
    ///
    /// # Errors
    ///
    /// As [`finish_login`](crate::MastraCloudAuth::finish_login); `state_malformed` for a state that cannot be read.
    fn handle_callback(
        &self,
        code: &str,
        state: &str,
        cookie_header: &str,
    ) -> impl Future<Output = Result<SignedIn, CloudApiError>> + Send;

    /// The URL to which to send the browser to sign out at the Cloud too.
    ///
    /// # Errors
    ///
    /// `invalid_argument`.
    fn logout_url(
        &self,
        redirect_uri: &str,
        token: Option<&SessionToken>,
    ) -> Result<String, CloudApiError>;

    /// The labels of the login button.
    fn login_button(&self) -> LoginButton;
}

/// The labels of a login button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginButton {
    /// The provider's name.
    pub provider: &'static str,
    /// The text on the button.
    pub text: &'static str,
}

impl LoginButton {
    pub(crate) const MASTRA_CLOUD: Self = Self {
        provider: "mastra",
        text: "Sign in with Mastra Cloud",
    };
}

/// Roles and permissions.
pub trait RbacProvider {
    /// The user's roles.
    fn roles<'u>(&self, user: &'u CloudUser) -> &'u [String];

    /// Whether the user has a role.
    fn has_role(&self, user: &CloudUser, role: &str) -> bool;

    /// All permissions of a user.
    ///
    /// # Errors
    ///
    /// - `signed_out` if the user's session ended here since it was verified.
    /// - `session_expired` if the session is past its expiry.
    /// - The error of the call if the Cloud had to be asked and failed.
    fn permissions(
        &self,
        user: &CloudUser,
    ) -> impl Future<Output = Result<Arc<Grants>, CloudApiError>> + Send;

    /// Whether the user has a permission.
    ///
    /// # Errors
    ///
    /// As [`permissions`](Self::permissions).
    fn has_permission(
        &self,
        user: &CloudUser,
        permission: &str,
    ) -> impl Future<Output = Result<bool, CloudApiError>> + Send;

    /// Whether the user has all of these permissions.
    ///
    /// # Errors
    ///
    /// As [`permissions`](Self::permissions).
    fn has_all_permissions(
        &self,
        user: &CloudUser,
        permissions: &[&str],
    ) -> impl Future<Output = Result<bool, CloudApiError>> + Send;

    /// Whether the user has at least one of these permissions.
    ///
    /// # Errors
    ///
    /// As [`permissions`](Self::permissions).
    fn has_any_permission(
        &self,
        user: &CloudUser,
        permissions: &[&str],
    ) -> impl Future<Output = Result<bool, CloudApiError>> + Send;

    /// All roles that are defined.
    fn available_roles(&self) -> Vec<String>;

    /// A role's permissions.
    fn permissions_for_role(&self, role: &str) -> Grants;
}
