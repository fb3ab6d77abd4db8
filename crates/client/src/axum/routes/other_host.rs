//! Sign-ins that begin under another name of the app: `www` and apex, `127.0.0.1` and `localhost`, http and https.
//!
//! A login cookie set under that name would be missing at the callback, which the Cloud sends to the public URL. So the
//! browser first goes to the same page at the public URL, once: behind a proxy that rewrites the host, every request looks
//! foreign.

use axum::response::Response;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};
use mastra_auth_cloud_core::url::PublicUrl;
use url::form_urlencoded;

use super::RouteState;
use crate::axum::response::see_other;

/// Marks the query of a request that was redirected.
const SENT: (&str, &str) = ("at", "public-url");

/// A redirect to the same page at the public URL, if the browser is elsewhere and was not redirected before.
pub(super) fn redirect_to_public_url(
    routes: &RouteState,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Response> {
    let query = uri.query().unwrap_or_default();
    let was_sent =
        form_urlencoded::parse(query.as_bytes()).any(|(name, value)| (&*name, &*value) == SENT);
    if was_sent || is_own(&routes.public_url, uri, headers) {
        return None;
    }
    // Written anew: a client may send a query with bytes that no address of a header may have.
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form_urlencoded::parse(query.as_bytes()))
        .append_pair(SENT.0, SENT.1)
        .finish();
    let login = routes
        .public_url
        .join(&routes.auth.axum_settings().paths.login);
    Some(see_other(&format!("{login}?{query}")))
}

/// Whether the browser is at the public URL, by the request's headers. They decide nothing else.
fn is_own(public_url: &PublicUrl, uri: &Uri, headers: &HeaderMap) -> bool {
    // Of several values the first is the browser's own, as the nearest proxy reports it.
    let first = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.split(',').next().map(str::trim)
    };
    let host = first("x-forwarded-host")
        .or_else(|| headers.get(HOST)?.to_str().ok())
        .or_else(|| uri.authority().map(Authority::as_str));
    let is_plain =
        first("x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
    host.is_none_or(|host| public_url.is_reached_by(host)) && !(is_plain && public_url.is_secure())
}
