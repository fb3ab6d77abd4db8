//! Two hundred sessions over three instances behind a round robin, tokens of five seconds, and a deploy in the middle: no user is
//! signed out.
//!
//! `cargo xtask soak deploy` takes five minutes for all ways to verify at once. What runs in the usual tests has fewer sessions and
//! shorter tokens. Half of the sessions are served as the axum layer serves them, half as a host does that authenticates, refreshes and
//! authenticates again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use mastra_auth_cloud::{
    Authentication, Dialect, MastraCloudAuth, SessionToken, VerificationMode, VerificationOptions,
};
use mastra_auth_local_cloud::LocalCloud;
use reqwest::header::{COOKIE, SET_COOKIE};
use tower::ServiceExt as _;

use crate::common::{PEOPLE, cloud_with, router};
use crate::load::Dice;

const MODES: [VerificationMode; 3] = [
    VerificationMode::Cloud,
    VerificationMode::Keys,
    VerificationMode::KeysAndSession,
];
const INSTANCES: usize = 3;

/// How large and how long.
#[derive(Clone, Copy)]
struct Run {
    dialect: Dialect,
    sessions: usize,
    token: Duration,
    /// Where signatures are checked; `None` is the default.
    leeway: Option<Duration>,
    time: Duration,
    /// The longest time between two requests of a session.
    pause: Duration,
}

struct Instance {
    auth: MastraCloudAuth,
    router: Router,
}

/// Three instances, of which each request meets the next.
struct Fleet {
    make: Box<dyn Fn() -> Arc<Instance> + Send + Sync>,
    instances: Mutex<Vec<Arc<Instance>>>,
    turn: AtomicUsize,
    renewals: AtomicUsize,
    requests: AtomicUsize,
    unavailable: AtomicUsize,
}

impl Fleet {
    fn new(make: impl Fn() -> Arc<Instance> + Send + Sync + 'static) -> Self {
        Self {
            instances: Mutex::new((0..INSTANCES).map(|_| make()).collect()),
            make: Box::new(make),
            turn: AtomicUsize::default(),
            renewals: AtomicUsize::default(),
            requests: AtomicUsize::default(),
            unavailable: AtomicUsize::default(),
        }
    }

    fn next(&self) -> Arc<Instance> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.instances.lock().unwrap()[turn % INSTANCES])
    }

    /// Replaces every instance by one with an empty cache.
    fn deploy(&self) {
        let fresh = (0..INSTANCES).map(|_| (self.make)()).collect();
        *self.instances.lock().unwrap() = fresh;
    }

    /// One request as the axum layer serves it; what the browser holds then.
    async fn layer(&self, held: &str, id: &str) -> Option<String> {
        let request =
            axum::http::Request::get("/agents").header(COOKIE, format!("mastra_session={held}"));
        let instance = self.next();
        let response = instance
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = response.status().as_u16();
        let set = response.headers().get(SET_COOKIE).map(|line| {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            pair.split_once('=').unwrap().1.to_owned()
        });
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        if status == 503 {
            return self.told_unavailable();
        }
        assert_eq!(
            (status, &*body),
            (200, id.as_bytes()),
            "set: {}",
            set.is_some()
        );
        set
    }

    /// One request as a host serves it that refreshes the session where the token is not accepted.
    async fn host(&self, held: &str, id: &str) -> Option<String> {
        let instance = self.next();
        match instance.auth.authenticate_token(held).await {
            Authentication::Authenticated(identity) => {
                assert_eq!(identity.user().id().as_str(), id);
                return None;
            }
            Authentication::Rejected(_) => {}
            _ => return self.told_unavailable(),
        }
        let token = SessionToken::parse(held).unwrap();
        let Ok(renewed) = instance.auth.refresh_session(&token).await else {
            return self.told_unavailable();
        };
        // No user is signed out.
        let newer = renewed.unwrap().token;
        match instance.auth.authenticate_token(newer.expose()).await {
            Authentication::Authenticated(identity) => {
                assert_eq!(identity.user().id().as_str(), id);
            }
            Authentication::Unavailable(_) => _ = self.told_unavailable(),
            other => panic!("signed out after a renewal: {other:?}"),
        }
        Some(newer.expose().to_owned())
    }

    /// An answer that could not be found out is 503, and signs no user out. It occurs on a machine too busy to read the Cloud's answers.
    fn told_unavailable(&self) -> Option<String> {
        self.unavailable.fetch_add(1, Ordering::Relaxed);
        None
    }

    async fn session(self: Arc<Self>, (mut held, id): (String, &'static str), at: usize, run: Run) {
        let until = Instant::now() + run.time;
        let mut dice = Dice::new(u64::try_from(at).unwrap());
        let most = usize::try_from(run.pause.as_millis()).unwrap();
        let mut pause = async || {
            let pause = Duration::from_millis(dice.below(most).try_into().unwrap());
            tokio::time::sleep(pause).await;
        };
        // They do not come all at once.
        pause().await;
        while Instant::now() < until {
            let newer = if at.is_multiple_of(2) {
                self.layer(&held, id).await
            } else {
                self.host(&held, id).await
            };
            self.requests.fetch_add(1, Ordering::Relaxed);
            if let Some(newer) = newer {
                self.renewals.fetch_add(1, Ordering::Relaxed);
                held = newer;
            }
            pause().await;
        }
    }
}

fn instance(cloud: &LocalCloud, run: Run, mode: VerificationMode) -> Arc<Instance> {
    let verification = VerificationOptions {
        mode,
        leeway: run.leeway.filter(|_| mode != VerificationMode::Cloud),
        ..VerificationOptions::default()
    };
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .public_url("http://localhost:3000")
        .dialect(run.dialect)
        .verification(verification)
        .build()
        .unwrap();
    let router = router(&auth);
    Arc::new(Instance { auth, router })
}

/// Runs one way to verify; how many requests there were, how many brought a newer token, and how many found the Cloud too busy.
async fn run(mode: VerificationMode, run: Run) -> [usize; 3] {
    let cloud = cloud_with(run.dialect, |options| {
        options.token_lifetime = Some(run.token);
    })
    .await;
    let cloud = Arc::new(cloud);
    let own = Arc::clone(&cloud);
    let fleet = Arc::new(Fleet::new(move || instance(&own, run, mode)));
    let sessions: Vec<_> = (0..run.sessions)
        .map(|at| {
            let (handle, id) = PEOPLE[at % PEOPLE.len()];
            let token = cloud.control().sign_in(handle, Duration::from_hours(1));
            let session = (token.unwrap(), id);
            tokio::spawn(Arc::clone(&fleet).session(session, at, run))
        })
        .collect();
    tokio::time::sleep(run.time / 2).await;
    fleet.deploy();
    for session in sessions {
        session.await.unwrap();
    }
    let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
    [&fleet.requests, &fleet.renewals, &fleet.unavailable].map(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_035_a_deploy_behind_a_round_robin_signs_nobody_out() {
    let dialects = [Dialect::V1, Dialect::Pkce].map(async |dialect| {
        let short = Run {
            dialect,
            sessions: 24,
            token: Duration::from_secs(4),
            leeway: Some(Duration::ZERO),
            time: Duration::from_secs(10),
            pause: Duration::from_millis(600),
        };
        let [first, second, third] =
            futures_util::future::join_all(MODES.map(|mode| run(mode, short)))
                .await
                .try_into()
                .unwrap();
        for [_, renewals, _] in [first, second, third] {
            assert!(renewals >= short.sessions, "each was renewed: {renewals}");
        }
    });
    futures_util::future::join_all(dialects).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes five minutes: cargo xtask soak deploy"]
async fn soak_deploy() {
    let long = Run {
        dialect: Dialect::V1,
        sessions: 200,
        token: Duration::from_secs(5),
        leeway: None,
        time: Duration::from_secs(300),
        pause: Duration::from_secs(4),
    };
    let ran = futures_util::future::join_all(MODES.map(|mode| run(mode, long))).await;
    println!("200 sessions, three instances replaced after 150 s, tokens of 5 s, 300 s:");
    for (mode, [requests, renewals, unavailable]) in MODES.iter().zip(ran) {
        println!(
            "  {mode:?}: {requests} requests, {renewals} newer tokens, {unavailable} answers 503, 0 sign-outs"
        );
    }
}
