//! The feature `testing`: users without a Cloud, in front of the real extractors.
#![cfg(feature = "testing")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_cloud::axum::testing::{TestUser, signed_in_as};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, Permission, RequirePermission};
use tower::ServiceExt as _;

struct ReadAgents;
impl Permission for ReadAgents {
    const NAME: &'static str = "agents:read";
}

fn app() -> Router {
    let me = |user: Option<CurrentUser>| async move {
        user.map_or_else(String::new, |user| {
            let name = user.name().unwrap_or_default();
            format!("{} {name} {} {:?}", user.id(), user.email(), user.roles())
        })
    };
    Router::new().route("/me", get(me)).route(
        "/read",
        get(async |_: RequirePermission<ReadAgents>| "read"),
    )
}

async fn ask(app: Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_handler_sees_the_user_it_is_given() {
    let ada = TestUser::new("usr_ada")
        .name("Ada")
        .email("ada@example.com")
        .role("admin");
    let bob = TestUser::new("usr_bob");
    let [ada, bob] = [ada, bob].map(|user| CurrentUser::for_test(user).unwrap());
    assert_eq!(ada.identity().session_id().unwrap().as_str(), "ses_test");
    for (user, seen) in [
        (ada, "usr_ada Ada ada@example.com [\"admin\"]"),
        (bob, "usr_bob   []"),
    ] {
        let (status, body) = ask(app().layer(signed_in_as(user)), "/me").await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, seen));
    }
}

#[tokio::test]
async fn permissions_come_from_the_user_or_from_the_default_roles() {
    let user = || TestUser::new("usr_ada");
    for (user, status) in [
        (user(), StatusCode::FORBIDDEN),
        (user().role("viewer"), StatusCode::OK),
        (user().permission("agents:*"), StatusCode::OK),
        (user().permission("news:read"), StatusCode::FORBIDDEN),
        // Its own permissions stand in the place of its role's.
        (
            user().role("owner").permission("news:read"),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let app = app().layer(signed_in_as(CurrentUser::for_test(user.clone()).unwrap()));
        assert_eq!(ask(app, "/read").await.0, status, "{user:?}");
    }
}

#[tokio::test]
async fn a_layer_of_the_service_still_asks_for_a_credential() {
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .build()
        .unwrap();
    let ada = CurrentUser::for_test(TestUser::new("usr_ada")).unwrap();
    let app = app()
        .layer(AuthLayer::required(auth))
        .layer(signed_in_as(ada));
    assert_eq!(ask(app, "/me").await.0, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_user_that_no_cloud_gives_is_an_error() {
    for user in [
        TestUser::new(""),
        TestUser::new("usr_ada").permission("agents"),
        TestUser::new("usr_ada").role("").permission("agents:read"),
    ] {
        assert!(CurrentUser::for_test(user.clone()).is_err(), "{user:?}");
    }
}
