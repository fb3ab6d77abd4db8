//! The layer in a stack with layers that change the body, and around answers that are the app's own.

use std::time::Duration;

use crate::common::{App, Browser, ask, cloud};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;

fn stacked(auth: &MastraCloudAuth) -> Router {
    // `TraceLayer` answers with a body type of its own, on either side of the layer.
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(AuthLayer::required(auth.clone()))
        .layer(TraceLayer::new_for_http());
    let home = get(|user: CurrentUser| async move { user.id().as_str().to_owned() });
    let closed = Router::new().route("/", home).layer(stack);
    closed.merge(routes(auth).unwrap())
}

#[tokio::test]
async fn the_layer_stacks_with_layers_that_change_the_body() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, stacked).await;
    let answer = ask(&app, "/", &[]).await;
    assert_eq!(answer.code(), "not_signed_in");
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    // The first request may be looked up, the second is known: two paths through the layer.
    for _ in 0..2 {
        assert_eq!(browser.open(&app.url).await.body, "usr_mei");
    }
}

/// A page that loads a script, and one that says by headers how it is to be shown.
fn pages(auth: &MastraCloudAuth) -> Router {
    let plain = get(|_: CurrentUser| async { Html("<script src=app.js></script>") });
    let own = get(|_: CurrentUser| async {
        let headers = [
            ("content-security-policy", "script-src 'self'"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "own"),
        ];
        (headers, "")
    });
    let closed = Router::new().route("/plain", plain).route("/own", own);
    let closed = closed.layer(AuthLayer::required(auth.clone()));
    closed.merge(routes(auth).unwrap())
}

#[tokio::test]
async fn an_answer_of_the_app_has_the_headers_that_the_app_gives_it() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, pages).await;
    let token = cloud.control().sign_in("member", Duration::from_hours(1));
    let bearer = format!("Bearer {}", token.unwrap());
    // Looked up, then known: two paths through the layer.
    for path in ["/plain", "/own", "/plain"] {
        let page = ask(&app, path, &[("authorization", &bearer)]).await;
        let values = [
            "content-security-policy",
            "referrer-policy",
            "x-content-type-options",
        ]
        .map(|name| page.headers.get(name).map(|value| value.to_str().unwrap()));
        let expected = match path {
            "/own" => [Some("script-src 'self'"), Some("same-origin"), Some("own")],
            _ => [None; 3],
        };
        assert_eq!((page.status.as_u16(), values), (200, expected), "{path}");
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["vary"], "Cookie");
    }
}
