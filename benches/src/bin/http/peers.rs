//! What one would use instead, each as its own documentation sets it up: a session in memory, a user by its id, a token that
//! is checked in a middleware.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId, login_required};
use http::StatusCode;
use http::header::{COOKIE, SET_COOKIE};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};
use tower_sessions_of_axum_login as theirs;

use crate::load::USER;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct User {
    id: String,
    email: String,
    roles: Vec<String>,
}

fn mei() -> User {
    User {
        id: USER.to_owned(),
        email: "mei@example.com".to_owned(),
        roles: vec!["member".to_owned()],
    }
}

pub(crate) fn tower_sessions() -> Router {
    let who = |session: Session| async move {
        match session.get::<User>("user").await {
            Ok(Some(user)) => user.id.into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let login = |session: Session| async move {
        match session.insert("user", mei()).await {
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

/// The table of users.
#[derive(Clone)]
struct Users;

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.email.as_bytes()
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Infallible> {
        Ok(Some(mei()))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok((id == USER).then(mei))
    }
}

type AuthSession = axum_login::AuthSession<Users>;

pub(crate) fn axum_login() -> Router {
    let who =
        |session: AuthSession| async move { session.user.map(|user| user.id).unwrap_or_default() };
    let login = |mut session: AuthSession| async move {
        match session.login(&mei()).await {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    };
    let sessions =
        theirs::SessionManagerLayer::new(theirs::MemoryStore::default()).with_secure(false);
    Router::new()
        .route("/", get(who))
        .route_layer(login_required!(Users))
        .route("/login", get(login))
        .layer(AuthManagerLayerBuilder::new(Users, sessions).build())
}

#[derive(Clone, Deserialize)]
#[allow(dead_code, reason = "read so that they are parsed")]
struct Claims {
    sub: String,
    sid: String,
    email: String,
    name: String,
    role: String,
}

/// What the middleware checks with.
struct Checks {
    key: DecodingKey,
    validation: Validation,
}

/// The same token as ours is asked about, RS256, with the key that the Cloud publishes.
pub(crate) async fn jsonwebtoken(cloud: &str, token: String) -> Result<Router> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http
        .get(format!("{cloud}/.well-known/jwks.json"))
        .send()
        .await?;
    let keys: JwkSet = serde_json::from_slice(&answer.bytes().await?)?;
    let jwk = keys.keys.first().context("the Cloud has no key")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["demo"]);
    validation.set_issuer(&[cloud]);
    // Made once, and shared with every request for as long as the process lives.
    let checks: &'static Checks = Box::leak(Box::new(Checks {
        key: DecodingKey::from_jwk(jwk)?,
        validation,
    }));
    let who = |Extension(claims): Extension<Claims>| async move { claims.sub };
    let login = get(move || async move { [(SET_COOKIE, format!("token={token}"))] });
    Ok(Router::new()
        .route("/", get(who))
        .route_layer(from_fn_with_state(checks, check))
        .route("/login", login))
}

async fn check(
    State(checks): State<&'static Checks>,
    mut request: Request,
    next: Next,
) -> Response {
    let claims = request
        .headers()
        .get(COOKIE)
        .and_then(|header| header.to_str().ok())
        .and_then(|header| {
            cookie::Cookie::split_parse(header)
                .filter_map(Result::ok)
                .find(|cookie| cookie.name() == "token")
        })
        .and_then(|cookie| decode::<Claims>(cookie.value(), &checks.key, &checks.validation).ok());
    match claims {
        Some(data) => {
            request.extensions_mut().insert(data.claims);
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
