//! The servers, by name. Each answers who asks at `/`, and sets at `/login` the cookie that it wants to see there.

use std::convert::Infallible;
use std::io::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::IncomingStream;
use axum::{Router, ServiceExt as _};
use http::StatusCode;
use http::header::SET_COOKIE;
use mastra_auth_benches::cloud::provider;
use mastra_auth_cloud::axum::{AuthLayer, AuthService, CurrentUser};
use mastra_auth_cloud::{Authentication, Dialect, MastraCloudAuth};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower_layer::Layer as _;
use tower_service::Service;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use crate::load::{CLOUD, TOKEN, USER};

/// Serves until the process is ended.
pub(crate) async fn serve(name: &str) -> Result<()> {
    let router = match name {
        "open" => open(),
        "required" => required(known().await?),
        "around" => return listen(around(known().await?).into_make_service()).await,
        "tower-sessions" => tower_sessions(),
        _ => bail!("there is no server {name}"),
    };
    listen(router.into_make_service()).await
}

async fn listen<M, S>(service: M) -> Result<()>
where
    M: for<'a> Service<IncomingStream<'a, TcpListener>, Response = S, Error = Infallible>
        + Send
        + 'static,
    for<'a> <M as Service<IncomingStream<'a, TcpListener>>>::Future: Send,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut output = std::io::stdout();
    writeln!(output, "ready {}", listener.local_addr()?.port())?;
    output.flush()?;
    Ok(axum::serve(listener, service).await?)
}

/// Checks nothing. Its cookie is there to be as long as the others'.
fn open() -> Router {
    Router::new()
        .route("/", get(|| async { USER.to_owned() }))
        .route("/login", get(|| async { [(SET_COOKIE, "theme=dark")] }))
}

#[derive(Deserialize, Serialize)]
struct User {
    id: String,
    email: String,
    roles: Vec<String>,
}

/// A session in memory, set up as its documentation shows.
fn tower_sessions() -> Router {
    let who = |session: Session| async move {
        match session.get::<User>("user").await {
            Ok(Some(user)) => user.id.into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let login = |session: Session| async move {
        let user = User {
            id: USER.to_owned(),
            email: "mei@example.com".to_owned(),
            roles: vec!["member".to_owned()],
        };
        match session.insert("user", user).await {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    };
    let layer = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    Router::new()
        .route("/", get(who))
        .route("/login", get(login))
        .layer(layer)
}

/// A provider that knows the token.
async fn known() -> Result<(MastraCloudAuth, String)> {
    let auth = provider(&variable(CLOUD)?, Dialect::V1)?;
    let token = variable(TOKEN)?;
    let known = auth.authenticate_token(&token).await;
    ensure!(
        matches!(known, Authentication::Authenticated(_)),
        "the token is not accepted"
    );
    let cookie = format!("{}={token}", auth.cookie_name());
    Ok((auth, cookie))
}

fn required((auth, cookie): (MastraCloudAuth, String)) -> Router {
    Router::new()
        .route("/", get(who))
        .layer(AuthLayer::required(auth))
        .route("/login", get(async move || [(SET_COOKIE, cookie)]))
}

/// The layer around the router instead of on it: the handler's argument closes the route.
fn around((auth, cookie): (MastraCloudAuth, String)) -> AuthService<Router> {
    let router = Router::new()
        .route("/", get(who))
        .route("/login", get(async move || [(SET_COOKIE, cookie)]));
    AuthLayer::optional(auth).layer(router)
}

async fn who(user: CurrentUser) -> String {
    user.id().as_str().to_owned()
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
