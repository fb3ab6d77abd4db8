//! What the axum parts do not let through: foreign addresses, hostile headers, broken credentials, bad configurations.

use std::time::Duration;

use crate::common::{Browser, ask, desk, headers, parameter, router};
use axum::Router;
use axum::body::Body;
use mastra_auth_cloud::axum::routes;
use mastra_auth_cloud::{AuthBuilder, MastraCloudAuth, Secure};
use reqwest::Method;
use tower::ServiceExt as _;

const HOUR: Duration = Duration::from_hours(1);

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
        let mut page = ask(&app, "/auth/login", &pairs).await;
        // Whatever the host is said to be, the browser is sent to the public URL at most, and once.
        let sent = app.at("/auth/login?at=public-url");
        if page.location() == sent {
            page = ask(&app, "/auth/login?at=public-url", &pairs).await;
        }
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
fn behind_tls(options: AuthBuilder) -> Router {
    let auth = options
        .project_id("demo")
        .public_url("https://app.example.com")
        .build()
        .unwrap();
    router(&auth)
}

async fn set_cookie(router: Router, pairs: &[(&'static str, &str)]) -> Vec<String> {
    let mut request = axum::http::Request::get("/auth/login?at=public-url");
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
    assert!(browser.jar.names().len() <= 8, "{:?}", browser.jar.names());
    let callback = browser.pick(&cloud, &tabs[0], "member").await;
    assert_eq!(browser.open(&callback).await.code(), "state_mismatch");
    for login in tabs.iter().rev().take(8) {
        let callback = browser.pick(&cloud, login, "member").await;
        assert_eq!(browser.open(&callback).await.status, 303);
    }
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
    // In a test of a production build it does, and the real Cloud does not.
    let test = || options().local_cloud_for_tests(true);
    for local in ["http://localhost:4300", "http://cloud:4300"] {
        assert!(test().base_url(local).build().is_ok(), "{local}");
    }
    let default = test().build();
    for real in [
        default,
        test().base_url("https://cloud.mastra.ai").build(),
        test().base_url("https://localhost:4300").build(),
        test().base_url("http://cloud.example.com").build(),
    ] {
        let error = real.unwrap_err();
        assert_eq!(error.code(), "invalid_configuration");
        let option = "local_cloud_for_tests: ";
        assert!(error.message().starts_with(option), "{error}");
    }
    assert!(options().base_url("http://cloud:4300").build().is_err());
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
                .public_url("https://app.example.com/path?query"),
        ),
        (
            "api_prefix",
            MastraCloudAuth::builder()
                .project_id("demo")
                .api_prefix("/a/../b"),
        ),
        (
            "auth_path",
            MastraCloudAuth::builder()
                .project_id("demo")
                .auth_path("/a?b"),
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
        routes::<()>(
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
