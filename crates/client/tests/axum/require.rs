//! A permission as a layer, and preflights.

use std::time::Duration;

use crate::common::{App, Browser, ask, cloud, headers};
use axum::Router;
use axum::http::HeaderValue;
use axum::routing::{any, delete, get};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::{Fault, FaultKind};
use reqwest::Method;
use tower_http::cors::{AllowOrigin, CorsLayer};

const HOUR: Duration = Duration::from_hours(1);

fn agents(auth: &MastraCloudAuth) -> Router {
    let route = delete(|user: CurrentUser| async move { user.id().as_str().to_owned() });
    Router::new()
        .route("/agents", get(|| async { "agents" }))
        .route(
            "/agents/demo",
            route.layer(auth.require("agents:delete").unwrap()),
        )
        .layer(
            AuthLayer::required(auth.clone())
                .require("agents:read")
                .unwrap(),
        )
        .merge(routes(auth).unwrap())
}

#[tokio::test]
async fn a_permission_closes_a_router_or_one_route() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, agents).await;
    for (person, deleted) in [("owner", (200, "")), ("viewer", (403, "permission_denied"))] {
        let token = cloud.control().sign_in(person, HOUR).unwrap();
        let bearer = format!("Bearer {token}");
        let bearer = [("authorization", &*bearer)];
        // The second time it is known.
        for _ in 0..2 {
            assert_eq!(ask(&app, "/agents", &bearer).await.body, "agents");
            let page = Browser::default()
                .send(
                    Method::DELETE,
                    &app.at("/agents/demo"),
                    headers(&bearer),
                    &[],
                )
                .await;
            assert_eq!(page.status, deleted.0, "{person}");
            if !deleted.1.is_empty() {
                assert_eq!(page.code(), deleted.1);
            }
        }
    }
    assert_eq!(
        cloud.requests("verify"),
        2,
        "a layer below another asks nobody again"
    );
}

#[tokio::test]
async fn a_required_permission_keeps_the_four_answers_apart() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, agents).await;
    assert_eq!(ask(&app, "/agents", &[]).await.code(), "not_signed_in");
    let junk = ask(&app, "/agents", &[("authorization", "Bearer junk")]).await;
    assert_eq!(
        (junk.status.as_u16(), &*junk.code()),
        (401, "invalid_token")
    );
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    cloud
        .control()
        .set_fault(Fault::new(FaultKind::Status { status: 500 }).on("permissions"));
    let bearer = format!("Bearer {token}");
    let page = ask(&app, "/agents", &[("authorization", &bearer)]).await;
    assert_eq!((page.status.as_u16(), &*page.code()), (503, "unavailable"));
}

#[tokio::test]
async fn a_layer_below_another_takes_over_what_that_one_found() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::built(
        |url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
                .fresh_for(Duration::ZERO)
        },
        agents,
    )
    .await;
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    let bearer = format!("Bearer {token}");
    let pairs = headers(&[("authorization", &bearer)]);
    let url = app.at("/agents/demo");
    let page = Browser::default()
        .send(Method::DELETE, &url, pairs, &[])
        .await;
    assert_eq!((page.status.as_u16(), &*page.body), (200, "usr_olivia"));
    assert_eq!(cloud.requests("verify"), 1, "though nothing is kept");
}

#[test]
fn a_permission_that_could_never_be_granted_is_not_taken() {
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .build()
        .unwrap();
    for text in ["", "agents", "agents:", ":read", "agents: read", "a::b"] {
        let error = auth.require(text).unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{text:?}");
    }
}

fn preflight() -> [(&'static str, &'static str); 3] {
    [
        ("origin", "https://ui.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ]
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::exact(HeaderValue::from_static(
            "https://ui.example",
        )))
        .allow_methods([axum::http::Method::GET])
        .allow_headers([axum::http::header::AUTHORIZATION])
        .allow_credentials(true)
}

#[tokio::test]
async fn preflights_are_answered_whichever_way_the_layers_stand() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, |auth| {
        let auth = || AuthLayer::required(auth.clone());
        let route = |path: &str| Router::new().route(path, get(|| async { "in" }));
        let inside = route("/inside").layer(cors()).layer(auth());
        let outside = route("/outside").layer(auth()).layer(cors());
        let permission = route("/permission")
            .layer(cors())
            .layer(auth().require("agents:read").unwrap());
        inside.merge(outside).merge(permission)
    })
    .await;
    let mut browser = Browser::default();
    for path in ["/inside", "/outside", "/permission"] {
        let page = browser
            .send(Method::OPTIONS, &app.at(path), headers(&preflight()), &[])
            .await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        assert_eq!(
            page.headers["access-control-allow-origin"],
            "https://ui.example"
        );
        // The request itself has to say who it is, and the page may read the answer where CORS goes around.
        let page = ask(&app, path, &[("origin", "https://ui.example")]).await;
        assert_eq!(page.code(), "not_signed_in", "{path}");
        let readable = page.headers.contains_key("access-control-allow-origin");
        assert_eq!(readable, path == "/outside", "{path}");
    }
}

#[tokio::test]
async fn threat_052_nothing_but_a_bare_preflight_passes() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, |auth| {
        let who = any(|user: Option<CurrentUser>| async move {
            user.map_or_else(|| "nobody".to_owned(), |user| user.id().as_str().to_owned())
        });
        let closed = any(|_: CurrentUser| async { "in" });
        Router::new()
            .route("/any", who)
            .route("/closed", closed)
            .layer(AuthLayer::required(auth.clone()))
    })
    .await;
    let [origin, method, _] = preflight();
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    let cookie = format!("mastra_session={token}");
    let send = async |path: &str, pairs: &[(&'static str, &str)], form: &[(&str, &str)]| {
        Browser::default()
            .send(Method::OPTIONS, &app.at(path), headers(pairs), form)
            .await
    };
    let page = send("/any", &[origin, method], &[]).await;
    assert_eq!((page.status.as_u16(), &*page.body), (200, "nobody"));
    assert_eq!(send("/closed", &[origin, method], &[]).await.status, 401);
    for (pairs, form) in [
        (&[origin][..], &[][..]),
        (&[method], &[]),
        (&[origin, method, ("cookie", "a=b")], &[]),
        (&[origin, method, ("authorization", "Bearer junk")], &[]),
        (&[origin, method], &[("a", "b")]),
    ] {
        let page = send("/any", pairs, form).await;
        assert_eq!(page.status, 401, "{pairs:?}: {page:?}");
    }
    let own = send("/any", &[origin, method, ("cookie", &cookie)], &[]).await;
    assert_eq!(
        own.body, "usr_olivia",
        "one with a credential is as any other"
    );
}
