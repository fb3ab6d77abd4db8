//! Serves the example at the address that `MASTRA_PUBLIC_URL` names, on the port that `PORT` names, or on 4111.
#![allow(clippy::print_stderr, reason = "a program says why it ends")]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use axum::http::HeaderValue;
use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_example_axum::{AppState, app};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter("mastra_auth=info,tower_http=debug")
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
    let state = AppState {
        name: "The shop",
        news: broadcast::Sender::new(16),
    };
    let ui = HeaderValue::from_static("http://localhost:5173");
    let app = app(&auth, state, ui)?;
    let port = env::var("PORT").unwrap_or_else(|_| "4111".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
