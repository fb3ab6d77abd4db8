//! Where the app stands: below a path, at routes of its own choice, and under other names than its own.

use crate::common::{App, Browser, ask, cloud, headers, parameter};
use axum::Router;
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, RoutePaths, routes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use reqwest::Method;

const NAVIGATES: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];

fn app(auth: &MastraCloudAuth) -> Router {
    let who = |user: CurrentUser| async move { user.id().as_str().to_owned() };
    Router::new()
        .route("/", get(who))
        .route("/agents", get(who))
        .layer(AuthLayer::required(auth.clone()))
        .merge(routes(auth).unwrap())
}

#[tokio::test]
async fn an_app_below_a_path_signs_in_and_out_there() {
    let cloud = cloud(Dialect::V1).await;
    // Nested here, or behind a proxy that takes the path away.
    for strips in [false, true] {
        let app = App::built(
            |url| {
                MastraCloudAuth::builder()
                    .project_id("demo")
                    .base_url(cloud.url())
                    .public_url(format!("{url}/app"))
            },
            |auth| {
                let app = app(auth);
                if strips {
                    Router::new().nest_service("/app", axum_stripped(app))
                } else {
                    Router::new().nest("/app", app)
                }
            },
        )
        .await;
        let mut browser = Browser::default();
        let page = browser.open(&app.at("/app/agents?a=1")).await;
        assert_eq!(
            page.location(),
            "/app/auth/login?return_to=%2Fapp%2Fagents%3Fa%3D1"
        );
        let page = browser.open(&app.at(page.location())).await;
        assert_eq!(
            parameter(page.location(), "redirect_uri"),
            app.at("/app/auth/callback")
        );
        let cookies = page.cookies().join("\n");
        assert!(cookies.contains("; Path=/app"), "{cookies}");
        let callback = browser.pick(&cloud, page.location(), "member").await;
        let page = browser.open(&callback).await;
        assert_eq!(page.location(), "/app/agents?a=1", "strips: {strips}");
        for cookie in page.cookies() {
            assert!(cookie.contains("; Path=/app"), "{cookie}");
        }
        assert_eq!(browser.open(&app.at("/app/agents")).await.body, "usr_mei");
        let page = browser.submit(&app.at("/app/auth/logout"), &[]).await;
        assert_eq!(page.location(), "/app");
        assert!(page.cookies().join("\n").contains("; Path=/app"));
        assert_eq!(browser.session(), None);
    }
}

/// What a proxy hands on that takes the path away: nothing tells that there was one.
fn axum_stripped(app: Router) -> Router {
    use axum::extract::{OriginalUri, Request};
    use axum::middleware::{Next, from_fn};
    app.layer(from_fn(|mut request: Request, next: Next| {
        request.extensions_mut().remove::<OriginalUri>();
        next.run(request)
    }))
}

#[tokio::test]
async fn a_return_path_stays_below_the_apps_own() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::built(
        |url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(format!("{url}/app"))
        },
        |auth| Router::new().nest("/app", app(auth)),
    )
    .await;
    for (wanted, lands) in [
        ("/agents", "/app/agents"),
        ("/app/agents", "/app/agents"),
        ("/", "/app"),
        ("//evil.example", "/app"),
        ("/app/../other", "/app/other"),
        ("/appetite", "/app/appetite"),
    ] {
        let mut browser = Browser::default();
        let login = browser.begin(&app.at("/app"), wanted).await;
        let callback = browser.pick(&cloud, &login, "owner").await;
        assert_eq!(browser.open(&callback).await.location(), lands, "{wanted}");
    }
}

#[test]
fn two_apps_below_two_paths_share_no_cookie() {
    let below = |path: &str| {
        MastraCloudAuth::builder()
            .project_id("demo")
            .public_url(format!("https://example.com{path}"))
            .build()
            .unwrap()
    };
    let name = |path| below(path).cookie_name().to_owned();
    assert_eq!(name(""), "__Host-mastra_session");
    let form = "__Secure-mastra_session_12345678";
    for path in ["/one", "/one/two"] {
        let name = name(path);
        assert_eq!((&name[..24], name.len()), (&form[..24], form.len()));
    }
    assert_ne!(name("/one"), name("/one/two"));
    for path in ["/one", "/two"] {
        let cleared = below(path).clear_session_cookie();
        assert!(cleared.expose().contains(&format!("; Path={path};")));
    }
}

#[test]
fn a_cookie_domain_that_browsers_drop_is_refused() {
    for (domain, good) in [
        ("example.com", true),
        ("APP.example.com", true),
        ("other.example", false),
        ("www.example.com", false),
    ] {
        let built = MastraCloudAuth::builder()
            .project_id("demo")
            .public_url("https://app.example.com")
            .cookie_domain(domain)
            .build();
        assert_eq!(built.is_ok(), good, "{domain}");
    }
}

#[tokio::test]
async fn two_apps_on_one_desk_do_not_sign_each_other_out() {
    let cloud = cloud(Dialect::V1).await;
    let below = App::built(
        |url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(format!("{url}/app"))
        },
        |auth| {
            let root = MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(auth.public_url().unwrap().origin());
            let root = root.build().unwrap();
            app(&root).nest("/app", app(auth))
        },
    )
    .await;
    for (leaves, stays) in [("", "/app"), ("/app", "")] {
        let mut browser = Browser::default();
        for (at, person) in [("", "member"), ("/app", "owner")] {
            let login = browser.begin(&below.at(at), "/agents").await;
            let callback = browser.pick(&cloud, &login, person).await;
            assert_eq!(browser.open(&callback).await.status, 303);
        }
        let agents = |at| below.at(&format!("{at}/agents"));
        assert_eq!(browser.open(&agents("")).await.body, "usr_mei");
        assert_eq!(browser.open(&agents("/app")).await.body, "usr_olivia");
        let signs_out = below.at(&format!("{leaves}/auth/logout"));
        assert_eq!(browser.submit(&signs_out, &[]).await.status, 303);
        assert_eq!(
            browser.fetch(&agents(leaves)).await.status,
            401,
            "{leaves:?}"
        );
        assert_eq!(browser.fetch(&agents(stays)).await.status, 200, "{stays:?}");
    }
}

#[tokio::test]
async fn the_routes_stand_where_the_deployment_wants_them() {
    let cloud = cloud(Dialect::V1).await;
    let paths = RoutePaths::below("/account")
        .login("/sign-in")
        .logout("/sign-out");
    let app = App::built(
        |url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
                .route_paths(paths)
        },
        app,
    )
    .await;
    let mut browser = Browser::default();
    let page = browser.open(&app.at("/agents")).await;
    assert_eq!(page.location(), "/sign-in?return_to=%2Fagents");
    let page = browser.open(&app.at(page.location())).await;
    let callback = browser.pick(&cloud, page.location(), "owner").await;
    assert!(callback.starts_with(&app.at("/account/callback?")));
    assert_eq!(browser.open(&callback).await.location(), "/agents");
    let me = browser.fetch(&app.at("/account/me")).await;
    assert_eq!(me.json()["id"], "usr_olivia");
    let page = browser.submit(&app.at("/sign-out"), &[]).await;
    assert_eq!((page.status.as_u16(), page.location()), (303, "/"));
    let page = browser.open(&app.at("/account/callback?state=x")).await;
    assert!(
        page.body.contains(&format!("href=\"{}/\"", app.url)),
        "{page:?}"
    );
    for gone in ["/auth/login", "/auth/me", "/auth/callback"] {
        assert_eq!(ask(&app, gone, &[]).await.status, 404, "{gone}");
    }
    let twice = RoutePaths::default().login("/auth/me");
    let error = MastraCloudAuth::builder()
        .project_id("demo")
        .route_paths(twice)
        .build();
    assert_eq!(error.unwrap_err().code(), "invalid_configuration");
}

#[tokio::test]
async fn a_sign_in_under_another_name_goes_to_the_public_url_first() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, app).await;
    let port = app.url.rsplit(':').next().unwrap();
    let mut browser = Browser::default();
    let other = format!("http://127.0.0.1:{port}/auth/login?return_to=%2Fagents");
    let page = browser.open(&other).await;
    assert_eq!(
        page.location(),
        app.at("/auth/login?return_to=%2Fagents&at=public-url")
    );
    assert!(page.cookies().is_empty(), "none is set under that name");
    let page = browser.open(page.location()).await;
    let callback = browser.pick(&cloud, page.location(), "owner").await;
    assert_eq!(browser.open(&callback).await.location(), "/agents");
}

#[tokio::test]
async fn a_host_that_stays_foreign_does_not_go_round_in_circles() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::serving(&cloud, app).await;
    for foreign in [
        [("host", "app.internal:8080"), NAVIGATES[0]],
        [("x-forwarded-host", "www.example.com"), NAVIGATES[0]],
        [("x-forwarded-host", "a.example, b.example"), NAVIGATES[0]],
    ] {
        let page = ask(&app, "/auth/login", &foreign).await;
        assert_eq!(page.location(), app.at("/auth/login?at=public-url"));
        let page = ask(&app, "/auth/login?at=public-url", &foreign).await;
        assert!(page.location().starts_with(cloud.url()), "{foreign:?}");
    }
    // The proxy's word on what the browser asked for counts before what it asked us for.
    let own = app.url.trim_start_matches("http://").to_owned();
    let behind = [("host", "app.internal"), ("x-forwarded-host", &*own)];
    let page = Browser::default()
        .send(Method::GET, &app.at("/auth/login"), headers(&behind), &[])
        .await;
    assert!(page.location().starts_with(cloud.url()), "{page:?}");
}
