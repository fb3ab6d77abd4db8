//! The servers, by name. Each answers who asks at `/`, and sets at `/login` the cookie that it wants to see there.

use std::io::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::routing::get;
use http::header::SET_COOKIE;
use mastra_auth_benches::cloud::provider;
use mastra_auth_cloud::Answer;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser};

use crate::load::{CLOUD, TOKEN};
use crate::peers;

/// Who is signed in.
pub(crate) const USER: &str = "usr_mei";

/// Serves until the process is ended.
pub(crate) async fn serve(name: &str) -> Result<()> {
    let router = match name {
        "open" => open(),
        "ours" => ours().await?,
        "tower-sessions" => peers::tower_sessions(),
        "axum-login" => peers::axum_login(),
        "jsonwebtoken" => peers::jsonwebtoken(&variable(CLOUD)?, variable(TOKEN)?).await?,
        _ => bail!("there is no server {name}"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut output = std::io::stdout();
    writeln!(output, "ready {}", listener.local_addr()?.port())?;
    output.flush()?;
    Ok(axum::serve(listener, router).await?)
}

/// Asks nobody for anything. Its cookie is there to be as long as the others'.
fn open() -> Router {
    Router::new()
        .route("/", get(|| async { USER }))
        .route("/login", get(|| async { [(SET_COOKIE, "theme=dark")] }))
}

async fn ours() -> Result<Router> {
    let auth = provider(&variable(CLOUD)?)?;
    let token = variable(TOKEN)?;
    let known = auth.authenticate_token(&token).await;
    ensure!(
        matches!(known, Answer::Authenticated(_)),
        "the token is not accepted"
    );
    let cookie = format!("{}={token}", auth.cookie_name());
    let closed = Router::new()
        .route(
            "/",
            get(|user: CurrentUser| async move { user.id().as_str().to_owned() }),
        )
        .layer(AuthLayer::required(auth));
    let login = get(move || async move { [(SET_COOKIE, cookie)] });
    Ok(closed.route("/login", login))
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
