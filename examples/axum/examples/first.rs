//! The smallest service: one open page, and one for signed-in users.
#![allow(clippy::print_stderr, reason = "a program says why it ends")]

use std::error::Error;
use std::process::ExitCode;

use axum::{Router, response::Html, routing::get};
use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter("mastra_auth=info")
        .init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let auth = MastraCloudAuth::from_env()?;
    let app = Router::new()
        .route("/agents", get(agents))
        .layer(AuthLayer::required(auth.clone())) // closes the routes above to requests without a session
        .route("/", get(home)) // open: it was added after the layer
        .merge(routes(&auth)?); // open: /auth/login, /auth/callback, /auth/logout, /auth/me, /auth/check
    let listener = TcpListener::bind("127.0.0.1:4111").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn home() -> Html<&'static str> {
    Html("<a href=\"/agents\">Your agents</a>")
}

async fn agents(user: CurrentUser) -> String {
    format!("agents of {}", user.id())
}
