//! The layer in a stack with layers that change the body.

use crate::common::{App, Browser, ask, cloud};
use axum::Router;
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
