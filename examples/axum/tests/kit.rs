//! The guide "Test your app": a service with signed-in people, and a handler alone.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use axum::body::Body;
use axum::http::Request;
use axum::{Router, routing::get};
use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser};
use mastra_auth_local_cloud::{LocalCloud, Options};
use tower::ServiceExt as _;

#[tokio::test]
async fn a_member_sees_the_agents_until_the_session_ends() {
    let mut options = Options::default();
    options.port = 0; // any free port
    let cloud = LocalCloud::start(options).await.unwrap();
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .public_url("http://localhost:4111") // nothing listens there
        .fresh_for(std::time::Duration::ZERO); // asks the Cloud about each request
    let closed = AuthLayer::required(auth.build().unwrap());
    let app = Router::new().route("/agents", get(agents)).layer(closed);

    let member = cloud.control().sign_in_as("member").unwrap();
    for status in [200, 401] {
        let request = Request::get("/agents").header("cookie", member.cookie());
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap());
        assert_eq!(answer.await.unwrap().status(), status);
        cloud.control().end_session(&member.session_id);
    }
}

#[tokio::test]
async fn a_handler_alone_greets_its_user() {
    use mastra_auth_cloud::axum::testing::{TestUser, signed_in_as};

    let ada = TestUser::new("usr_ada").permission("agents:*");
    let ada = CurrentUser::for_test(ada).unwrap();
    let app = Router::new().route("/agents", get(agents));
    let app = app.layer(signed_in_as(ada));
    let request = Request::get("/agents").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
}

async fn agents(user: CurrentUser) -> String {
    format!("agents of {}", user.id())
}
