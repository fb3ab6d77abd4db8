//! An app below a path that its public URL does not have is told about, once.

use crate::common::{App, ask, cloud};
use crate::ear::Ear;
use axum::Router;
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, routes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};

const NAVIGATES: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];

fn closed(auth: &MastraCloudAuth) -> Router {
    Router::new()
        .route("/agents", get(|| async { "in" }))
        .layer(AuthLayer::required(auth.clone()))
}

#[tokio::test]
async fn a_path_that_is_not_configured_is_told_once() {
    let (ear, _listens) = Ear::listen();
    let told = || {
        let all = ear.take();
        let of_it = all
            .iter()
            .filter(|told| told.is("public_url_lacks_prefix", &[]));
        of_it.count()
    };
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, |auth| {
        Router::new().nest("/app", closed(auth).merge(routes(auth).unwrap()))
    })
    .await;
    // The routes are nested too: the browser is sent to a path without a route.
    let page = ask(&app, "/app/agents", &NAVIGATES).await;
    assert_eq!(ask(&app, page.location(), &NAVIGATES).await.status, 404);
    assert_eq!(told(), 1);
    ask(&app, "/app/agents", &NAVIGATES).await;
    ask(&app, "/app/auth/login", &NAVIGATES).await;
    assert_eq!(told(), 0, "once is enough");

    let app = App::serving(&cloud, |auth| {
        Router::new().nest("/app", routes(auth).unwrap())
    })
    .await;
    ask(&app, "/app/auth/login", &NAVIGATES).await;
    assert_eq!(told(), 1, "by the routes themselves");

    // The routes stand where they are looked for, and only the layer is nested.
    let app = App::serving(&cloud, |auth| {
        Router::new()
            .nest("/api", closed(auth))
            .merge(routes(auth).unwrap())
    })
    .await;
    ask(&app, "/auth/me", &[]).await;
    ask(&app, "/api/agents", &NAVIGATES).await;
    assert_eq!(told(), 0);
}
