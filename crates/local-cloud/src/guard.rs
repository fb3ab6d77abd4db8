//! Restricts the pages to this Cloud's own names and its own pages.
//!
//! Its names are those of this machine, and those that it was told. A foreign name in `Host` means a page elsewhere whose name resolves to this machine (DNS rebinding). A foreign `Origin`
//! or a cross-site request means a page elsewhere that would press the buttons.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, StatusCode};

use crate::cloud::Cloud;

/// Rejects a request that comes by a foreign name.
pub(crate) async fn own_host(
    State(cloud): State<Arc<Cloud>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if is_own_name(host, &cloud.hosts) {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "The local Cloud answers on localhost, by the address of --bind, and by the names that --allow-host gives it.\n",
    )
        .into_response()
}

/// Rejects a state-changing request from a page of another origin.
pub(crate) async fn own_pages(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) || is_own(request.headers()) {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "Changes are made from the local Cloud's own pages only.\n",
    )
        .into_response()
}

fn is_own_name(host: &str, own: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
        || own.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or("?").to_owned();
    let host = headers.get(HOST).map(text).unwrap_or_default();
    let site = headers.get("sec-fetch-site").map(text);
    let origin_is_own = match headers.get(ORIGIN).map(text).as_deref() {
        None => true,
        // A page without a referrer: decide by its site.
        Some("null") => site.is_some(),
        Some(origin) => origin.strip_prefix("http://") == Some(&host),
    };
    let site_is_own = site.is_none_or(|site| matches!(&*site, "same-origin" | "none"));
    origin_is_own && site_is_own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_answered() {
        let own = ["cloud".to_owned(), "[fd00::1]".to_owned()];
        for (host, expect) in [
            ("localhost", true),
            ("localhost:4300", true),
            ("127.0.0.1:4300", true),
            ("[::1]:4300", true),
            ("[::1]", true),
            ("evil.example", false),
            ("localhost.evil.example:4300", false),
            ("evil.example:localhost", false),
            ("", false),
            ("cloud:4300", true),
            ("CLOUD", true),
            ("[fd00::1]:4300", true),
            ("cloud.evil.example", false),
            ("cloud.", false),
            ("my-cloud:4300", false),
        ] {
            assert_eq!(is_own_name(host, &own), expect, "{host}");
        }
    }
}
