//! What the axum parts answer, to whom, with which headers.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]

mod common;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use common::{App, Browser, PEOPLE, Page, cloud, parameter, router};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, OptionalUser, routes};
use mastra_auth_cloud::core::cookie::Secure;
use mastra_auth_cloud::{Builder, Dialect, MastraCloudAuth, RoleMapping};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
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

async fn desk() -> (LocalCloud, App) {
    let cloud = cloud(Dialect::V1).await;
    let app = App::start(&cloud, Dialect::V1).await;
    (cloud, app)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

async fn ask(app: &App, path: &str, pairs: &[(&'static str, &str)]) -> Page {
    Browser::default()
        .send(Method::GET, &app.at(path), headers(pairs), &[])
        .await
}

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
    assert_eq!(page.status, 401);
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
            let members: Vec<_> = me.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(
                members,
                ["avatarUrl", "email", "id", "name", "permissions", "roles"],
                "and nothing else"
            );
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
        .route("/maybe", get(|_: OptionalUser| async { "in" }))
        .route(
            "/may",
            get(
                |_: mastra_auth_cloud::axum::RequirePermission<common::DeleteAgents>| async {
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
async fn threat_049_where_a_sign_in_comes_back_to_is_not_the_requests_to_say() {
    let (_cloud, app) = desk().await;
    let expect = format!("{}/auth/callback", app.url);
    for pairs in [
        [("host", "evil.example"), ("x-a", "b")],
        [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
        ],
        [
            ("x-mastra-public-host", "evil.example"),
            ("x-forwarded-port", "1"),
        ],
        [
            ("forwarded", "host=evil.example;proto=https"),
            ("x-forwarded-prefix", "/evil"),
        ],
        [
            ("x-forwarded-host", "a.example, b.example"),
            ("x-original-host", "evil.example"),
        ],
        [
            ("x-forwarded-host", "[::1"),
            ("origin", "https://evil.example"),
        ],
    ] {
        let page = ask(&app, "/auth/login", &pairs).await;
        assert_eq!(
            parameter(page.location(), "redirect_uri"),
            expect,
            "{pairs:?}"
        );
    }
}

#[tokio::test]
async fn threat_058_no_header_moves_a_redirect_elsewhere() {
    let (cloud, app) = desk().await;
    for name in [
        "host",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-original-url",
        "x-rewrite-url",
        "forwarded",
    ] {
        let page = ask(
            &app,
            "/agents",
            &[("sec-fetch-mode", "navigate"), (name, "/evil")],
        )
        .await;
        if name != "host" {
            assert_eq!(page.location(), "/auth/login?return_to=%2Fagents", "{name}");
        }
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "owner").await;
        let page = browser
            .send(
                Method::GET,
                &callback,
                headers(&[(name, "evil.example")]),
                &[],
            )
            .await;
        assert_eq!(page.location(), "/", "{name}");
        let page = browser
            .send(
                Method::POST,
                &app.at("/auth/logout"),
                headers(&[(name, "evil.example"), ("accept", "text/html")]),
                &[],
            )
            .await;
        assert_eq!(page.location(), "/", "{name}");
    }
}

#[tokio::test]
async fn threat_054_a_sign_in_comes_back_to_this_origin_only() {
    let (cloud, app) = desk().await;
    for (wanted, lands) in [
        ("/agents?a=1", "/agents?a=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/%5cevil.example", "/"),
        ("/%09/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("\\\\evil.example", "/"),
        ("/\n/evil.example", "/"),
    ] {
        let mut browser = Browser::default();
        let encoded: Vec<_> = wanted.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = encoded.concat();
        let login = browser.begin(&app.url, &encoded).await;
        let callback = browser.pick(&cloud, &login, "owner").await;
        assert_eq!(
            browser.open(&callback).await.location(),
            lands,
            "{wanted:?}"
        );
    }
}

/// An app that browsers reach over https, as behind a proxy that ends TLS.
fn behind_tls(options: Builder) -> Router {
    let auth = options
        .project_id("demo")
        .public_url("https://app.example.com")
        .build()
        .unwrap();
    router(&auth)
}

async fn set_cookie(router: Router, pairs: &[(&'static str, &str)]) -> Vec<String> {
    let mut request = axum::http::Request::get("/auth/login");
    for (name, value) in pairs {
        request = request.header(*name, *value);
    }
    let response = router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let cookies = response.headers().get_all("set-cookie").iter();
    cookies
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn threat_027_secure_follows_from_the_configuration() {
    // Whatever the hop before us says.
    for pairs in [
        &[][..],
        &[("x-forwarded-proto", "http")],
        &[("forwarded", "proto=http")],
        &[("host", "localhost")],
    ] {
        let cookies = set_cookie(behind_tls(MastraCloudAuth::builder()), pairs).await;
        assert!(
            cookies[0].starts_with("__Host-mastra_login_"),
            "{cookies:?}"
        );
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookies[0].contains(attribute), "{attribute} {cookies:?}");
        }
        assert!(!cookies[0].contains("Domain"));
    }
    let local = || {
        MastraCloudAuth::builder()
            .project_id("demo")
            .public_url("http://localhost:4111")
    };
    for pairs in [&[][..], &[("x-forwarded-proto", "https")]] {
        let cookies = set_cookie(router(&local().build().unwrap()), pairs).await;
        assert!(
            cookies[0].starts_with("mastra_login_") && !cookies[0].contains("Secure"),
            "{cookies:?}"
        );
    }
    let cookies = set_cookie(router(&local().secure(Secure::Yes).build().unwrap()), &[]).await;
    assert!(
        cookies[0].starts_with("__Host-mastra_login_") && cookies[0].contains("; Secure"),
        "{cookies:?}"
    );
    // Nothing said about where it is reached: Secure.
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .build()
        .unwrap();
    assert_eq!(auth.cookie_name(), "__Host-mastra_session");
}

#[tokio::test]
async fn threat_029_sign_ins_that_are_never_finished_do_not_pile_up() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    let mut tabs = Vec::new();
    let mut largest = 0;
    for _ in 0..1_000 {
        tabs.push(browser.begin(&app.url, "/").await);
        largest = largest.max(browser.cookie_header().len());
    }
    assert!(largest < 8 * 1024, "{largest} bytes of cookies");
    assert!(browser.jar.len() <= 4, "{:?}", browser.jar.keys());
    for login in tabs.iter().rev().take(4) {
        let callback = browser.pick(&cloud, login, "member").await;
        assert_eq!(browser.open(&callback).await.status, 303);
    }
    let callback = browser.pick(&cloud, &tabs[0], "member").await;
    assert_eq!(browser.open(&callback).await.code(), "login_cookie_missing");
}

#[tokio::test]
async fn threat_053_no_header_lets_anybody_in() {
    let (_cloud, app) = desk().await;
    for pairs in [
        [
            ("x-mastra-dev-playground", "true"),
            ("referer", "http://localhost:4111/"),
        ],
        [("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "127.0.0.1")],
        [("x-user-id", "usr_olivia"), ("x-roles", "owner")],
        [
            ("x-mastra-user", "{\"id\":\"usr_olivia\"}"),
            ("user-agent", "kube-probe/1.30"),
        ],
        [
            ("x-original-url", "/auth/me"),
            ("x-http-method-override", "OPTIONS"),
        ],
    ] {
        assert_eq!(ask(&app, "/agents", &pairs).await.status, 401, "{pairs:?}");
    }
}

#[test]
fn threat_112_a_local_cloud_serves_no_app_elsewhere() {
    let options = || {
        MastraCloudAuth::builder()
            .project_id("demo")
            .public_url("https://app.example.com")
    };
    for local in [
        "http://localhost:4300",
        "http://127.0.0.1:4300",
        "https://localhost:4300",
        "http://[::1]:4300",
    ] {
        let error = options().base_url(local).build().unwrap_err();
        assert_eq!(error.code(), "invalid_configuration", "{local}");
        assert!(error.message().starts_with("base_url: "), "{error}");
    }
    assert!(
        options()
            .base_url("https://cloud.example.com")
            .build()
            .is_ok()
    );
    assert!(
        options()
            .public_url("https://localhost:4111")
            .base_url("http://localhost:4300")
            .build()
            .is_ok()
    );
}

#[tokio::test]
async fn threat_095_a_broken_configuration_does_not_start_and_a_dead_cloud_lets_nobody_in() {
    for (name, options) in [
        ("project_id", MastraCloudAuth::builder()),
        ("project_id", MastraCloudAuth::builder().project_id("")),
        (
            "base_url",
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url("http://cloud.example.com"),
        ),
        (
            "base_url",
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url("not a url"),
        ),
        (
            "public_url",
            MastraCloudAuth::builder()
                .project_id("demo")
                .public_url("http://app.example.com"),
        ),
        (
            "public_url",
            MastraCloudAuth::builder()
                .project_id("demo")
                .public_url("https://app.example.com/path"),
        ),
        (
            "api_prefix",
            MastraCloudAuth::builder()
                .project_id("demo")
                .api_prefix("/a/../b"),
        ),
        (
            "login_path",
            MastraCloudAuth::builder()
                .project_id("demo")
                .login_path("/a?b"),
        ),
        (
            "cookie",
            MastraCloudAuth::builder()
                .project_id("demo")
                .cookie_name("a b"),
        ),
    ] {
        let error = options.build().unwrap_err();
        assert_eq!(error.code(), "invalid_configuration", "{name}");
        assert!(error.message().contains(name), "{name}: {error}");
    }
    assert!(
        routes(
            &MastraCloudAuth::builder()
                .project_id("demo")
                .build()
                .unwrap()
        )
        .is_err(),
        "no public URL"
    );
    let (cloud, app) = desk().await;
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    cloud.stop().await;
    let page = ask(
        &app,
        "/agents",
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (503, "unavailable")
    );
    assert_eq!(
        ask(&app, "/", &[("authorization", &format!("Bearer {token}"))])
            .await
            .status,
        503,
        "not even as nobody"
    );
}

#[tokio::test]
async fn threat_093_nothing_malformed_gets_in() {
    let (cloud, app) = desk().await;
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    let long = "a".repeat(9_000);
    let many = (0..5)
        .map(|n| format!("mastra_session=x{n}; "))
        .collect::<Vec<_>>()
        .concat();
    let wrong = [
        ("authorization", "Bearer".to_owned()),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", format!("Bearer {token} {token}")),
        ("authorization", format!("Bearer {token},")),
        ("authorization", format!("Bearer \"{token}\"")),
        ("authorization", format!("Basic {token}")),
        ("authorization", token.clone()),
        ("authorization", format!("Bearer {long}")),
        ("authorization", format!("Bearer {}\u{e9}", &token)),
        ("authorization", "Bearer ..".to_owned()),
        ("cookie", format!("xmastra_session={token}")),
        ("cookie", format!("mastra_session\u{a0}={token}")),
        ("cookie", format!("MASTRA_SESSION={token}")),
        ("cookie", format!("mastra_session=\"{token}\"")),
        ("cookie", format!("mastra_session=%{token}")),
        ("cookie", format!("$Version=1; mastra_session=\"{token}\"")),
        ("cookie", format!("mastra_session={long}")),
        ("cookie", "mastra_session".to_owned()),
        ("cookie", "=;=;;;==".to_owned()),
        ("cookie", many),
    ];
    for (name, value) in wrong {
        let page = ask(&app, "/agents", &[(name, &value)]).await;
        assert!(
            matches!(page.status.as_u16(), 400..=431),
            "{name}: {value}: {page:?}"
        );
        // A broken neighbour takes nothing from a good credential in the other place.
        let other = if name == "cookie" {
            ("authorization", format!("Bearer {token}"))
        } else {
            ("cookie", format!("mastra_session={token}"))
        };
        let page = ask(&app, "/agents", &[(name, &value), (other.0, &other.1)]).await;
        assert!(
            matches!(page.status.as_u16(), 200 | 400 | 401),
            "{name}: {value}: {page:?}"
        );
    }
    let two = [
        ("authorization", &*format!("Bearer {token}")),
        ("authorization", "Bearer x"),
    ];
    assert_eq!(
        ask(&app, "/agents", &two).await.status,
        401,
        "which of two counts cannot be said"
    );
}

#[tokio::test]
async fn threat_103_a_hostile_first_request_changes_nothing_for_the_next() {
    let (cloud, app) = desk().await;
    let _first = ask(
        &app,
        "/auth/login?return_to=//evil.example",
        &[
            ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-prefix", "/evil"),
            ("cookie", "mastra_login_0=x; mastra_session=x"),
        ],
    )
    .await;
    let mut browser = Browser::default();
    let page = browser.sign_in(&app, &cloud, "member").await;
    assert_eq!(page.location(), "/");
    assert_eq!(browser.me(&app).await, "usr_mei");
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
