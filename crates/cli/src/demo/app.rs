//! The sample app: one open page, one closed API, the sign-in routes, and security headers.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use mastra_auth_cloud::axum::{AuthLayer, routes};
use mastra_auth_cloud::{CloudApiError, Dialect, MastraCloudAuth};

use super::{api, page};

pub(super) fn app(
    auth: &MastraCloudAuth,
    cloud_url: &str,
    dialect: Dialect,
) -> Result<Router, CloudApiError> {
    let is_platform = dialect == Dialect::Platform;
    let api = Router::new()
        .route("/api/agents", get(api::list))
        .route("/api/agents/demo/generate", post(api::generate))
        .route("/api/agents/demo", delete(api::remove))
        .layer(AuthLayer::required(auth.clone()));
    let pages = Router::new()
        .route("/", get(page::home))
        .layer(AuthLayer::optional(auth.clone()))
        .with_state(page::Home {
            auth: auth.clone(),
            cloud_url: cloud_url.into(),
            login: if is_platform { "/login" } else { "/auth/login" },
        });
    // A browser whose sign-out leads on to the platform's page must be let go there.
    let leaves_to = if is_platform { cloud_url } else { "" };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' {cloud_url}; \
         form-action 'self' {leaves_to}; base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).map_err(|_| {
        CloudApiError::configuration("the Cloud's address is not usable in a header")
    })?;
    Ok(Router::new()
        .merge(api)
        .merge(pages)
        .route(
            "/app.css",
            get(asset(
                "text/css; charset=utf-8",
                include_str!("../../assets/app.css"),
            )),
        )
        .route(
            "/app.js",
            get(asset(
                "text/javascript; charset=utf-8",
                include_str!("../../assets/app.js"),
            )),
        )
        .merge(routes(auth)?)
        .fallback(page::not_found)
        .layer(from_fn_with_state(policy, headers)))
}

/// A handler that serves a file embedded in the binary.
fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse + Clone {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text)
}

/// A page may set a policy of its own; the others get the app's.
async fn headers(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers
        .entry(X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    response
}
