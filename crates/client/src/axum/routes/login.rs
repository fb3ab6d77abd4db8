//! `GET /auth/login`: begin a sign-in.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, Uri};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::flow::callback::declined;
use mastra_auth_cloud_core::url::ReturnPath;
use url::form_urlencoded;

use super::callback::failed;
use super::other_host::redirect_to_public_url;
use super::{RouteState, with_cookies};
use crate::axum::prefetch::answer_prefetch;
use crate::axum::response::see_other;
use crate::headers;

pub(super) async fn login(
    State(routes): State<RouteState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Some(answer) = answer_prefetch(&method, &headers) {
        return answer;
    }
    let parameter = |name: &str| {
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .find(|(own, _)| own == name)
    };
    // The platform sends a browser here, not to the callback, where no sign-in came about. To begin another would not end.
    if routes.auth.config().dialect == Dialect::Platform
        && let Some((_, error)) = parameter("error")
    {
        return failed(&routes, &headers, &declined(&error));
    }
    if let Some(answer) = redirect_to_public_url(&routes, &uri, &headers) {
        return answer;
    }
    let wanted = parameter("return_to").map_or_else(ReturnPath::default, |(_, path)| {
        ReturnPath::sanitize(&path, Some(routes.public_url.origin()))
    });
    let wanted = wanted.place(&routes.public_url);
    let cookie = headers::cookie(&headers);
    match routes
        .auth
        .begin_login(&routes.redirect_uri, wanted, cookie.as_deref())
    {
        Ok(start) => with_cookies(see_other(start.location.expose()), &start.cookies),
        Err(error) => failed(&routes, &headers, &error).into_response(),
    }
}
