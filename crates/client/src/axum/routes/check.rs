//! `/auth/check`: whether a request may pass, for the subrequest that a proxy sends before it forwards the request.
//!
//! Proxies send the request's own method or `GET`, so every method gets the same answer. No answer is a page or a redirect:
//! a proxy decides by the status. The request is authenticated, and its session renewed, but nothing else is done.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::rbac::pattern::Permission;
use url::form_urlencoded;

use super::{RouteState, with_cookies};
use crate::axum::rejection::RejectionReason;
use crate::axum::response::{guarded, json_error};

/// Longest query, in bytes: a denied permission is logged, and any client may name one.
const MAX_QUERY: usize = 2_048;

pub(super) async fn check(
    State(routes): State<RouteState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(required) = required(uri.query().unwrap_or_default()) else {
        return json_error(
            StatusCode::BAD_REQUEST,
            "invalid_argument",
            "The query may hold permission=resource:action only, once or more, in 2,048 bytes.",
        );
    };
    let (found, renewed) = routes.auth.find_user(&headers).await;
    let identity = match found {
        Ok(identity) => identity,
        Err(reason) => return guarded(reason),
    };
    let user = identity.user();
    for permission in required {
        match routes.auth.admit(user, permission.as_str(), &headers).await {
            Ok(()) => {}
            // The session was signed out or expired after it was authenticated.
            Err(reason @ RejectionReason::InvalidToken) => return reason.into_response(),
            Err(reason) => return with_cookies(reason.into_response(), renewed.as_slice()),
        }
    }
    let roles: Vec<_> = user
        .roles()
        .iter()
        .map(|role| encode_component(role))
        .collect();
    let id = encode_component(user.id().as_str());
    let mut response = guarded(StatusCode::OK);
    let organization = user.organization().map(|it| encode_component(it.as_str()));
    let told = [("x-auth-user", id), ("x-auth-roles", roles.join(","))];
    let organization = organization.map(|id| ("x-auth-organization", id));
    for (name, text) in told.into_iter().chain(organization) {
        match HeaderValue::try_from(text) {
            Ok(value) => _ = response.headers_mut().insert(name, value),
            // The text is encoded; an invalid header value is a bug here.
            Err(_) => return guarded(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
    with_cookies(response, renewed.as_slice())
}

/// The permissions that a query requires. `None` if it holds anything else: a misspelt parameter would let every user in.
fn required(query: &str) -> Option<Vec<Permission>> {
    if query.len() > MAX_QUERY {
        return None;
    }
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| {
            (name == "permission")
                .then(|| Permission::parse(&value).ok())
                .flatten()
        })
        .collect()
}
