//! The visible pages: the front page, the login page, the logout page, the pictures.
//!
//! Every page says that it is not for production, runs no foreign script, works with the keyboard, and is not cached.
//! Nothing from a request is shown unescaped.

mod front;
mod login;
mod logout;
pub(crate) mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use crate::Dialect;
use crate::cloud::Cloud;

pub(crate) fn router(dialect: Dialect) -> Router<Arc<Cloud>> {
    let login = match dialect {
        Dialect::Platform => {
            Router::new().route(sign_in::PATH, get(sign_in::show).post(sign_in::decide))
        }
        _ => Router::new().route("/auth/oss", get(login::show).post(login::decide)),
    };
    login
        .route("/", get(front::front))
        .route("/auth/logout", get(logout::logout))
        .route("/avatars/{file}", get(avatar))
        .route(
            "/assets/cloud.css",
            get(asset(
                "text/css; charset=utf-8",
                include_str!("../assets/cloud.css"),
            )),
        )
        .route(
            "/assets/admin.js",
            get(asset(
                "text/javascript; charset=utf-8",
                include_str!("../assets/admin.js"),
            )),
        )
}

/// A handler that serves a file embedded in the binary.
fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse + Clone {
    ([(CONTENT_TYPE, kind)], text)
}

/// Sets the headers of every page; the login page has a policy of its own.
pub(crate) async fn headers(State(_): State<Arc<Cloud>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(policy("'self'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Browsers apply `form-action` to the redirect after a form too, so the login page lists its return address there.
fn policy(form_action: &str) -> HeaderValue {
    let text = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// The frame of every page.
pub(crate) fn frame(title: &str, width: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) " · Local Cloud" }
                link rel="stylesheet" href="/assets/cloud.css";
            }
            body {
                p.notice role="note" { strong { "Local Cloud" } " · for development and tests, not for production" }
                main class=(width) { (content) }
            }
        }
    }
}

/// A page that says why a request is refused.
pub(crate) fn refusal(status: StatusCode, title: &str, text: &str) -> Response {
    let page = html! {
        section.card {
            h1 { (title) }
            p { (text) }
            p.actions { a.quiet href="/" { "Front page" } }
        }
    };
    (status, frame(title, "narrow", &page)).into_response()
}

/// A page for browsers; other clients get only the status.
pub(crate) async fn not_found(headers: HeaderMap) -> Response {
    let reads_html = headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("text/html")));
    if !reads_html {
        return StatusCode::NOT_FOUND.into_response();
    }
    refusal(
        StatusCode::NOT_FOUND,
        "There is nothing at this address",
        "The front page shows what there is.",
    )
}

/// A picture of a person: initials on a colour of their own.
async fn avatar(State(cloud): State<Arc<Cloud>>, Path(file): Path<String>) -> Response {
    const COLOURS: [&str; 6] = [
        "#2f6f4f", "#5a4fcf", "#b4562b", "#2b6cb0", "#8a3b78", "#6b6f1e",
    ];
    let handle = file.strip_suffix(".svg").unwrap_or_default();
    let Some((place, person)) = cloud
        .seed
        .people
        .iter()
        .enumerate()
        .find(|(_, person)| person.handle == handle)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let initials: String = person
        .name
        .split(' ')
        .filter_map(|word| word.chars().next())
        .take(2)
        .collect();
    let colour = COLOURS
        .get(place % COLOURS.len())
        .copied()
        .unwrap_or("#444");
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64" {
            rect width="64" height="64" rx="32" fill=(colour) {}
            text x="32" y="41" text-anchor="middle" font-family="system-ui,sans-serif" font-size="25" font-weight="600" fill="#fff" { (initials) }
        }
    };
    ([(CONTENT_TYPE, "image/svg+xml")], picture.into_string()).into_response()
}
