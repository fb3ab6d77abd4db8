//! Where a sign-in leads back to: however long the address was.

use crate::common::{App, Browser, cloud};
use axum::Router;
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, routes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};

fn app(auth: &MastraCloudAuth) -> Router {
    Router::new()
        .route("/agents", get(|| async { "in" }))
        .layer(AuthLayer::required(auth.clone()))
        .merge(routes(auth).unwrap())
}

#[tokio::test]
async fn a_long_address_comes_back_whole_or_without_its_query() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, app).await;
    for (bytes, is_whole) in [(2100, true), (6000, true), (7000, false), (60_000, false)] {
        let wanted = format!("/agents?filter={}", "x".repeat(bytes));
        let mut browser = Browser::default();
        let page = browser.open(&app.at(&wanted)).await;
        assert!(page.location().len() < 8192, "{bytes}");
        let page = browser.open(&app.at(page.location())).await;
        assert!(page.location().len() < 8192, "{bytes}");
        let callback = browser.pick(&cloud, page.location(), "owner").await;
        let back = browser.open(&callback).await;
        let expect = if is_whole { &*wanted } else { "/agents" };
        assert_eq!(back.location(), expect, "{bytes}");
    }
}

#[tokio::test]
async fn studio_on_another_port_of_this_machine_is_led_back_to() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, app).await;
    for (wanted, expect) in [
        (
            "http://localhost:3000/agents",
            "http://localhost:3000/agents",
        ),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/"),
        ("http://localhost.evil.example/agents", "/"),
        ("https://evil.example/agents", "/"),
    ] {
        let mut browser = Browser::default();
        let login = format!("/auth/login?return_to={wanted}");
        let page = browser.open(&app.at(&login)).await;
        let callback = browser.pick(&cloud, page.location(), "owner").await;
        let back = browser.open(&callback).await;
        assert_eq!(back.location(), expect, "{wanted}");
        // Signed in already, the callback comes again.
        let again = browser.open(&callback).await;
        assert_eq!(again.location(), expect, "{wanted}");
    }
}
