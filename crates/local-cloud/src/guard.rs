//! Restricts the pages to this machine's own browser, on this Cloud's own pages.
//!
//! A foreign name in `Host` means a page elsewhere whose name resolves to this machine (DNS rebinding). A foreign `Origin`
//! or a cross-site request means a page elsewhere that would press the buttons.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, StatusCode};

/// Rejects a request that reaches this machine by a foreign name.
pub(crate) async fn own_host(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if is_local(host) {
        return next.run(request).await;
    }
    (
        StatusCode::FORBIDDEN,
        "The local Cloud answers on localhost only.\n",
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

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
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
    fn only_this_machines_own_names_are_answered() {
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
        ] {
            assert_eq!(is_local(host), expect, "{host}");
        }
    }
}
