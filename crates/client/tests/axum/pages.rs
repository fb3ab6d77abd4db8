//! What browsers are shown where they cannot go on, and that signing in is offered only where it helps.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::{App, Browser, DeleteAgents, Page, ask, cloud, desk, headers};
use axum::Router;
use axum::body::Body;
use axum::response::Html;
use axum::routing::{get, post};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, RequirePermission, routes};
use mastra_auth_cloud::{AuthBuilder, Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::Method;
use tower::ServiceExt as _;

const NAVIGATES: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];
const HOUR: Duration = Duration::from_hours(1);

#[track_caller]
fn is_page(page: &Page, status: u16, code: &str) {
    assert_eq!((page.status.as_u16(), &*page.code()), (status, code));
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(page.body.contains("reference <code>"), "{page:?}");
}

/// A cookie header with the real session and more of its name than are tried.
fn crowded(browser: &Browser) -> String {
    let held = browser.cookie_header();
    let pairs = held.split("; ").filter_map(|pair| pair.split_once('='));
    let mut names = pairs.map(|(name, _)| name);
    let name = names.find(|name| name.contains("mastra_session")).unwrap();
    let junk: Vec<_> = (0..4).map(|n| format!("{name}=x{n}")).collect();
    format!("{}; {held}", junk.join("; "))
}

#[tokio::test]
async fn too_many_cookies_get_a_page_and_never_the_way_to_sign_in() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "owner").await;
    let many = crowded(&browser);
    let large = format!("{}; pad={}", browser.cookie_header(), "x".repeat(17_000));
    for (cookie, code) in [
        (&many, "too_many_cookies"),
        (&large, "cookie_header_too_large"),
    ] {
        let navigates = [NAVIGATES[0], NAVIGATES[1], ("cookie", &**cookie)];
        for path in ["/agents", "/auth/me"] {
            let page = ask(&app, path, &navigates).await;
            is_page(&page, 400, code);
            assert!(page.body.contains("Clear the cookies"), "{page:?}");
            let told = ask(&app, path, &[("cookie", cookie)]).await;
            assert_eq!((told.status.as_u16(), &*told.code()), (400, code));
            assert_eq!(told.headers["content-type"], "application/json");
        }
        assert_eq!(ask(&app, "/", &navigates).await.body, "nobody");
    }
}

#[tokio::test]
async fn a_sign_in_among_too_many_cookies_ends_on_its_page() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    let callback = browser.almost(&app, &cloud, "owner").await;
    let junk: Vec<_> = (0..5).map(|n| format!("mastra_session=x{n}")).collect();
    let cookie = format!("{}; {}", junk.join("; "), browser.cookie_header());
    let pairs = headers(&[NAVIGATES[0], NAVIGATES[1], ("cookie", &cookie)]);
    let page = Browser::default()
        .send(Method::GET, &callback, pairs, &[])
        .await;
    is_page(&page, 400, "too_many_cookies");
    assert_eq!(cloud.requests("callback"), 0, "no code is spent for it");
}

#[tokio::test]
async fn an_account_that_the_cloud_refuses_is_not_sent_to_sign_in() {
    let (cloud, app) = desk().await;
    let token = cloud.control().sign_in("viewer", HOUR).unwrap();
    cloud
        .control()
        .set_fault(Fault::new(FaultKind::Status { status: 403 }).on("verify"));
    let cookie = format!("mastra_session={token}");
    let pairs = [NAVIGATES[0], NAVIGATES[1], ("cookie", &*cookie)];
    let page = ask(&app, "/agents", &pairs).await;
    is_page(&page, 403, "account_refused");
    assert!(page.body.contains("Sign in with another account"));
    assert_eq!(
        ask(&app, "/agents", &pairs[2..]).await.code(),
        "account_refused"
    );
}

#[tokio::test]
async fn a_missing_permission_and_an_outage_are_pages_for_browsers() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, |auth| {
        let by_type = get(|_: RequirePermission<DeleteAgents>| async { "in" });
        let by_layer = get(|| async { "in" }).layer(auth.require("agents:delete").unwrap());
        Router::new()
            .route("/by-type", by_type)
            .route("/by-layer", by_layer)
            .layer(AuthLayer::required(auth.clone()))
            .merge(routes(auth).unwrap())
    })
    .await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "viewer").await;
    for path in ["/by-type", "/by-layer"] {
        is_page(&browser.open(&app.at(path)).await, 403, "permission_denied");
        let told = browser.fetch(&app.at(path)).await;
        assert_eq!(
            (told.status.as_u16(), &*told.code()),
            (403, "permission_denied")
        );
        assert_eq!(told.headers["content-type"], "application/json");
    }
    cloud.control().set_fault(Fault::new(FaultKind::Drop));
    let bearer = ("authorization", "Bearer new");
    let page = ask(&app, "/by-type", &[NAVIGATES[0], NAVIGATES[1], bearer]).await;
    is_page(&page, 503, "unavailable");
    assert_eq!(page.headers["retry-after"], "5");
    assert!(page.body.contains("<a href=\"\">Try again</a>"));
}

#[tokio::test]
async fn a_route_without_a_layer_is_a_page_for_browsers() {
    let bare = Router::<()>::new().route("/user", get(|_: CurrentUser| async { "in" }));
    let request = axum::http::Request::get("/user").header("accept", "text/html");
    let response = bare
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
}

#[tokio::test]
async fn a_layer_around_the_sign_in_routes_or_without_any_goes_round_in_no_circle() {
    let cloud = cloud(Dialect::V1).await;
    for has_routes in [true, false] {
        let app = App::serving(&cloud, |auth| {
            let mut app = Router::new().route("/agents", get(|| async { "in" }));
            if has_routes {
                app = app.merge(routes(auth).unwrap());
            }
            app.layer(AuthLayer::required(auth.clone()))
        })
        .await;
        let page = ask(&app, "/agents", &NAVIGATES).await;
        assert_eq!(page.location(), "/auth/login?return_to=%2Fagents");
        let page = ask(&app, page.location(), &NAVIGATES).await;
        is_page(&page, 500, "invalid_configuration");
    }
}

#[tokio::test]
async fn an_extractor_under_an_optional_layer_sends_browsers_to_sign_in() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, |auth| {
        Router::new()
            .route("/mine", get(|_: CurrentUser| async { "in" }))
            .route("/send", post(|_: CurrentUser| async { "in" }))
            .layer(AuthLayer::optional(auth.clone()))
    })
    .await;
    let page = ask(&app, "/mine?a=1", &NAVIGATES).await;
    assert_eq!(
        (page.status.as_u16(), page.location()),
        (303, "/auth/login?return_to=%2Fmine%3Fa%3D1")
    );
    assert_eq!(ask(&app, "/mine", &[]).await.code(), "not_signed_in");
    let refused = ask(&app, "/mine", &[("authorization", "Bearer junk")]).await;
    assert_eq!(refused.code(), "invalid_token");
    let page = Browser::default()
        .send(Method::POST, &app.at("/send"), headers(&NAVIGATES), &[])
        .await;
    is_page(&page, 401, "not_signed_in");
    assert!(page.body.contains("href=\"/auth/login\""), "{page:?}");
}

/// A deployment that writes its own pages.
async fn branded(cloud: &LocalCloud) -> App {
    App::with(|url| {
        own_pages(
            MastraCloudAuth::builder()
                .base_url(cloud.url())
                .public_url(url),
        )
    })
    .await
}

fn own_pages(options: AuthBuilder) -> AuthBuilder {
    options.project_id("demo").error_page(|error, headers| {
        let language = headers["accept-language"].to_str().unwrap_or_default();
        Html(format!(
            "Own page in {language}: <code>{}</code> {} {}",
            error.code, error.reference, error.href
        ))
    })
}

#[tokio::test]
async fn a_deployment_writes_its_own_error_pages() {
    let cloud = cloud(Dialect::V1).await;
    let app = branded(&cloud).await;
    let navigates = [NAVIGATES[0], NAVIGATES[1], ("accept-language", "de")];
    cloud.control().set_fault(Fault::new(FaultKind::Drop));
    let away = [
        navigates[0],
        navigates[1],
        navigates[2],
        ("authorization", "Bearer new"),
    ];
    let page = ask(&app, "/agents", &away).await;
    assert!(
        page.body.starts_with("Own page in de: <code>unavailable"),
        "{page:?}"
    );
    assert_eq!(page.status, 503, "the status is not the page's to choose");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["retry-after"], "5");
    let page = ask(&app, "/auth/callback?state=x", &navigates).await;
    assert_eq!(
        (page.status.as_u16(), &*page.code()),
        (400, "login_cookie_missing")
    );
    assert!(page.body.starts_with("Own page in de"), "{page:?}");
    assert_eq!(page.headers["cache-control"], "no-store");
    // Programs get what they got.
    assert_eq!(ask(&app, "/agents", &[]).await.code(), "not_signed_in");
}

#[tokio::test]
async fn every_answer_of_ours_tells_browsers_to_load_frame_and_guess_nothing() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    let mut answers = vec![browser.open(&app.at("/auth/login")).await];
    let login = answers[0].location().to_owned();
    let callback = browser.pick(&cloud, &login, "viewer").await;
    answers.push(Browser::default().open(&callback).await);
    answers.push(browser.open(&callback).await);
    for path in [
        "/auth/me",
        "/auth/check",
        "/auth/check?permission=agents:delete",
        "/agents",
    ] {
        answers.push(Browser::default().fetch(&app.at(path)).await);
        if path != "/agents" {
            answers.push(browser.fetch(&app.at(path)).await);
        }
    }
    answers.push(Browser::default().open(&app.at("/agents")).await);
    answers.push(ask(&app, "/auth/login", &[("sec-purpose", "prefetch")]).await);
    let logout = app.at("/auth/logout");
    let foreign = headers(&[("origin", "https://evil.example")]);
    answers.push(browser.send(Method::POST, &logout, foreign, &[]).await);
    answers.push(browser.sign_out(&app).await);
    for answer in &answers {
        let text = |name| answer.headers[name].to_str().unwrap();
        let policy = text("content-security-policy");
        for part in [
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{answer:?}");
        }
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert_eq!(text("referrer-policy"), "no-referrer");
        let opens = |name: &str| name.starts_with("access-control-");
        assert!(
            !answer.headers.keys().any(|name| opens(name.as_str())),
            "{answer:?}"
        );
    }
    let seen: BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    let seen: Vec<_> = seen.into_iter().collect();
    assert_eq!(seen, [200, 303, 400, 401, 403, 503], "every kind was there");
}
