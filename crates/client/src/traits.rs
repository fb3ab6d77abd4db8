//! The four interfaces that a Mastra host asks of a provider, as Rust traits.
//!
//! They say what a host may rely on; [`MastraCloudAuth`](crate::MastraCloudAuth) implements all four. Code that knows its
//! provider can use the inherent methods instead, which tell the four answers apart.

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

/// Who is there.
pub trait UserProvider {
    /// The user that a request comes from; `None` where nobody is signed in or the credential is refused.
    ///
    /// # Errors
    ///
    /// Where the Cloud could not be asked.
    fn current_user(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Option<CloudUser>, CloudApiError>> + Send;

    /// A user by id; `None` without a token to ask with, or where the Cloud refuses.
    ///
    /// # Errors
    ///
    /// Where the Cloud could not be asked.
    fn user(
        &self,
        id: &UserId,
        token: Option<&SessionToken>,
    ) -> impl Future<Output = Result<Option<CloudUser>, CloudApiError>> + Send;

    /// Users by their ids, in their order; `None` where one cannot be told.
    ///
    /// # Errors
    ///
    /// Where the Cloud could not be asked.
    fn users(
        &self,
        ids: &[UserId],
        token: Option<&SessionToken>,
    ) -> impl Future<Output = Result<Vec<Option<CloudUser>>, CloudApiError>> + Send;

    /// The page of a user at the Cloud.
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

    /// The session of a token; `None` where the Cloud refuses it.
    ///
    /// # Errors
    ///
    /// Where the Cloud could not be asked.
    fn validate_session(
        &self,
        token: &SessionToken,
    ) -> impl Future<Output = Result<Option<CloudSession>, CloudApiError>> + Send;

    /// Ends a session here at once and at the Cloud; the result says whether the Cloud confirmed.
    fn destroy_session(&self, token: &SessionToken) -> impl Future<Output = SignOut> + Send;

    /// The session as the Cloud has it now, with a newer token where the Cloud hands one out; `None` where it has ended. However
    /// many ask with one token, also a while after it was renewed, the Cloud is asked once.
    ///
    /// # Errors
    ///
    /// Where the Cloud could not be asked.
    fn refresh_session(
        &self,
        token: &SessionToken,
    ) -> impl Future<Output = Result<Option<RefreshedSession>, CloudApiError>> + Send;

    /// The session token that a request's cookie holds, unverified.
    fn session_token_from_request(&self, headers: &HeaderMap) -> Option<SessionToken>;

    /// The cookie that keeps a session in a browser.
    ///
    /// # Errors
    ///
    /// `cookie_too_large`.
    fn session_cookie(
        &self,
        session: &CloudSession,
        token: &SessionToken,
    ) -> Result<SetCookie, CloudApiError>;

    /// The cookie that takes it away again.
    fn clear_session_cookie(&self) -> SetCookie;
}

/// A session as it stands after a refresh, for [`SessionProvider::session_cookie`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshedSession {
    /// The session.
    pub session: CloudSession,
    /// The token that stands for it from now on: a newer one, or the one that was refreshed.
    pub token: SessionToken,
}

/// Signing in at the Cloud.
pub trait SsoProvider {
    /// Where to send the browser. `state` is the host's own, `id|encoded return path` or `id`.
    ///
    /// # Errors
    ///
    /// `invalid_argument`, `state_malformed`.
    fn login_url(&self, redirect_uri: &str, state: &str) -> Result<String, CloudApiError>;

    /// The cookie that binds this sign-in to the browser.
    ///
    /// # Errors
    ///
    /// `invalid_argument`, `state_malformed`, `cookie_too_large`.
    fn login_cookie(&self, redirect_uri: &str, state: &str) -> Result<SetCookie, CloudApiError>;

    /// Finishes a sign-in from what came back: the code, the state or its id, and the browser's `Cookie` header.
    ///
    /// # Errors
    ///
    /// Every reason to refuse has its own code.
    fn handle_callback(
        &self,
        code: &str,
        state: &str,
        cookie_header: &str,
    ) -> impl Future<Output = Result<SignedIn, CloudApiError>> + Send;

    /// Where to send the browser to sign out at the Cloud too.
    ///
    /// # Errors
    ///
    /// `invalid_argument`.
    fn logout_url(
        &self,
        redirect_uri: &str,
        token: Option<&SessionToken>,
    ) -> Result<String, CloudApiError>;

    /// What a login button says.
    fn login_button(&self) -> LoginButton;
}

/// What a login button says.
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

/// What a user may do.
pub trait RbacProvider {
    /// The user's roles.
    fn roles<'u>(&self, user: &'u CloudUser) -> &'u [String];

    /// Whether the user has a role.
    fn has_role(&self, user: &CloudUser, role: &str) -> bool;

    /// All permissions of a user.
    ///
    /// # Errors
    ///
    /// `signed_out` where the user's session ended here since it was verified, `session_expired` where it is past its end; else where
    /// the Cloud had to be asked and could not be.
    fn permissions(
        &self,
        user: &CloudUser,
    ) -> impl Future<Output = Result<Arc<Grants>, CloudApiError>> + Send;

    /// Whether the user may do one thing.
    ///
    /// # Errors
    ///
    /// As [`permissions`](Self::permissions).
    fn has_permission(
        &self,
        user: &CloudUser,
        permission: &str,
    ) -> impl Future<Output = Result<bool, CloudApiError>> + Send;

    /// Whether the user may do all of these.
    ///
    /// # Errors
    ///
    /// As [`permissions`](Self::permissions).
    fn has_all_permissions(
        &self,
        user: &CloudUser,
        permissions: &[&str],
    ) -> impl Future<Output = Result<bool, CloudApiError>> + Send;

    /// Whether the user may do at least one of these.
    ///
    /// # Errors
    ///
    /// As [`permissions`](Self::permissions).
    fn has_any_permission(
        &self,
        user: &CloudUser,
        permissions: &[&str],
    ) -> impl Future<Output = Result<bool, CloudApiError>> + Send;

    /// The roles there are.
    fn available_roles(&self) -> Vec<String>;

    /// What a role may do.
    fn permissions_for_role(&self, role: &str) -> Grants;
}
