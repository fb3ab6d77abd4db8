//! Rejections of a request, and their answers for browsers and API clients.
//!
//! A browser that navigates is redirected to sign in if that helps. Otherwise a browser gets a page with a code, and an API
//! client JSON with that code. What signing in cannot mend must not lead there, or the browser loops.

use std::fmt;

use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use mastra_auth_cloud_core::error::{CloudApiError, Code, Remedy};

use super::page::{Address, reference};
use super::public_error::{CLEAR_COOKIES, Link, PublicError};
use super::response::{see_other, wants_page};
use crate::MastraCloudAuth;
use crate::telemetry::{self, RequestIds};

/// Why a request is rejected. The underlying error stays in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionReason {
    /// 401 `not_signed_in`: the request has no credential.
    NotSignedIn,
    /// 401 `invalid_token`: the credential is not accepted.
    InvalidToken,
    /// 400 `too_many_cookies`: more session cookies of one name than are tried.
    TooManyCookies,
    /// 400 `cookie_header_too_large`: the `Cookie` header is larger than is read.
    CookieHeaderTooLarge,
    /// 403 `account_refused`: the Cloud knows the account and denies it access.
    AccountRefused,
    /// 403 `organization_forbidden`: the user is not a member of the organization, or has none.
    OrganizationForbidden,
    /// 400 `invalid_argument`: the header `X-Mastra-Organization-Id` is not one id.
    OrganizationMalformed,
    /// 403 `permission_denied`: the user lacks the permission.
    PermissionDenied,
    /// 403 `cross_origin`: the request comes from a page of another origin.
    CrossOrigin,
    /// 503 `unavailable`: the Cloud could not be asked. Cookies stay.
    Unavailable,
    /// 500 `layer_missing`: the route is not under an [`AuthLayer`](super::AuthLayer).
    LayerMissing,
    /// 500 `invalid_configuration`: the deployment is misconfigured.
    Misconfigured,
}

impl RejectionReason {
    /// The rejection for a refused credential.
    pub(crate) fn of(error: &CloudApiError) -> Self {
        match error.remedy() {
            Remedy::SignIn => Self::InvalidToken,
            Remedy::ClearCookies if error.is(&Code::TooManyCookies) => Self::TooManyCookies,
            Remedy::ClearCookies => Self::CookieHeaderTooLarge,
            Remedy::AskForAccess if error.is(&Code::OrganizationForbidden) => {
                Self::OrganizationForbidden
            }
            Remedy::AskForAccess => Self::AccountRefused,
            Remedy::Operator => Self::Misconfigured,
            _ => Self::Unavailable,
        }
    }

    /// The answer's status.
    pub const fn status(self) -> StatusCode {
        self.public().status
    }

    /// The stable code in the answer.
    pub const fn code(self) -> &'static str {
        self.public().code
    }

    /// What the client sees.
    const fn public(self) -> PublicError<'static> {
        let (status, code, text, title, link) = match self {
            Self::NotSignedIn => (
                StatusCode::UNAUTHORIZED,
                "not_signed_in",
                "Sign in to continue.",
                "You are not signed in",
                Link::Login("Sign in"),
            ),
            Self::InvalidToken => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "The credential is not accepted, or its session has ended. Sign in again.",
                "You are not signed in",
                Link::Login("Sign in"),
            ),
            Self::TooManyCookies => (
                StatusCode::BAD_REQUEST,
                "too_many_cookies",
                CLEAR_COOKIES,
                "Too many cookies",
                Link::Home("Open the app"),
            ),
            Self::CookieHeaderTooLarge => (
                StatusCode::BAD_REQUEST,
                "cookie_header_too_large",
                CLEAR_COOKIES,
                "Too many cookies",
                Link::Home("Open the app"),
            ),
            Self::AccountRefused => (
                StatusCode::FORBIDDEN,
                "account_refused",
                "Mastra Cloud does not let this account in. Ask for access, or sign in with another account.",
                "You may not do this",
                Link::Login("Sign in with another account"),
            ),
            Self::OrganizationForbidden => (
                StatusCode::FORBIDDEN,
                "organization_forbidden",
                "This account does not belong to the organization. Ask for access, or choose another organization.",
                "You may not do this",
                Link::Login("Sign in with another account"),
            ),
            Self::OrganizationMalformed => (
                StatusCode::BAD_REQUEST,
                "invalid_argument",
                "X-Mastra-Organization-Id must hold one organization's id: 1 to 256 visible ASCII characters.",
                "Something is set up wrongly",
                Link::Home("Open the app"),
            ),
            Self::PermissionDenied => (
                StatusCode::FORBIDDEN,
                "permission_denied",
                "You do not have permission to do this.",
                "You may not do this",
                Link::Home("Open the app"),
            ),
            Self::CrossOrigin => (
                StatusCode::FORBIDDEN,
                "cross_origin",
                "The request comes from another site.",
                "You may not do this",
                Link::Home("Open the app"),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Sign-in cannot be checked right now. Try again in a moment.",
                "Sign-in is not available",
                Link::Again("Try again"),
            ),
            Self::LayerMissing => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "layer_missing",
                "This route asks for a user but does not stand under the sign-in layer.",
                "Something is set up wrongly",
                Link::Home("Open the app"),
            ),
            Self::Misconfigured => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "invalid_configuration",
                "The sign-in is not set up correctly.",
                "Something is set up wrongly",
                Link::Home("Open the app"),
            ),
        };
        PublicError {
            status,
            code,
            text,
            title,
            link,
        }
    }

    /// Whether a browser is redirected to sign in.
    const fn leads_to_sign_in(self) -> bool {
        matches!(self, Self::NotSignedIn | Self::InvalidToken)
    }

    /// Adds the headers of this rejection, which both forms of the answer have.
    fn annotate(self, headers: &mut HeaderMap) {
        let (name, value) = match self {
            Self::NotSignedIn => (WWW_AUTHENTICATE, "Bearer"),
            Self::InvalidToken => (WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""),
            Self::Unavailable => (RETRY_AFTER, "5"),
            _ => return,
        };
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// As JSON: a handler that returns it has no access to the request.
impl IntoResponse for RejectionReason {
    fn into_response(self) -> Response {
        let mut response = self.public().json();
        self.annotate(response.headers_mut());
        response
    }
}

/// The answer of an extractor that rejects a request: a redirect to sign in, a page or JSON.
pub struct AuthRejection {
    reason: RejectionReason,
    response: Box<Response>,
}

impl AuthRejection {
    pub(super) fn new(
        auth: Option<&MastraCloudAuth>,
        reason: RejectionReason,
        parts: &Parts,
    ) -> Self {
        let response = Box::new(turn_away(auth, reason, parts));
        Self { reason, response }
    }

    /// The reason.
    pub const fn reason(&self) -> RejectionReason {
        self.reason
    }
}

impl IntoResponse for AuthRejection {
    fn into_response(self) -> Response {
        *self.response
    }
}

impl fmt::Debug for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthRejection").field(&self.reason).finish()
    }
}

impl fmt::Display for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.public().text)
    }
}

impl std::error::Error for AuthRejection {}

/// Answers a rejected request: a redirect to sign in if that helps and a browser navigates, else a page or JSON.
pub(super) fn turn_away(
    auth: Option<&MastraCloudAuth>,
    reason: RejectionReason,
    parts: &Parts,
) -> Response {
    if let Some(auth) = auth
        && reason.leads_to_sign_in()
        // A state-changing request is never answered with a redirect.
        && matches!(parts.method, Method::GET | Method::HEAD)
        && wants_page(&parts.headers)
    {
        // Under a nested router the request's own URI lacks the prefix.
        let original = parts.extensions.get::<OriginalUri>();
        let uri = original.map_or(&parts.uri, |original| &original.0);
        // A redirect from the login route would lead back to itself for ever.
        if [uri.path(), parts.uri.path()]
            .iter()
            .any(|path| auth.is_login(path))
        {
            telemetry::routes_unreachable(&auth.login_path());
            return refuse(Some(auth), RejectionReason::Misconfigured, &parts.headers);
        }
        auth.note_nest(uri, &parts.uri);
        return see_other(&auth.login_location(uri));
    }
    refuse(auth, reason, &parts.headers)
}

/// A page for a browser that navigates, JSON for other clients.
pub(super) fn refuse(
    auth: Option<&MastraCloudAuth>,
    reason: RejectionReason,
    headers: &HeaderMap,
) -> Response {
    if !wants_page(headers) {
        return reason.into_response();
    }
    let reference = reference();
    telemetry::error_page_shown(reason.code(), &RequestIds::of(headers).on_page(&reference));
    let public = reason.public();
    let mut response = public.page(auth, headers, &reference, Address::Kept);
    reason.annotate(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row of the guide's table is a rejection, and each rejection is in a row.
    #[test]
    #[allow(clippy::as_conversions, reason = "the number of the last one")]
    fn the_guide_lists_every_status_and_code() {
        use RejectionReason::*;
        let all = [
            NotSignedIn,
            InvalidToken,
            TooManyCookies,
            CookieHeaderTooLarge,
            AccountRefused,
            OrganizationForbidden,
            OrganizationMalformed,
            PermissionDenied,
            CrossOrigin,
            Unavailable,
            LayerMissing,
            Misconfigured,
        ];
        assert_eq!(all.len(), Misconfigured as usize + 1, "one is missing here");
        let guide = include_str!("../../../../docs/guide/axum.md");
        let (_, table) = guide.split_once("\n## What the outside sees\n").unwrap();
        let rows = table.trim_start().lines().skip(2);
        let mut listed = std::collections::BTreeSet::new();
        for row in rows.take_while(|row| row.starts_with('|')) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            for code in cells[2].split(", ") {
                listed.insert((cells[1].parse().unwrap(), code.trim_matches('`')));
            }
        }
        let rejections = all.map(|reason| (reason.status().as_u16(), reason.code()));
        assert_eq!(listed, rejections.into());
    }

    #[test]
    fn only_what_signing_in_mends_leads_there() {
        for code in Code::OWN {
            let error = CloudApiError::new(code.clone());
            let reason = RejectionReason::of(&error);
            assert_eq!(
                reason.leads_to_sign_in(),
                error.remedy() == Remedy::SignIn,
                "{}",
                error.code()
            );
        }
    }

    #[test]
    fn cookies_that_cannot_be_read_keep_their_code() {
        for code in [Code::TooManyCookies, Code::CookieHeaderTooLarge] {
            let reason = RejectionReason::of(&CloudApiError::new(code.clone()));
            assert_eq!(
                (reason.status().as_u16(), reason.code()),
                (400, code.as_str())
            );
        }
    }
}
