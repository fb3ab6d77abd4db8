//! The programs of the guides, as they stand there: `cargo xtask guides` looks for each block in here, line by line.
#![allow(
    clippy::shadow_unrelated,
    unused_variables,
    reason = "a guide shows how to make a thing and leaves what is done with it"
)]

use std::error::Error;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_cloud::axum::{AuthLayer, CurrentOrganization, CurrentUser, routes};
use mastra_auth_cloud::metrics::prometheus_client::registry::Registry;
use tower_http::trace::TraceLayer;

/// README.md. What it reads from the environment is another test's.
#[allow(dead_code, reason = "needs variables of the environment")]
fn an_axum_service() -> Result<Router, Box<dyn Error>> {
    let auth = MastraCloudAuth::from_env()?;
    let app = Router::new()
        .route("/agents", get(agents))
        .layer(AuthLayer::required(auth.clone())) // closes the routes above it
        .merge(routes(&auth)?); // /auth/login, /auth/callback, /auth/logout, /auth/me, /auth/check
    Ok(app)
}

async fn agents(user: CurrentUser) -> String {
    user.id().as_str().to_owned()
}

#[allow(dead_code, reason = "needs variables of the environment")]
fn outages() -> Result<(), Box<dyn Error>> {
    use mastra_auth_cloud::{AuthBuilder, Policy};
    use std::time::Duration;

    let mut policy = Policy::default();
    policy.breaker_failures = 10;
    let auth = AuthBuilder::from_env()?
        .policy(policy)
        .fresh_for(Duration::from_secs(10))
        .stale_if_error_for(Duration::from_secs(120))
        .refused_for(Duration::from_secs(2))
        .build()?;
    Ok(())
}

/// docs/guide/programs.md. What it reads from the environment is another test's.
#[allow(dead_code, reason = "needs variables of the environment")]
async fn programs(http: reqwest::Client, url: String) -> Result<(), Box<dyn Error>> {
    use mastra_auth_cloud::program::TokenSource;

    let source = TokenSource::from_env()?;
    let answer = source
        .call(
            |token| http.get(&url).bearer_auth(token.expose()).send(),
            |answer| answer.as_ref().is_ok_and(|answer| answer.status() == 401),
        )
        .await??;
    Ok(())
}

#[tokio::test]
async fn observability() -> Result<(), Box<dyn Error>> {
    let auth = MastraCloudAuth::builder().project_id("demo").build()?;
    let mut registry = Registry::default();
    // In a registry of your own ...
    registry.register_collector(Box::new(auth.metrics()));
    // ... or alone, as OpenMetrics text, on a port that only your Prometheus reaches (features `axum` and `metrics`).
    let private: Router = Router::new().route("/metrics", mastra_auth_cloud::axum::metrics(&auth));
    Ok(())
}

#[allow(dead_code, reason = "needs variables of the environment")]
fn revocations() -> Result<(), Box<dyn Error>> {
    use mastra_auth_cloud::revocation::RedisRevocations;
    use mastra_auth_cloud::{AuthBuilder, SessionId, UserId};

    let auth = AuthBuilder::from_env()?
        .revocations(RedisRevocations::new("redis://127.0.0.1:6379")?)
        .build()?;

    auth.end_session(&SessionId::parse("ses_42")?); // every token of one session
    auth.end_user(&UserId::parse("usr_mei")?); // every session of a user that began before now
    let status = auth.revocation_status();
    Ok(())
}

#[allow(dead_code, reason = "needs variables of the environment")]
fn verification() -> Result<(), Box<dyn Error>> {
    use mastra_auth_cloud::{AuthBuilder, VerificationMode, VerificationOptions};

    let verification = VerificationOptions {
        mode: VerificationMode::KeysAndSession,
        ..VerificationOptions::default()
    };
    let auth = AuthBuilder::from_env()?
        .verification(verification)
        .build()?;
    Ok(())
}

async fn invoices(organization: CurrentOrganization) -> String {
    format!(
        "invoices of {} for {}",
        organization.id(),
        organization.user().id()
    )
}

#[allow(dead_code, reason = "needs variables of the environment")]
fn platform() -> Result<(), Box<dyn Error>> {
    use mastra_auth_cloud::AuthBuilder;
    use mastra_auth_cloud::axum::RoutePaths;

    let auth = AuthBuilder::from_env()?
        .route_paths(RoutePaths::default().login("/login"))
        .build()?;
    let trace = TraceLayer::new_for_http().make_span_with(|request: &Request| {
        let (method, path) = (request.method(), request.uri().path());
        tracing::info_span!("request", %method, path)
    });
    let app: Router = Router::new()
        .route("/invoices", get(invoices))
        .layer(AuthLayer::required(auth.clone()))
        .merge(routes(&auth)?)
        .layer(trace);
    Ok(())
}
