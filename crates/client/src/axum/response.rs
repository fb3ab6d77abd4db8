//! Response helpers: JSON errors, redirects, cookies and cache headers.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, Entry, LOCATION, REFERRER_POLICY, SET_COOKIE,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use mastra_auth_cloud_core::cookie::SetCookie;
use serde_json::json;

/// `{"error": {"code", "message"}}`, not cacheable.
pub(crate) fn json_error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = axum::Json(json!({ "error": { "code": code, "message": message } }));
    guarded((status, body))
}

/// A redirect to a path of this origin or to the Cloud (RFC 9110 section 15.4.4).
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(location) {
        Ok(mut value) => {
            value.set_sensitive(true);
            response.headers_mut().insert(LOCATION, value);
        }
        // Locations are made of encoded parts; an invalid header value is a bug here.
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    guarded(response)
}

/// The policy of an answer that is no page.
const NO_PAGE: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// An answer of our own, which no cache keeps and no browser shows as anything else.
pub(crate) fn guarded(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    guard(headers);
    harden(headers);
    headers.insert(
        CONTENT_SECURITY_POLICY,
        const { HeaderValue::from_static(NO_PAGE) },
    );
    response
}

/// Has browsers guess no type, and tell no other page where they come from. `Referrer-Policy` stays where it is set.
pub(crate) fn harden(headers: &mut HeaderMap) {
    headers.insert(
        X_CONTENT_TYPE_OPTIONS,
        const { HeaderValue::from_static("nosniff") },
    );
    let policy = headers.entry(REFERRER_POLICY);
    policy.or_insert(const { HeaderValue::from_static("no-referrer") });
}

/// Keeps an answer that depends on the session out of every cache.
pub(crate) fn guard(headers: &mut HeaderMap) {
    // Built as constants, not parsed for every answer.
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
    // One look-up suffices for the usual answer, which has no `Vary`.
    match headers.entry(VARY) {
        Entry::Vacant(place) => _ = place.insert(cookie),
        Entry::Occupied(mut place) if !place.iter().any(varies) => place.append(cookie),
        Entry::Occupied(_) => {}
    }
}

/// Adds a cookie to an answer.
pub(crate) fn set_cookie(headers: &mut HeaderMap, cookie: &SetCookie) {
    // Cookies are made of checked parts, so they are valid header values.
    if let Ok(mut value) = HeaderValue::from_str(cookie.expose()) {
        value.set_sensitive(true);
        headers.append(SET_COOKIE, value);
    }
}

/// Whether the client is a browser that navigates, or asks for HTML.
///
/// `Sec-Fetch-Mode` decides if the browser sends it (Fetch Metadata). A script's `fetch` accepts `*/*` and counts as an API
/// client.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
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
