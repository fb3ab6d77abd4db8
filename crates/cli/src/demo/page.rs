//! The sample app's one page: sign in, or see your identity and try your permissions.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mastra_auth_cloud::axum::CurrentUser;
use mastra_auth_cloud::{Authentication, CloudApiError, MastraCloudAuth, Permissions};
use mastra_auth_cloud_core::encoding::{hex, sha256};
use maud::{DOCTYPE, Markup, html};

#[derive(Clone)]
pub(super) struct Home {
    pub(super) auth: MastraCloudAuth,
    pub(super) cloud_url: Arc<str>,
    /// The path of the login route.
    pub(super) login: &'static str,
}

/// The actions that a visitor can try: label, method, path, permission.
const ACTIONS: [(&str, &str, &str, &str); 3] = [
    ("List agents", "GET", "/api/agents", "agents:read"),
    (
        "Run the agent",
        "POST",
        "/api/agents/demo/generate",
        "agents:execute",
    ),
    (
        "Delete the agent",
        "DELETE",
        "/api/agents/demo",
        "agents:delete",
    ),
];

pub(super) async fn home(
    State(home): State<Home>,
    user: Option<CurrentUser>,
    headers: HeaderMap,
) -> Response {
    let Some(user) = user else {
        let page = match home.auth.authenticate(&headers).await {
            Authentication::Rejected(error) => was_signed_out(&error, home.login),
            _ => signed_out(&home),
        };
        return frame("Sign in", &page).into_response();
    };
    match home.auth.permissions(&user).await {
        Ok(grants) => {
            frame("Your session", &signed_in(&user, &grants, &home.cloud_url)).into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            frame("Not available", &unavailable()),
        )
            .into_response(),
    }
}

/// A page for browsers; other clients get only the status.
pub(super) async fn not_found(headers: HeaderMap) -> Response {
    let reads_html = headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("text/html")));
    if !reads_html {
        return StatusCode::NOT_FOUND.into_response();
    }
    let page = html! {
        section.card.hero {
            h1 { "There is nothing at this address" }
            a.button href="/" { "Home" }
        }
    };
    (StatusCode::NOT_FOUND, frame("Not found", &page)).into_response()
}

fn frame(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) " · Sample app" }
                link rel="stylesheet" href="/app.css";
                script src="/app.js" defer {}
            }
            body {
                header { a.mark href="/" { "Sample app" } span.tag { "protected by Mastra Cloud sign-in" } }
                main { (content) }
            }
        }
    }
}

fn signed_out(home: &Home) -> Markup {
    let (cloud_url, login) = (&home.cloud_url, home.login);
    html! {
        section.card.hero {
            h1 { "An app with a locked door" }
            p { "Its agents answer only to people who are signed in and may ask." }
            a.button href=(login) { "Sign in with Mastra Cloud" }
        }
        section.hints aria-label="What to try" {
            h2 { "What to try" }
            ol {
                li { "Sign in as one of the people there. Each has a role." }
                li { "Press the three buttons. Which are refused depends on the role." }
                li {
                    "Open the "
                    a href=(format!("{cloud_url}/admin")) { "local Cloud's admin page" }
                    ", end the session there, and come back: within two seconds you are signed out."
                }
            }
        }
    }
}

/// The page for a browser whose session is no longer accepted.
fn was_signed_out(error: &CloudApiError, login: &str) -> Markup {
    html! {
        section.card.hero role="alert" {
            h1 { "You are signed out" }
            p { "Your session is over: it was ended here, on the Cloud's admin page, or by its own end." }
            p { code.chip { (error.code()) } " " (error.message()) }
            a.button href=(login) { "Sign in again" }
        }
    }
}

fn signed_in(user: &CurrentUser, grants: &Permissions, cloud_url: &str) -> Markup {
    html! {
        section.card.person aria-labelledby="who" {
            @if let Some(url) = user.avatar_url() { img src=(url) alt="" width="64" height="64"; }
            div {
                h1 #who { (user.name().unwrap_or_else(|| user.id().as_str())) }
                p { (user.email()) }
            }
            form method="post" action="/auth/logout" { button.quiet type="submit" { "Sign out" } }
        }
        section.card {
            dl {
                dt { "Roles" }
                dd { @for role in user.roles() { span.chip { (role) } } @if user.roles().is_empty() { span.none { "none" } } }
                dt { "Permissions" }
                dd { @for grant in grants.iter() { code.chip { (grant) } } @if grants.is_empty() { span.none { "none" } } }
                @if user.session_token().is_sealed() { (of_platform(user)) }
            }
        }
        section.card aria-labelledby="try" {
            h2 #try { "Try something" }
            ul.actions {
                @for (label, method, path, permission) in ACTIONS {
                    li {
                        button.action type="button" data-method=(method) data-path=(path) { (label) }
                        span.needs { "needs " code { (permission) } }
                        output aria-live="polite" {}
                    }
                }
            }
            noscript { p { "The buttons need JavaScript. The API works without: " code { "GET /api/agents" } "." } }
        }
        p.foot {
            "Your session also shows on the "
            a href=(format!("{cloud_url}/admin")) { "local Cloud's admin page" }
            ". End it there, and within two seconds the buttons here answer 401."
        }
    }
}

/// What only the platform's users have. The mark changes with the session, and tells nothing of it.
fn of_platform(user: &CurrentUser) -> Markup {
    let digest = hex(&sha256(user.session_token().expose().as_bytes()));
    let mark: String = digest.chars().take(8).collect();
    html! {
        dt { "Organization" }
        dd {
            @match user.organization() {
                Some(id) => code.chip { (id) },
                None => span.none { "none" },
            }
        }
        dt { "Session" }
        dd { code.chip data-session=(mark) { (mark) } " The platform rotates it every 10 seconds: reload the page." }
    }
}

fn unavailable() -> Markup {
    html! {
        section.card.hero {
            h1 { "Mastra Cloud cannot be asked right now" }
            p { "You are still signed in. Your permissions could not be looked up; try again in a moment." }
            a.button href="/" { "Try again" }
        }
    }
}
