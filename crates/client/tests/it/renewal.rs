//! Sessions that outlive their tokens: renewed once for all requests that wait, and no user is signed out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{App, Browser, DeleteAgents, Page, app, cloud, cloud_with, headers, patient};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{AppendHeaders, IntoResponse as _};
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, RequirePermission};
use mastra_auth_cloud::{Authentication, Dialect, SessionToken};
use mastra_auth_cloud_core::encoding::base64url_decode;
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::Method;
use tower::ServiceExt as _;

const BOTH: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];
const HOUR: Duration = Duration::from_hours(1);

/// A Cloud whose newer tokens last as long as their sessions, and an app in front of it.
async fn desk(dialect: Dialect) -> (LocalCloud, App) {
    let cloud = cloud(dialect).await;
    let app = app(&cloud, dialect, patient()).await;
    (cloud, app)
}

/// What is made of a token that lasts so many seconds: done while the token is good, with the first that lasts long enough for
/// that on this machine.
async fn while_good<T>(what: &str, mut attempt: impl AsyncFnMut(u64) -> Option<T>) -> T {
    for seconds in [2, 4, 8, 16, 32] {
        if let Some(done) = attempt(seconds).await {
            return done;
        }
    }
    panic!("not while a token of 32 s was good: {what}");
}

/// A browser whose session this app knows, with a token that ends in some seconds.
async fn known(app: &App, cloud: &LocalCloud, person: &str) -> Browser {
    while_good("a session becomes known", async |seconds| {
        let lifetime = Duration::from_secs(seconds);
        known_in_time(app, cloud, person, Duration::ZERO, lifetime).await
    })
    .await
}

/// The same with a token of this age and lifetime; `None` where it was asked about too late to be left as it is.
async fn known_in_time(
    app: &App,
    cloud: &LocalCloud,
    person: &str,
    age: Duration,
    lifetime: Duration,
) -> Option<Browser> {
    let control = cloud.control();
    let token = control.sign_in_with_token_of(person, age, lifetime)?;
    let mut browser = Browser::default();
    browser.jar.insert("mastra_session".into(), token.clone());
    let page = browser.fetch(&app.at("/agents")).await;
    let is_in_time = page.status == 200 && browser.session() == Some(&*token);
    is_in_time.then_some(browser)
}

fn claim(token: &str, name: &str) -> f64 {
    let bytes = base64url_decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    claims[name].as_f64().unwrap()
}

/// Waits until the token of this browser is past its end.
async fn until_end_of(browser: &Browser) {
    until_end_of_token(browser.session().unwrap(), 0.01).await;
}

/// Waits until the token is past its end by so much, or before it.
async fn until_end_of_token(token: &str, plus: f64) {
    let end = claim(token, "exp") + plus;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    tokio::time::sleep(Duration::from_secs_f64((end - now).max(0.0))).await;
}

fn session_cookies(page: &Page) -> Vec<String> {
    let all = page.cookies().into_iter();
    all.filter(|line| line.starts_with("mastra_session_"))
        .map(|line| line.split(';').next().unwrap().to_owned())
        .collect()
}

/// So many requests with what the browser holds now, all at once.
async fn at_once(browser: &Browser, url: String, count: usize) -> Vec<Page> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (mut browser, url) = (browser.clone(), url.clone());
            tokio::spawn(async move { browser.fetch(&url).await })
        })
        .collect();
    let mut pages = Vec::new();
    for task in tasks {
        pages.push(task.await.unwrap());
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_033_two_hundred_requests_of_two_people_at_the_end_renew_once_each() {
    for dialect in BOTH {
        let (cloud, app) = desk(dialect).await;
        let mut people = [
            (known(&app, &cloud, "owner").await, "usr_olivia"),
            (known(&app, &cloud, "viewer").await, "usr_victor"),
        ];
        for (browser, _) in &people {
            until_end_of(browser).await;
        }
        let before = (cloud.requests("renewal"), cloud.requests("validate"));
        let url = app.at("/agents");
        let (first, second) = tokio::join!(
            at_once(&people[0].0, url.clone(), 200),
            at_once(&people[1].0, url, 200)
        );
        assert_eq!(cloud.requests("renewal") - before.0, 2, "one each");
        assert_eq!(cloud.requests("validate") - before.1, 2, "one call each");
        let mut set = Vec::new();
        for ((browser, id), pages) in people.iter_mut().zip([first, second]) {
            for page in &pages {
                assert_eq!((page.status.as_u16(), page.body.as_str()), (200, *id));
                assert_eq!(session_cookies(page).len(), 1, "{page:?}");
            }
            let cookie = session_cookies(&pages[0]).remove(0);
            assert!(pages.iter().all(|page| session_cookies(page) == [&*cookie]));
            let newer = cookie.split_once('=').unwrap().1.to_owned();
            assert_ne!(browser.session(), Some(newer.as_str()));
            browser.jar.insert(app.auth.cookie_name().into(), newer);
            assert_eq!(browser.me(&app).await, *id);
            set.push(cookie);
        }
        assert_ne!(set[0], set[1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn near_the_end_one_request_renews_and_nobody_waits_for_long() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let mut policy = patient();
        policy.renew_before = HOUR;
        let app = app(&cloud, dialect, policy).await;
        // Of three hours two are over in some seconds: from then on a newer token is asked for, and the end is far off.
        let mut browser = while_good("it is known before", async |seconds| {
            let age = (HOUR * 2).saturating_sub(Duration::from_secs(seconds));
            known_in_time(&app, &cloud, "owner", age, HOUR * 3).await
        })
        .await;
        until_end_of_token(browser.session().unwrap(), 0.05 - 3_600.0).await;
        cloud
            .control()
            .set_fault(Fault::new(FaultKind::Delay { ms: 1_000 }).on("validate"));
        let before = cloud.requests("renewal");
        let pages = at_once(&browser, app.at("/agents"), 50).await;
        assert!(pages.iter().all(|page| page.status == 200));
        // The one that renews, and on a slow machine those that begin once it is done.
        let set: Vec<_> = pages.iter().flat_map(session_cookies).collect();
        assert!(!set.is_empty() && set.iter().all(|cookie| *cookie == set[0]));
        assert!(set.len() < pages.len(), "others do not wait");
        assert_eq!(cloud.requests("renewal"), before + 1);
        // A browser that lost that answer is given the cookie with the next.
        let page = browser.fetch(&app.at("/auth/me")).await;
        assert_eq!(session_cookies(&page).len(), 1);
        assert_eq!(cloud.requests("renewal"), before + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_034_the_renewed_cookie_is_on_every_kind_of_answer_and_in_no_cache() {
    for path in [
        "/agents",
        "/",
        "/auth/me",
        "/events",
        "/missing",
        "/agents/demo",
    ] {
        let (cloud, app) = desk(Dialect::V1).await;
        let mut browser = known(&app, &cloud, "viewer").await;
        let old = browser.session().unwrap().to_owned();
        until_end_of(&browser).await;
        let method = match path {
            "/agents/demo" => Method::DELETE,
            _ => Method::GET,
        };
        let page = browser.send(method, &app.at(path), headers(&[]), &[]).await;
        let status = page.status.as_u16();
        if path == "/missing" {
            assert_eq!(status, 404, "outside of the layer nothing is renewed");
            assert!(page.cookies().is_empty());
            continue;
        }
        assert_eq!(
            status,
            if path == "/agents/demo" { 403 } else { 200 },
            "{path}"
        );
        let lines = page.cookies();
        assert_eq!(lines.len(), 1, "{path}: {lines:?}");
        let (_, age) = lines[0]
            .split_once("; HttpOnly; SameSite=Lax; Path=/; Max-Age=")
            .unwrap();
        assert!((80_000..=86_400).contains(&age.parse().unwrap()), "{age}");
        assert_ne!(browser.session(), Some(old.as_str()));
        let header = |name: &str| page.headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert!(header("cache-control").contains("no-store"), "{path}");
        let varies = page.headers.get_all("vary").iter();
        assert!(varies.into_iter().any(|value| value == "Cookie"), "{path}");
    }
}

#[tokio::test]
async fn a_handler_that_sets_the_cookie_or_signs_out_has_the_last_word() {
    let (cloud, own) = desk(Dialect::V1).await;
    let auth = own.auth.clone();
    let clear = auth.clear_session_cookie().expose().to_owned();
    let leaving = auth.clone();
    let router = Router::new()
        .route(
            "/clear",
            get(|| async move { AppendHeaders([("set-cookie", clear)]).into_response() }),
        )
        .route(
            "/leave",
            get(|user: mastra_auth_cloud::axum::CurrentUser| async move {
                let _ended = leaving.sign_out(user.session_token()).await;
                "left"
            }),
        )
        .layer(AuthLayer::required(auth));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    for (path, expect) in [("/clear", 1), ("/leave", 0)] {
        let browser = known(&own, &cloud, "owner").await;
        until_end_of(&browser).await;
        let page = browser.clone().fetch(&format!("{url}{path}")).await;
        assert_eq!(page.status, 200);
        let cookies = page.cookies();
        assert_eq!(cookies.len(), expect, "{path}");
        assert!(cookies.iter().all(|line| line.contains("Max-Age=0")));
    }
    task.abort();
}

#[tokio::test]
async fn threat_031_a_sign_out_with_the_old_cookie_ends_the_renewed_session() {
    for dialect in BOTH {
        let (cloud, app) = desk(dialect).await;
        let mut browser = known(&app, &cloud, "owner").await;
        let mut old = browser.clone();
        until_end_of(&browser).await;
        assert_eq!(browser.me(&app).await, "usr_olivia");
        let page = old.sign_out(&app).await;
        assert_eq!(page.status, 303, "{page:?}");
        assert!(page.cookies()[0].contains("Max-Age=0"));
        assert_eq!(browser.me(&app).await, "-");
        let sessions = cloud.control().sessions();
        assert!(sessions.iter().all(|session| session.ended_at.is_some()));
    }
}

/// Holds a request up until the token that it came with is over.
struct Late;

impl<S: Sync> FromRequestParts<S> for Late {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let bearer = parts.headers["authorization"].to_str().unwrap();
        until_end_of_token(bearer.strip_prefix("Bearer ").unwrap(), 0.01).await;
        Ok(Self)
    }
}

#[tokio::test]
async fn threat_065_no_permission_is_given_past_the_end_of_the_token() {
    for dialect in BOTH {
        let (cloud, app) = desk(dialect).await;
        let (held, response) = while_good("a request comes in", async |seconds| {
            let lifetime = Duration::from_secs(seconds);
            let control = cloud.control();
            let token = control.sign_in_with_token_of("owner", Duration::ZERO, lifetime)?;
            let Authentication::Authenticated(held) = app.auth.authenticate_token(&token).await
            else {
                return None;
            };
            app.auth.permissions(held.user()).await.ok()?;
            let came_in = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&came_in);
            let late = |_: Late, _: RequirePermission<DeleteAgents>| async { "deleted" };
            let router = Router::new()
                .route("/late", get(late))
                .layer(axum::middleware::from_fn(
                    move |request, next: axum::middleware::Next| {
                        seen.store(true, Ordering::SeqCst);
                        next.run(request)
                    },
                ))
                .layer(AuthLayer::required(app.auth.clone()));
            // A bearer is not renewed.
            let request = axum::http::Request::get("/late")
                .header("authorization", format!("Bearer {token}"))
                .body(Body::empty())
                .unwrap();
            let response = router.oneshot(request).await.unwrap();
            came_in.load(Ordering::SeqCst).then_some((held, response))
        })
        .await;
        assert_eq!(response.status(), 401);
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("invalid_token"));
        let error = app.auth.permissions(held.user()).await.unwrap_err();
        assert_eq!((error.code(), error.status()), ("session_expired", 401));
    }
}

#[tokio::test]
async fn threat_060_a_session_that_cannot_be_renewed_is_one_401_after_the_other_and_one_call() {
    for dialect in BOTH {
        let (cloud, app) = desk(dialect).await;
        let mut browser = known(&app, &cloud, "owner").await;
        cloud.control().end_sessions_of("usr_olivia");
        until_end_of(&browser).await;
        let before = cloud.requests("any");
        for _ in 0..20 {
            let page = browser.fetch(&app.at("/agents")).await;
            assert_eq!(
                (page.status.as_u16(), &*page.code()),
                (401, "invalid_token")
            );
            assert!(page.cookies().is_empty());
            let page = browser.open(&app.at("/agents")).await;
            assert!(page.location().starts_with("/auth/login?"));
        }
        assert_eq!(cloud.requests("any"), before + 1);
        browser.sign_in(&app, &cloud, "owner").await;
        assert_eq!(browser.me(&app).await, "usr_olivia");
    }
}

#[tokio::test]
async fn an_outage_at_the_end_takes_nobodys_cookie() {
    let (cloud, app) = desk(Dialect::V1).await;
    let mut browser = while_good("a request in the last third", async |seconds| {
        cloud.control().clear_faults();
        let lifetime = Duration::from_secs(seconds);
        let known = known_in_time(&app, &cloud, "owner", Duration::ZERO, lifetime);
        let mut browser = known.await?;
        until_end_of_token(browser.session()?, -0.25 * lifetime.as_secs_f64()).await;
        cloud.control().set_fault(Fault::new(FaultKind::Drop));
        let page = browser.fetch(&app.at("/agents")).await;
        assert!(page.cookies().is_empty(), "{page:?}");
        (page.status == 200).then_some(browser)
    })
    .await;
    until_end_of(&browser).await;
    let page = browser.fetch(&app.at("/agents")).await;
    assert_eq!((page.status.as_u16(), page.cookies().len()), (503, 0));
    let before = cloud.requests("renewal");
    cloud.control().clear_faults();
    assert_eq!(browser.me(&app).await, "usr_olivia");
    assert_eq!(cloud.requests("renewal"), before + 1);
}

#[tokio::test]
async fn a_refresh_answers_the_newer_token_once_for_all_who_ask() {
    for dialect in BOTH {
        let (cloud, app) = desk(dialect).await;
        let [browser, other] = [
            known(&app, &cloud, "owner").await,
            known(&app, &cloud, "viewer").await,
        ];
        let token = |browser: &Browser| SessionToken::parse(browser.session().unwrap()).unwrap();
        let (old, ended) = (token(&browser), token(&other));
        until_end_of(&browser).await;
        until_end_of(&other).await;
        let auth = app.auth.clone();
        assert!(auth.validate_session(&old).await.unwrap().is_none());
        let before = (cloud.requests("renewal"), cloud.requests("validate"));
        let asked = (0..200).map(|_| {
            let (auth, old) = (auth.clone(), old.clone());
            tokio::spawn(async move { auth.refresh_session(&old).await.unwrap().unwrap() })
        });
        let mut tokens = Vec::new();
        for task in asked.collect::<Vec<_>>() {
            tokens.push(task.await.unwrap().token);
        }
        assert!(tokens.iter().all(|token| token.same_as(&tokens[0])));
        assert!(!tokens[0].same_as(&old));
        cloud.control().end_sessions_of("usr_victor");
        for _ in 0..3 {
            assert!(auth.refresh_session(&ended).await.unwrap().is_none());
        }
        assert_eq!(cloud.requests("renewal") - before.0, 1);
        assert_eq!(cloud.requests("validate") - before.1, 2, "one each");
    }
}

#[tokio::test]
async fn a_bearer_and_a_plain_look_renew_nothing() {
    let (cloud, app) = desk(Dialect::V1).await;
    let token = while_good("a bearer is known", async |seconds| {
        let lifetime = Duration::from_secs(seconds);
        let control = cloud.control();
        let token = control.sign_in_with_token_of("owner", Duration::ZERO, lifetime)?;
        let bearer = format!("Bearer {token}");
        let good = crate::common::ask(&app, "/agents", &[("authorization", &bearer)]).await;
        (good.status == 200).then_some(token)
    })
    .await;
    until_end_of_token(&token, 0.01).await;
    let bearer = format!("Bearer {token}");
    let past = crate::common::ask(&app, "/agents", &[("authorization", &bearer)]).await;
    assert_eq!((past.status.as_u16(), past.cookies().len()), (401, 0));
    let cookie = format!("mastra_session={token}");
    let looked = app
        .auth
        .authenticate(&headers(&[("cookie", &cookie)]))
        .await;
    assert!(matches!(looked, Authentication::Rejected(_)), "{looked:?}");
    assert_eq!(cloud.requests("renewal"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_035_two_instances_and_short_tokens_sign_nobody_out() {
    let cloud = cloud_with(Dialect::V1, |options| {
        options.token_lifetime = Some(Duration::from_secs(2));
    })
    .await;
    let first = app(&cloud, Dialect::V1, patient()).await;
    let second = App::with(|_| {
        mastra_auth_cloud::MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(&first.url)
            .policy(patient())
    })
    .await;
    let mut browser = known(&first, &cloud, "owner").await;
    let begun = cloud.control().sessions().len();
    let mut requests = 0_u32;
    while cloud.requests("renewal") < 5 {
        let to = if requests.is_multiple_of(2) {
            &first
        } else {
            &second
        };
        assert_eq!(browser.me(to).await, "usr_olivia", "request {requests}");
        requests += 1;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(cloud.control().sessions().len(), begun);
}
