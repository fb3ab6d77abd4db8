//! What the axum parts answer, to whom, with which headers.

use std::time::Duration;

use crate::common::{App, Browser, PEOPLE, Page, ask, cloud, desk, headers};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, RoleMapping};
use mastra_auth_local_cloud::{Fault, FaultKind};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tower::ServiceExt as _;

const HOUR: Duration = Duration::from_hours(1);

/// The codes that the outside may see on a route that is not part of a sign-in.
const OUTSIDE: [&str; 5] = [
    "not_signed_in",
    "invalid_token",
    "permission_denied",
    "cross_origin",
    "unavailable",
];

/// No cache may keep it, and none may mix up two people.
#[track_caller]
fn depends_on_the_session(page: &Page) {
    assert_eq!(page.headers["cache-control"], "no-store", "{page:?}");
    let varies = page
        .headers
        .get_all("vary")
        .iter()
        .any(|value| value == "Cookie");
    assert!(varies, "{page:?}");
}

#[tokio::test]
async fn threat_037_no_cache_keeps_what_depends_on_a_session() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    let mut pages = vec![browser.open(&app.at("/auth/login")).await];
    let login = pages[0].location().to_owned();
    let callback = browser.pick(&cloud, &login, "owner").await;
    pages.push(browser.open(&callback).await);
    pages.push(browser.open(&callback).await);
    pages.push(Browser::default().open(&callback).await);
    for path in ["/", "/agents", "/events", "/auth/me"] {
        pages.push(browser.fetch(&app.at(path)).await);
        pages.push(Browser::default().fetch(&app.at(path)).await);
        pages.push(Browser::default().open(&app.at(path)).await);
    }
    pages.push(
        browser
            .send(
                Method::POST,
                &app.at("/auth/logout"),
                headers(&[("origin", "https://evil.example")]),
                &[],
            )
            .await,
    );
    pages.push(browser.sign_out(&app).await);
    pages.push(browser.sign_out(&app).await);
    cloud.control().set_fault(Fault::new(FaultKind::Drop));
    pages.push(ask(&app, "/agents", &[("authorization", "Bearer new")]).await);
    pages.push(ask(&app, "/auth/me", &[("authorization", "Bearer new")]).await);
    pages.iter().for_each(depends_on_the_session);
    let seen: std::collections::BTreeSet<u16> =
        pages.iter().map(|page| page.status.as_u16()).collect();
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [200, 303, 400, 401, 403, 503],
        "every kind was there"
    );
}

#[tokio::test]
async fn api_clients_get_json_and_browsers_that_navigate_the_way_to_sign_in() {
    let (_cloud, app) = desk().await;
    let navigates = [("sec-fetch-mode", "navigate"), ("accept", "text/html,*/*")];
    let page = ask(&app, "/agents?a=1&b=%2F", &navigates).await;
    assert_eq!(
        (page.status.as_u16(), page.location()),
        (303, "/auth/login?return_to=%2Fagents%3Fa%3D1%26b%3D%252F")
    );
    // An older browser says what it accepts, and no more.
    assert_eq!(
        ask(&app, "/agents", &[("accept", "text/html")])
            .await
            .status,
        303
    );
    for pairs in [
        &[][..],
        &[("accept", "application/json")],
        &[("accept", "*/*")],
        // A script in a page: to send it to another origin would only fail there.
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
        &[("x-requested-with", "XMLHttpRequest")],
    ] {
        let page = ask(&app, "/agents", pairs).await;
        assert_eq!(
            (page.status.as_u16(), page.code().as_str()),
            (401, "not_signed_in"),
            "{pairs:?}"
        );
        assert_eq!(page.headers["www-authenticate"], "Bearer");
        assert_eq!(page.headers["content-type"], "application/json");
    }
    let page = ask(
        &app,
        "/agents",
        &[("authorization", "Bearer no-such-token")],
    )
    .await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (401, "invalid_token")
    );
    assert_eq!(
        page.headers["www-authenticate"],
        "Bearer error=\"invalid_token\""
    );
    // What changes something is never answered with a redirect.
    let page = Browser::default()
        .send(
            Method::DELETE,
            &app.at("/agents/demo"),
            headers(&navigates),
            &[],
        )
        .await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (401, "not_signed_in")
    );
    assert_eq!(page.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn each_role_may_do_what_it_may() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        for (person, id) in PEOPLE {
            let mut browser = Browser::default();
            browser.sign_in(&app, &cloud, person).await;
            assert_eq!(browser.fetch(&app.at("/agents")).await.body, id);
            assert_eq!(browser.fetch(&app.at("/")).await.body, id);
            let page = browser
                .send(
                    Method::DELETE,
                    &app.at("/agents/demo"),
                    HeaderMap::new(),
                    &[],
                )
                .await;
            if person == "owner" {
                assert_eq!(
                    (page.status.as_u16(), page.body.as_str()),
                    (200, "deleted"),
                    "{dialect:?}"
                );
            } else {
                assert_eq!(
                    (page.status.as_u16(), page.code().as_str()),
                    (403, "permission_denied"),
                    "{person}"
                );
            }
            let me = browser.fetch(&app.at("/auth/me")).await.json();
            assert_eq!(
                (&me["id"], &me["roles"]),
                (&id.into(), &serde_json::json!([person]))
            );
        }
    }
}

#[tokio::test]
async fn permissions_that_cannot_be_found_out_are_503_and_not_403() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "owner").await;
    cloud
        .control()
        .set_fault(Fault::new(FaultKind::Status { status: 500 }).on("permissions"));
    let page = browser
        .send(
            Method::DELETE,
            &app.at("/agents/demo"),
            HeaderMap::new(),
            &[],
        )
        .await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (503, "unavailable")
    );
    assert!(page.cookies().is_empty());
    cloud.control().clear_faults();
    let page = browser
        .send(
            Method::DELETE,
            &app.at("/agents/demo"),
            HeaderMap::new(),
            &[],
        )
        .await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn threat_052_no_route_under_the_layer_is_open() {
    let (cloud, app) = desk().await;
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    for (method, path) in [
        (Method::GET, "/agents"),
        (Method::DELETE, "/agents/demo"),
        (Method::GET, "/events"),
    ] {
        let page = Browser::default()
            .send(method.clone(), &app.at(path), HeaderMap::new(), &[])
            .await;
        assert_eq!(page.status, 401, "{method} {path}");
        for other in [
            Method::HEAD,
            Method::OPTIONS,
            Method::POST,
            Method::PUT,
            Method::PATCH,
        ] {
            let page = Browser::default()
                .send(other.clone(), &app.at(path), HeaderMap::new(), &[])
                .await;
            assert!(
                matches!(page.status.as_u16(), 401 | 405),
                "{other} {path}: {page:?}"
            );
        }
        for spelling in [
            "/{}", "{}/", "{}/.", "{}?x", "{};x", "{}%2f", "{}%00", "/%2e{}", "/x/..{}",
        ] {
            let page = ask(&app, &spelling.replace("{}", path), &[]).await;
            assert!(
                matches!(page.status.as_u16(), 400..=405),
                "{spelling}: {page:?}"
            );
        }
    }
    let page = ask(
        &app,
        "/agents",
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn threat_052_a_route_that_forgot_its_layer_is_closed() {
    let (_cloud, app) = desk().await;
    let bare = Router::<()>::new()
        .route("/user", get(|_: CurrentUser| async { "in" }))
        .route("/maybe", get(|_: Option<CurrentUser>| async { "in" }))
        .route(
            "/may",
            get(
                |_: mastra_auth_cloud::axum::RequirePermission<crate::common::DeleteAgents>| async {
                    "in"
                },
            ),
        );
    let _ = &app;
    for path in ["/user", "/maybe", "/may"] {
        let request = axum::http::Request::get(path).body(Body::empty()).unwrap();
        let response = bare.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500, "{path}");
    }
}

#[tokio::test]
async fn threat_068_streams_and_upgrades_are_asked_too() {
    let (cloud, app) = desk().await;
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for path in ["/events", "/agents"] {
        assert_eq!(ask(&app, path, &upgrade).await.status, 401, "{path}");
    }
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "viewer").await;
    let page = browser.fetch(&app.at("/events")).await;
    assert_eq!(
        (page.status.as_u16(), page.body.as_str()),
        (200, "data: hello\n\n")
    );
    let old = browser.clone();
    browser.sign_out(&app).await;
    assert_eq!(
        old.clone().fetch(&app.at("/events")).await.status,
        401,
        "a reconnect is asked again"
    );
}

#[tokio::test]
async fn threat_106_no_endpoint_shows_the_token() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "owner").await;
    let token = browser.session().unwrap().to_owned();
    let mut said = String::new();
    for path in ["/", "/agents", "/events", "/auth/me"] {
        said += &format!("{:?}", browser.fetch(&app.at(path)).await);
    }
    let cookie = headers(&[("cookie", &format!("mastra_session={token}"))]);
    let answer = app.auth.authenticate(&cookie).await;
    said += &format!("{answer:?} {:?}", app.auth);
    for segment in token.split('.') {
        assert!(!said.contains(segment));
    }
}

#[tokio::test]
async fn threat_108_the_outside_is_told_one_of_five_codes() {
    let (cloud, app) = desk().await;
    let viewer = cloud.control().sign_in("viewer", HOUR).unwrap();
    let ended = cloud.control().sign_in("admin", HOUR).unwrap();
    cloud.control().end_sessions_of("usr_anders");
    let expired = cloud.control().sign_in("member", Duration::ZERO).unwrap();
    let mut seen = Vec::new();
    for token in [
        String::new(),
        ended,
        expired,
        "junk".into(),
        "a.b.c".into(),
        "{}".into(),
    ] {
        seen.push(
            ask(
                &app,
                "/agents",
                &[("authorization", &format!("Bearer {token}"))],
            )
            .await
            .code(),
        );
    }
    let bearer = headers(&[("authorization", &format!("Bearer {viewer}"))]);
    seen.push(
        Browser::default()
            .send(Method::DELETE, &app.at("/agents/demo"), bearer, &[])
            .await
            .code(),
    );
    let foreign = headers(&[("origin", "null")]);
    seen.push(
        Browser::default()
            .send(Method::POST, &app.at("/auth/logout"), foreign, &[])
            .await
            .code(),
    );
    for kind in [
        FaultKind::Status { status: 500 },
        FaultKind::Html,
        FaultKind::EchoSecret,
        FaultKind::WrongTypes,
    ] {
        cloud.control().clear_faults();
        cloud.control().set_fault(Fault::new(kind));
        seen.push(
            ask(&app, "/agents", &[("authorization", "Bearer another")])
                .await
                .code(),
        );
    }
    let unknown: Vec<_> = seen
        .iter()
        .filter(|code| !OUTSIDE.contains(&code.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(
        OUTSIDE
            .iter()
            .all(|code| seen.iter().any(|one| one == code)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_layer_under_a_nested_router_sends_back_to_the_whole_path() {
    let (_cloud, app) = desk().await;
    let inner = Router::new()
        .route("/agents", get(|| async { "in" }))
        .layer(AuthLayer::required(app.auth.clone()));
    let outer = Router::<()>::new().nest("/team/blue", inner);
    let request = axum::http::Request::get("/team/blue/agents?x=1").header("accept", "text/html");
    let response = outer
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(
        response.headers()["location"],
        "/auth/login?return_to=%2Fteam%2Fblue%2Fagents%3Fx%3D1"
    );
}

#[tokio::test]
async fn a_role_mapping_takes_the_place_of_the_clouds_permissions() {
    let cloud = cloud(Dialect::V1).await;
    let mapping =
        RoleMapping::from_json(r#"{"viewer": ["agents:delete"], "_default": ["agents:read"]}"#)
            .unwrap();
    let app = App::with(|url| {
        MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(url)
            .role_mapping(mapping)
    })
    .await;
    for (person, expect) in [("viewer", "agents:delete"), ("owner", "agents:read")] {
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, person).await;
        assert_eq!(
            browser.fetch(&app.at("/auth/me")).await.json()["permissions"],
            serde_json::json!([expect])
        );
    }
    assert_eq!(cloud.requests("permissions"), 0);
}
