//! Credentials and answers of hostile sizes: each is refused, soon, and costs those who are signed in next to nothing.
//!
//! `cargo xtask soak hostile` measures how long the layer takes to refuse each, and what others wait meanwhile: rounds with hostile
//! requests and without them take turns. The usual tests only count how each is answered.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use mastra_auth_cloud::transport::{
    BaseUrl, Request, ReqwestTransport, Response, Transport, TransportFuture,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::LocalCloud;
use serde_json::json;
use tower::ServiceExt as _;

use crate::common::{cloud, router, session_of};
use crate::load::{get, quantile};

const DEPTH: usize = 100_000;
/// How long the layer may take to refuse a header of a megabyte.
const MOST: Duration = Duration::from_micros(50);
/// How many times as long as usual the 99th of a hundred others may wait.
const MOST_RATIO: f64 = 2.0;
const ROUNDS: u32 = 6;
const ROUND: Duration = Duration::from_secs(10);
/// What a token says to the Cloud of [`Deep`].
const DEEP: &str = "deep";

/// A transport to a Cloud that answers one token with JSON that is very deep, and all others as usual.
struct Deep(ReqwestTransport);

impl Transport for Deep {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        let bearer = request.headers().find(|(name, _)| *name == "authorization");
        if bearer.is_none_or(|(_, value)| !value.ends_with(DEEP)) {
            return self.0.send(request);
        }
        let answer = Response::new(200, "[".repeat(DEPTH).into_bytes());
        Box::pin(async move { Ok(answer) })
    }
}

fn app(cloud: &LocalCloud) -> Router {
    let transport = ReqwestTransport::new(&BaseUrl::parse(cloud.url()).unwrap()).unwrap();
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .public_url("http://localhost:3000")
        .transport(Deep(transport))
        .build();
    router(&auth.unwrap())
}

/// A hostile request, and its answer.
struct Hostile {
    name: &'static str,
    header: HeaderName,
    value: HeaderValue,
    answer: (u16, &'static str),
}

/// Each of them; the first two must be refused at once.
fn all() -> [Hostile; 5] {
    let deep = mastra_auth_cloud_core::encoding::base64url("[".repeat(DEPTH).as_bytes());
    let cases = [
        (
            "a cookie header of 1 MiB",
            COOKIE,
            format!("a={}", "x".repeat((1 << 20) - 2)),
            (400, "cookie_header_too_large"),
        ),
        (
            "a bearer of a million dots",
            AUTHORIZATION,
            format!("Bearer {}", ".".repeat(1_000_000)),
            (401, "invalid_token"),
        ),
        (
            "10,000 cookies in one header",
            COOKIE,
            "mastra_session=x; ".repeat(10_000),
            (400, "cookie_header_too_large"),
        ),
        (
            "a token whose claims are 100,000 deep",
            AUTHORIZATION,
            format!("Bearer e30.{deep}.c2ln"),
            (401, "invalid_token"),
        ),
        (
            "an answer of the Cloud that is 100,000 deep",
            AUTHORIZATION,
            format!("Bearer {DEEP}"),
            (503, "unavailable"),
        ),
    ];
    cases.map(|(name, header, value, answer)| Hostile {
        name,
        header,
        value: value.try_into().unwrap(),
        answer,
    })
}

impl Hostile {
    /// How long it takes to be answered as it should.
    async fn ask(&self, router: &Router) -> Duration {
        let request = axum::http::Request::get("/agents").header(&self.header, &self.value);
        let request = request.body(Body::empty()).unwrap();
        let router = router.clone();
        let begun = Instant::now();
        let response = router.oneshot(request).await.unwrap();
        let took = begun.elapsed();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let (wanted, code) = self.answer;
        assert_eq!(status, wanted, "{}: {body}", self.name);
        assert!(
            body.contains(&format!("\"{code}\"")),
            "{}: {body}",
            self.name
        );
        took
    }
}

/// Another request of a signed-in user at each millisecond of this time; how long each took.
async fn serve(router: &Router, token: &str, time: Duration) -> Vec<Duration> {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        ticks.tick().await;
        let seen = get(router, token).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        times.push(seen.took);
    }
    times
}

/// Each hostile request in its turn, another one at each millisecond until the task is aborted.
async fn attack(router: Router) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    for hostile in all().iter().cycle() {
        ticks.tick().await;
        hostile.ask(&router).await;
    }
}

#[tokio::test]
async fn threat_096_what_is_of_a_hostile_size_is_refused() {
    let cloud = cloud(Dialect::V1).await;
    let router = app(&cloud);
    for hostile in all() {
        hostile.ask(&router).await;
    }
    let session = session_of(&cloud, "member");
    assert_eq!(get(&router, session.expose()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes two minutes: cargo xtask soak hostile"]
async fn soak_hostile() {
    let cloud = cloud(Dialect::V1).await;
    let router = app(&cloud);
    let mut rows = Vec::new();
    for (place, hostile) in all().iter().enumerate() {
        let mut times = Vec::new();
        for _ in 0..1000 {
            times.push(hostile.ask(&router).await);
        }
        let [half, most] = [0.5, 0.99].map(|share| quantile(&mut times, share));
        rows.push(json!([
            hostile.name,
            hostile.answer.0,
            format!("{half:.1?}"),
            format!("{most:.1?}")
        ]));
        assert!(place > 1 || half < MOST, "{}: {half:?}", hostile.name);
    }
    let session = session_of(&cloud, "member");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.extend(serve(&router, session.expose(), ROUND).await);
        let attacker = tokio::spawn(attack(router.clone()));
        with.extend(serve(&router, session.expose(), ROUND).await);
        assert!(
            !attacker.is_finished(),
            "an attack was not refused as it should"
        );
        attacker.abort();
    }
    let requests = with.len();
    let [alone, beside] = [&mut without, &mut with].map(|times| quantile(times, 0.99));
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    let note = format!(
        "{requests} requests of a signed-in user beside a hostile one each millisecond: p99 {beside:.1?}, {alone:.1?} without them, {ratio:.2} times (goal: below {MOST_RATIO})."
    );
    let columns = ["", "status", "p50", "p99"];
    println!(
        "{}",
        json!({ "tables": [{ "columns": columns, "rows": rows, "note": note }] })
    );
    assert!(ratio < MOST_RATIO, "{ratio}");
}
