//! The recipes of docs/guide/behind-a-proxy.md, each started as it is there and looked at by a client outside. Needs the
//! proxies, so these are left out of the usual run: `cargo xtask proxies` runs them.
#![cfg(all(feature = "axum", feature = "reqwest"))]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

#[path = "../common/mod.rs"]
mod common;
mod proxy;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud, Seed};
use reqwest::Method;

use crate::common::{App, Browser, Page, cloud_with, free_port, headers, patient};
use crate::proxy::{Kind, Proxy};

const HOUR: Duration = Duration::from_hours(1);
const SEED: &str = r#"
    [[people]]
    handle = "olivia"
    name = "Olivia"
    email = "olivia@example.com"
    role = "lead, ü"

    [[people]]
    handle = "victor"
    name = "Victor"
    email = "victor@example.com"
    role = "guest"

    [[people]]
    handle = "nell"
    name = "Nell"
    email = "nell@example.com"
    role = ""

    [roles]
    "" = ["agents:read"]
    "lead, ü" = ["agents:read"]
    guest = []
"#;

/// A proxy, the axum service that it asks, and a service that knows nothing of the sign-in.
struct Scene {
    cloud: LocalCloud,
    app: App,
    proxy: Proxy,
    /// Requests that reached the service behind the proxy.
    reached: Arc<AtomicUsize>,
}

impl Scene {
    async fn of(kind: Kind) -> Self {
        let seed = Seed::from_toml(SEED).unwrap();
        let cloud = cloud_with(Dialect::V1, |options| options.seed = seed).await;
        let port = free_port();
        let public_url = format!("http://localhost:{port}");
        let app = App::with(|_| {
            let mut policy = patient();
            policy.renew_before = HOUR;
            let options = MastraCloudAuth::builder()
                .project_id("demo")
                .public_url(public_url);
            options.base_url(cloud.url()).policy(policy)
        })
        .await;
        let reached = Arc::new(AtomicUsize::new(0));
        let behind = proxy::serve(service(&reached)).await;
        let proxy = Proxy::start(kind, port, app.url.rsplit(':').next().unwrap(), behind).await;
        Self {
            cloud,
            app,
            proxy,
            reached,
        }
    }

    fn browser(&self, person: &str) -> Browser {
        browser_with(self.cloud.control().sign_in(person, HOUR).unwrap())
    }

    /// A browser whose token has half an hour left of two.
    fn due(&self, person: &str) -> Browser {
        let control = self.cloud.control();
        browser_with(
            control
                .sign_in_with_token_of(person, HOUR * 3 / 2, HOUR * 2)
                .unwrap(),
        )
    }

    async fn get(&self, browser: &mut Browser) -> Page {
        self.send(browser, &[]).await
    }

    async fn send(&self, browser: &mut Browser, pairs: &[(&'static str, &str)]) -> Page {
        let url = self.proxy.at("/agents/one?page=2&permission=agents:none");
        browser.send(Method::GET, &url, headers(pairs), &[]).await
    }
}

fn browser_with(token: String) -> Browser {
    let mut browser = Browser::default();
    browser.jar.insert("mastra_session".into(), token);
    browser
}

/// Answers with what it is told about the user, and with the request's body.
fn service(reached: &Arc<AtomicUsize>) -> Router {
    let reached = Arc::clone(reached);
    Router::new().fallback(async move |request: Request| {
        reached.fetch_add(1, Ordering::Relaxed);
        let (parts, body) = request.into_parts();
        let mut told: Vec<_> = parts
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().replace('_', "-").starts_with("x-auth"))
            .map(|(_, value)| value.to_str().unwrap())
            .collect();
        told.sort_unstable();
        let mut said = format!("{} {} {}", parts.method, parts.uri, told.join(" ").trim());
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        said += &format!(" {}", body.len());
        ([(CACHE_CONTROL, "public, max-age=60")], said)
    })
}

async fn threat_091_who_may_pass(kind: Kind) {
    let scene = Scene::of(kind).await;
    let (mut lead, mut guest) = (scene.browser("olivia"), scene.browser("victor"));
    let smuggled = [
        ("x-auth-user", "usr_victor"),
        ("x-auth-roles", "owner"),
        ("x_auth_user", "usr_victor"),
        ("x-auth_user", "usr_victor"),
    ];
    let passed = "GET /agents/one?page=2&permission=agents:none lead%2C%20%C3%BC usr_olivia 0";
    for pairs in [&[][..], &smuggled] {
        let page = scene.send(&mut lead, pairs).await;
        assert_eq!((page.status.as_u16(), &*page.body), (200, passed));
        assert!(page.cookies().is_empty(), "{page:?}");
        assert!(kind == Kind::Envoy || !is_uncacheable(&page), "{page:?}");
    }
    let page = scene.send(&mut scene.browser("nell"), &smuggled).await;
    assert!(
        page.body.ends_with(" usr_nell 0"),
        "no role is none: {page:?}"
    );
    let long = "x".repeat(300_000);
    let url = scene.proxy.at("/agents/one");
    let page = lead
        .send(Method::POST, &url, headers(&[]), &[("body", &long)])
        .await;
    assert_eq!(
        page.body,
        "POST /agents/one lead%2C%20%C3%BC usr_olivia 300005"
    );
    let reached = scene.reached.load(Ordering::Relaxed);
    for pairs in [&[][..], &smuggled] {
        assert_eq!(scene.send(&mut guest, pairs).await.status, 403);
        for mut stranger in [Browser::default(), browser_with("junk".into())] {
            let page = scene.send(&mut stranger, pairs).await;
            assert_eq!(page.status, 401, "{page:?}");
            assert!(
                page.headers["www-authenticate"]
                    .to_str()
                    .unwrap()
                    .starts_with("Bearer")
            );
        }
    }
    let five = "mastra_session=a; ".repeat(5);
    let page = scene
        .send(&mut Browser::default(), &[("cookie", &five)])
        .await;
    assert_eq!(page.status, 400, "{page:?}");
    assert_eq!(
        scene.reached.load(Ordering::Relaxed),
        reached,
        "none of them got through"
    );
    // Two people at once.
    for _ in 0..20 {
        let (one, other) = tokio::join!(scene.get(&mut lead), scene.get(&mut guest));
        assert_eq!((&*one.body, other.status.as_u16()), (passed, 403));
    }
}

async fn a_sign_in_through_it(kind: Kind) {
    let scene = Scene::of(kind).await;
    let mut browser = Browser::default();
    let login = browser.begin(&scene.proxy.url, "/agents/one").await;
    let callback = browser.pick(&scene.cloud, &login, "olivia").await;
    assert!(callback.starts_with(&scene.proxy.at("/auth/callback?")));
    assert_eq!(browser.open(&callback).await.location(), "/agents/one");
    assert_eq!(scene.get(&mut browser).await.status, 200);
    let left = browser.submit(&scene.proxy.at("/auth/logout"), &[]).await;
    assert_eq!(left.status, 303);
    assert_eq!(scene.get(&mut browser).await.status, 401);
}

async fn threat_095_an_outage_is_503(kind: Kind) {
    let scene = Scene::of(kind).await;
    scene.cloud.control().set_fault(Fault::new(FaultKind::Drop));
    let page = scene.get(&mut scene.browser("olivia")).await;
    assert_eq!(page.status, 503, "{page:?}");
    assert_eq!(
        page.headers.contains_key("retry-after"),
        kind != Kind::Envoy
    );
    scene.cloud.control().clear_faults();
    let Scene {
        app,
        proxy,
        reached,
        ..
    } = scene;
    drop(app);
    common::until("the axum service is gone", || async {
        let mut stranger = Browser::default();
        let url = proxy.at("/agents");
        let page = stranger.send(Method::GET, &url, headers(&[]), &[]).await;
        assert!([401, 503].contains(&page.status.as_u16()), "{page:?}");
        page.status == 503
    })
    .await;
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

async fn threat_034_a_renewed_cookie_reaches_the_browser(kind: Kind) {
    let scene = Scene::of(kind).await;
    for (person, expect) in [("olivia", 200), ("victor", 403)] {
        let mut browser = scene.due(person);
        let old = browser.session().unwrap().to_owned();
        let page = scene.get(&mut browser).await;
        assert_eq!(page.status, expect, "{page:?}");
        assert_eq!(page.cookies().len(), 1, "{page:?}");
        assert!(is_uncacheable(&page), "{page:?}");
        assert_ne!(browser.session(), Some(&*old));
        let page = scene.get(&mut browser).await;
        assert_eq!(page.status, expect, "the new one is good: {page:?}");
        assert!(page.cookies().is_empty(), "{page:?}");
    }
    // Permissions cannot be read, though the session was renewed.
    let status = FaultKind::Status { status: 500 };
    scene
        .cloud
        .control()
        .set_fault(Fault::new(status).on("permissions"));
    let page = scene.get(&mut scene.due("olivia")).await;
    // Envoy makes an answer of its own of any 5xx: the cookie comes with the next request.
    let cookies = usize::from(kind != Kind::Envoy);
    assert_eq!(page.status, 503, "{page:?}");
    assert_eq!(page.cookies().len(), cookies, "{page:?}");
}

fn is_uncacheable(page: &Page) -> bool {
    let all = page.headers.get_all("cache-control").iter();
    all.into_iter()
        .any(|value| value.to_str().unwrap().contains("no-store"))
}

macro_rules! table {
    ($name:ident, $kind:expr) => {
        mod $name {
            use super::Kind;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs the proxies: cargo xtask proxies"]
            async fn threat_091_who_may_pass() {
                super::threat_091_who_may_pass($kind).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs the proxies: cargo xtask proxies"]
            async fn a_sign_in_through_it() {
                super::a_sign_in_through_it($kind).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs the proxies: cargo xtask proxies"]
            async fn threat_095_an_outage_is_503() {
                super::threat_095_an_outage_is_503($kind).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs the proxies: cargo xtask proxies"]
            async fn threat_034_a_renewed_cookie_reaches_the_browser() {
                super::threat_034_a_renewed_cookie_reaches_the_browser($kind).await;
            }
        }
    };
}

table!(nginx, Kind::Nginx);
table!(haproxy, Kind::Haproxy);
table!(caddy, Kind::Caddy);
table!(envoy, Kind::Envoy);

#[tokio::test]
#[ignore = "needs the proxies: cargo xtask proxies"]
async fn nginx_sends_a_browser_that_navigates_to_sign_in() {
    let scene = Scene::of(Kind::Nginx).await;
    let page = Browser::default()
        .open(&scene.proxy.at("/agents/one?page=2"))
        .await;
    assert_eq!(page.status, 303, "{page:?}");
    let login = page.location();
    assert!(
        login.ends_with("/auth/login?return_to=/agents/one?page=2"),
        "{login}"
    );
}
