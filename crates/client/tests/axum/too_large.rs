//! A token that does not fit into the cookie ends the sign-in on a page with both sizes.

use crate::common::{App, Browser, parameter, router};
use axum::routing::post;
use axum::{Json, Router};
use mastra_auth_cloud::MastraCloudAuth;
use serde_json::json;

const SIZE: usize = 6_000;

/// A Cloud that exchanges every code for a token of this size.
async fn written_cloud() -> String {
    let exchanged = || async {
        Json(json!({ "ok": true, "data": {
            "user": { "id": "usr_1" },
            "session": { "id": "ses_1", "user_id": "usr_1", "created_at": 1_700_000_000_000_i64, "expires_at": "9999-12-31T23:59:59Z" },
            "jwt": "t".repeat(SIZE),
        } }))
    };
    let app = Router::new().route("/api/v1/auth/callback", post(exchanged));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn threat_028_a_token_that_does_not_fit_ends_on_a_page_with_both_sizes() {
    let cloud = written_cloud().await;
    let app = App::built(
        |url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(&cloud)
                .public_url(url)
        },
        router,
    )
    .await;
    let mut browser = Browser::default();
    let page = browser.open(&app.at("/auth/login")).await;
    let state = parameter(page.location(), "state");
    let callback = app.at(&format!(
        "/auth/callback?code=code-1&state={}",
        state.replace('|', "%7C")
    ));
    let page = browser.open(&callback).await;
    assert_eq!(
        (page.status.as_u16(), &*page.code()),
        (502, "cookie_too_large")
    );
    assert!(
        page.body.contains(&format!("A token of {SIZE} bytes")),
        "{page:?}"
    );
    assert!(page.body.contains("has room for 4073"), "{page:?}");
    assert!(!page.body.contains("ttttt"), "{page:?}");
}
