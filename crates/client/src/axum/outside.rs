//! What the outside is told: five codes, three forms, and nothing that depends on who asks is kept by a cache.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, Entry, LOCATION, RETRY_AFTER, SET_COOKIE, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::encoding::encode_component;
use serde_json::json;

/// Why a request is not served. What lies behind it stays in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// 401 `not_signed_in`: there is no credential.
    NotSignedIn,
    /// 401 `invalid_token`: the credential is not accepted.
    InvalidToken,
    /// 403 `permission_denied`: the user may not do this.
    PermissionDenied,
    /// 403 `cross_origin`: the request comes from a page of another origin.
    CrossOrigin,
    /// 503 `unavailable`: it could not be found out. Cookies stay.
    Unavailable,
    /// 500 `layer_missing`: the route does not stand under an [`AuthLayer`](super::AuthLayer).
    LayerMissing,
}

impl Denied {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::NotSignedIn | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied | Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::LayerMissing => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code in the answer.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSignedIn => "not_signed_in",
            Self::InvalidToken => "invalid_token",
            Self::PermissionDenied => "permission_denied",
            Self::CrossOrigin => "cross_origin",
            Self::Unavailable => "unavailable",
            Self::LayerMissing => "layer_missing",
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::NotSignedIn => "Sign in to continue.",
            Self::InvalidToken => {
                "The credential is not accepted, or its session has ended. Sign in again."
            }
            Self::PermissionDenied => "You do not have permission to do this.",
            Self::CrossOrigin => "The request comes from another site.",
            Self::Unavailable => "Sign-in cannot be checked right now. Try again in a moment.",
            Self::LayerMissing => {
                "This route asks for a user but does not stand under the sign-in layer."
            }
        }
    }

    /// Whether signing in would help.
    pub(crate) const fn is_unauthorized(self) -> bool {
        matches!(self, Self::NotSignedIn | Self::InvalidToken)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = json_error(self.status(), self.code(), self.message());
        let headers = response.headers_mut();
        match self {
            Self::NotSignedIn => insert(headers, WWW_AUTHENTICATE, "Bearer"),
            Self::InvalidToken => {
                insert(headers, WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"");
            }
            Self::Unavailable => insert(headers, RETRY_AFTER, "5"),
            _ => {}
        }
        response
    }
}

/// `{"error": {"code", "message"}}`, not to be cached.
pub(crate) fn json_error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = axum::Json(json!({ "error": { "code": code, "message": message } }));
    let mut response = (status, body).into_response();
    guard(response.headers_mut());
    response
}

/// A redirect to a path of this origin or to the Cloud (RFC 9110 section 15.4.4).
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(location) {
        Ok(mut value) => {
            value.set_sensitive(true);
            response.headers_mut().insert(LOCATION, value);
        }
        // Locations are made of encoded parts; one that is not a header value is a mistake of ours.
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    guard(response.headers_mut());
    response
}

/// Keeps an answer that depends on the session out of every cache.
pub(crate) fn guard(headers: &mut HeaderMap) {
    // Checked when this is built, and not on the way of every answer.
    headers.insert(
        CACHE_CONTROL,
        const { HeaderValue::from_static("no-store") },
    );
    let cookie = const { HeaderValue::from_static("Cookie") };
    let varies = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| {
            text.split(',')
                .any(|name| name.trim().eq_ignore_ascii_case("cookie"))
        })
    };
    // One look for the usual answer, which says nothing of it.
    match headers.entry(VARY) {
        Entry::Vacant(place) => _ = place.insert(cookie),
        Entry::Occupied(mut place) if !place.iter().any(varies) => place.append(cookie),
        Entry::Occupied(_) => {}
    }
}

/// Adds a cookie to an answer.
pub(crate) fn set_cookie(headers: &mut HeaderMap, cookie: &SetCookie) {
    // Cookies are made of checked parts and are header values.
    if let Ok(mut value) = HeaderValue::from_str(cookie.expose()) {
        value.set_sensitive(true);
        headers.append(SET_COOKIE, value);
    }
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Whether a person is looking: a browser that navigates, or something that asks for HTML.
///
/// `Sec-Fetch-Mode` decides where it is sent (Fetch Metadata); a script's `fetch` accepts `*/*` and stays an API client.
pub(crate) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => accepts_html(headers),
    }
}

/// Whether the answer may be a page.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("text/html")))
}

/// Where a browser is sent to sign in and come back to what it wanted.
pub(crate) fn login_location(uri: &Uri) -> String {
    let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("/auth/login?return_to={}", encode_component(wanted))
}
