//! What long runs share: a transport that keeps a record of the calls, requests without a socket, times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use mastra_auth_cloud::transport::{
    BaseUrl, Request, ReqwestTransport, Response, Transport, TransportFuture,
};
use mastra_auth_cloud::{MastraCloudAuth, Policy, VerificationMode, VerificationOptions};
use mastra_auth_local_cloud::LocalCloud;
use reqwest::header::{COOKIE, SET_COOKIE};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// One call to the Cloud.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    /// None where no answer came.
    pub(crate) status: Option<u16>,
}

/// The calls of each token; those without one are under the empty text.
pub(crate) type Calls = HashMap<String, Vec<Call>>;

/// The product's own transport, and a record of what went through it.
#[derive(Clone)]
pub(crate) struct Recorder {
    inner: ReqwestTransport,
    calls: Arc<Mutex<Calls>>,
    /// Each call takes two files here, for the Cloud is in the same process; a usual limit is 1024.
    files: Arc<Semaphore>,
}

const AT_ONCE: usize = 200;

impl Recorder {
    pub(crate) fn new(cloud: &LocalCloud) -> Self {
        let inner = ReqwestTransport::new(&BaseUrl::parse(cloud.url()).unwrap()).unwrap();
        Self {
            inner,
            calls: Arc::default(),
            files: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    pub(crate) fn calls(&self) -> Calls {
        self.calls.lock().unwrap().clone()
    }
}

impl Transport for Recorder {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        let bearer = request
            .headers()
            .find(|(name, _)| *name == "authorization")
            .map(|(_, value)| value.replacen("Bearer ", "", 1));
        Box::pin(async move {
            let _files = self.files.acquire().await.unwrap();
            let begun = Instant::now();
            let delivery = self.inner.send(request).await;
            let call = Call {
                begun,
                ended: Instant::now(),
                status: delivery.as_ref().ok().map(Response::status),
            };
            let mut calls = self.calls.lock().unwrap();
            calls
                .entry(bearer.unwrap_or_default())
                .or_default()
                .push(call);
            delivery
        })
    }
}

/// A provider whose calls are recorded.
pub(crate) fn recorded(cloud: &LocalCloud, policy: Policy) -> (MastraCloudAuth, Recorder) {
    verifying(cloud, policy, VerificationMode::Cloud)
}

/// A provider with this mode of verification whose calls are recorded.
pub(crate) fn verifying(
    cloud: &LocalCloud,
    policy: Policy,
    mode: VerificationMode,
) -> (MastraCloudAuth, Recorder) {
    let recorder = Recorder::new(cloud);
    let verification = VerificationOptions {
        mode,
        ..VerificationOptions::default()
    };
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .public_url("http://localhost:3000")
        .policy(policy)
        .verification(verification)
        .transport(recorder.clone())
        .build()
        .unwrap();
    (auth, recorder)
}

/// Numbers that look random and are the same in every run (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than that.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.throw() >> 1).unwrap() % bound
    }
}

/// What a request was answered.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) cookies: usize,
}

impl Seen {
    pub(crate) fn ended(&self) -> Instant {
        self.begun + self.took
    }
}

/// A request with this session's cookie, without a socket between: the time is the service's own, and not that of a load
/// generator that shares its processors.
pub(crate) async fn get(router: &Router, token: &str) -> Seen {
    let request =
        axum::http::Request::get("/agents").header(COOKIE, format!("mastra_session={token}"));
    let request = request.body(Body::empty()).unwrap();
    let begun = Instant::now();
    let response = router.clone().oneshot(request).await.unwrap();
    let took = begun.elapsed();
    let status = response.status().as_u16();
    let cookies = response.headers().get_all(SET_COOKIE).iter().count();
    let body = to_bytes(response.into_body(), 4096).await.unwrap();
    Seen {
        begun,
        took,
        status,
        body: String::from_utf8(body.to_vec()).unwrap(),
        cookies,
    }
}

/// The time that this share of them does not exceed.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> Duration {
    if times.is_empty() {
        return Duration::ZERO;
    }
    times.sort_unstable();
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::as_conversions,
        reason = "a place in a list"
    )]
    let place = (times.len() as f64 * share) as usize;
    times[place.min(times.len() - 1)]
}

/// Half of them, nearly all, and the slowest, in one line.
pub(crate) fn spread(times: &mut [Duration]) -> String {
    format!(
        "p50 {:?}, p99 {:?}, most {:?}",
        quantile(times, 0.5),
        quantile(times, 0.99),
        quantile(times, 1.0)
    )
}
