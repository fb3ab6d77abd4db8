//! A sign-in that is begun under another name than the app's own: `www` and apex, `127.0.0.1` and `localhost`, http and https.
//!
//! Its cookie would be set under that name and not come with the callback, which the Cloud sends to the public URL. So the
//! browser goes to the same page at the public URL first, once: behind a proxy that rewrites the host it looks foreign there too.

use axum::response::Response;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};
use mastra_auth_cloud_core::url::PublicUrl;
use url::form_urlencoded;

use super::Desk;
use crate::axum::outside::see_other;

/// Stands in the query of one that was sent on.
const SENT: (&str, &str) = ("at", "public-url");

/// The way to the same page at the public URL, where the browser is elsewhere and was not sent there before.
pub(super) fn elsewhere(desk: &Desk, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let query = uri.query().unwrap_or_default();
    let was_sent =
        form_urlencoded::parse(query.as_bytes()).any(|(name, value)| (&*name, &*value) == SENT);
    if was_sent || is_own(&desk.public_url, uri, headers) {
        return None;
    }
    let joint = if query.is_empty() { "" } else { "&" };
    let (name, value) = SENT;
    let login = desk.public_url.join(&desk.auth.face().paths.login);
    Some(see_other(&format!("{login}?{query}{joint}{name}={value}")))
}

/// Whether the browser is at the public URL, as far as the request says. Nothing else follows from what it says.
fn is_own(public_url: &PublicUrl, uri: &Uri, headers: &HeaderMap) -> bool {
    // The first of several is what the browser asked for, by the word of the proxy next to it.
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
