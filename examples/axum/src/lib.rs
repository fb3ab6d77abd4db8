//! A service with a state of its own: an open page, pages for signed-in users, a route that requires a permission, and two
//! streams that end with their session.

use std::convert::Infallible;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{any, get, post};
use futures_util::{Stream, StreamExt as _, stream};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
use mastra_auth_cloud::{CloudApiError, MastraCloudAuth};
use maud::{DOCTYPE, Markup, html};
use tokio::sync::broadcast;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tower_http::cors::CorsLayer;
use tower_http::trace::TraceLayer;

/// State that the handlers share.
#[derive(Clone)]
pub struct AppState {
    /// The name of the shop.
    pub name: &'static str,
    /// The sender of news to every stream.
    pub news: broadcast::Sender<String>,
}

/// The whole service. `ui` is the origin of a foreign page that may call it with credentials.
///
/// # Errors
///
/// `invalid_configuration` if there is no public URL, `invalid_argument` for a permission that could never be granted.
pub fn app(
    auth: &MastraCloudAuth,
    state: AppState,
    ui: HeaderValue,
) -> Result<Router, CloudApiError> {
    let open = Router::new()
        .route("/", get(home))
        .layer(AuthLayer::optional(auth.clone()));
    let closed = Router::new()
        .route("/agents", get(agents))
        .route("/news", post(publish).layer(auth.require("agents:write")?))
        .route("/events", get(events))
        .route("/socket", any(socket))
        .layer(AuthLayer::required(auth.clone()));
    let cors = CorsLayer::new()
        .allow_origin(ui)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .allow_credentials(true);
    Ok(open
        .merge(closed)
        .merge(routes(auth)?)
        .layer(cors) // around the sign-in: a page elsewhere can read a 401 too
        .layer(TraceLayer::new_for_http()) // outermost: it sees every answer
        .with_state(state))
}

/// Open: shows the signed-in user, or the link to sign in.
async fn home(State(state): State<AppState>, user: Option<CurrentUser>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (state.name) } }
            body {
                h1 { (state.name) }
                @if let Some(user) = user {
                    p { "Signed in as " (user.name().unwrap_or(user.id().as_str())) "." }
                    @if user.has_role("owner") || user.has_role("admin") {
                        form method="post" action="/news" { button { "Publish" } }
                    }
                    form method="post" action="/auth/logout" { button { "Sign out" } }
                } @else {
                    a href="/auth/login" { "Sign in with Mastra Cloud" }
                }
            }
        }
    }
}

/// For signed-in users.
async fn agents(user: CurrentUser) -> String {
    format!("agents of {}", user.id())
}

/// For users with the permission that the route names.
async fn publish(State(state): State<AppState>, user: CurrentUser) -> String {
    let told = state.news.send(format!("news from {}", user.id()));
    format!("told to {}\n", told.unwrap_or(0))
}

/// A stream of events that ends with its session.
async fn events(
    State(state): State<AppState>,
    user: CurrentUser,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let news = stream::unfold(state.news.subscribe(), async |mut news| {
        loop {
            match news.recv().await {
                Ok(text) => return Some((Ok(Event::default().data(text)), news)),
                Err(RecvError::Lagged(_)) => {} // too slow for all of them: go on with what is still there
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(news.take_until(user.ended())).keep_alive(KeepAlive::default())
}

/// A WebSocket that ends with its session.
async fn socket(
    State(state): State<AppState>,
    user: CurrentUser,
    upgrade: WebSocketUpgrade,
) -> Response {
    let news = state.news.subscribe();
    upgrade.on_upgrade(move |socket| talk(socket, news, user))
}

async fn talk(mut socket: WebSocket, mut news: Receiver<String>, user: CurrentUser) {
    let mut ended = std::pin::pin!(user.ended());
    loop {
        tokio::select! {
            _ = &mut ended => break,
            news = news.recv() => {
                let Ok(news) = news else { break }; // too slow: the client may come back
                if socket.send(Message::text(news)).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => {
                if !matches!(message, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
    // The client may be gone already; there is nothing left to do then.
    let _ = socket.send(Message::Close(None)).await;
}
