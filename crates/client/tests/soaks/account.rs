//! One account among a hundred that the Cloud cannot serve: what it costs the others.
//!
//! `cargo xtask soak account` takes four minutes. Rounds with the broken account and without it take turns, so that other load on the
//! machine falls on both; the times of the other 99 are compared. The usual tests only count: who is refused, and how often the Cloud
//! is asked about the one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use mastra_auth_cloud::transport::{
    BaseUrl, Request, ReqwestTransport, Response, Transport, TransportFuture,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, Policy};
use mastra_auth_local_cloud::LocalCloud;
use tokio::task::JoinHandle;

use crate::common::{PEOPLE, cloud, router};
use crate::load::{Seen, get, quantile, spread};

const OTHERS: usize = 99;
const HOUR: Duration = Duration::from_hours(1);

/// A transport to a Cloud that answers one account with this status, and all others as usual.
struct Broken {
    inner: ReqwestTransport,
    bearer: String,
    status: u16,
    calls: Arc<AtomicUsize>,
}

impl Transport for Broken {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        let bearer = request.headers().find(|(name, _)| *name == "authorization");
        if bearer.is_none_or(|(_, value)| value != self.bearer) {
            return self.inner.send(request);
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = Response::new(self.status, br#"{"ok":false}"#.to_vec());
        Box::pin(async move { Ok(answer) })
    }
}

/// An instance, the sessions that it serves, and the one that it cannot.
struct Desk {
    auth: MastraCloudAuth,
    router: Router,
    others: Vec<(String, &'static str)>,
    broken: String,
    calls: Arc<AtomicUsize>,
}

impl Desk {
    fn new(cloud: &LocalCloud, policy: Policy, status: u16) -> Self {
        let sign_in = |at: usize| {
            let (handle, id) = PEOPLE[at % PEOPLE.len()];
            (cloud.control().sign_in(handle, HOUR).unwrap(), id)
        };
        let (broken, _) = sign_in(0);
        let calls = Arc::new(AtomicUsize::new(0));
        let transport = Broken {
            inner: ReqwestTransport::new(&BaseUrl::parse(cloud.url()).unwrap()).unwrap(),
            bearer: format!("Bearer {broken}"),
            status,
            calls: Arc::clone(&calls),
        };
        let auth = MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url("http://localhost:3000")
            .policy(policy)
            .transport(transport)
            .build()
            .unwrap();
        Self {
            router: router(&auth),
            auth,
            others: (0..OTHERS).map(sign_in).collect(),
            broken,
            calls,
        }
    }

    /// The broken account asks over and over until the task is aborted.
    fn begin_breaking(&self) -> JoinHandle<()> {
        let (router, token) = (self.router.clone(), self.broken.clone());
        tokio::spawn(async move {
            loop {
                let seen = get(&router, &token).await;
                assert_eq!(seen.status, 503, "{seen:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    }

    /// Each of the others asks so many times; how long each answer took.
    async fn serve(&self, rounds: u32, pause: Duration) -> Vec<Duration> {
        let times = Arc::new(Mutex::new(Vec::new()));
        let tasks = self.others.iter().enumerate().map(|(at, (token, id))| {
            let (router, times) = (self.router.clone(), Arc::clone(&times));
            let (token, id) = (token.clone(), *id);
            tokio::spawn(async move {
                // They do not come all at once.
                tokio::time::sleep(pause * u32::try_from(at).unwrap() / 99).await;
                for _ in 0..rounds {
                    let seen = get(&router, &token).await;
                    assert_eq!((seen.status, seen.body.as_str()), (200, id), "{seen:?}");
                    times.lock().unwrap().push(seen.took);
                    tokio::time::sleep(pause).await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        Arc::into_inner(times).unwrap().into_inner().unwrap()
    }

    /// How often the Cloud may be asked about the one in this time.
    fn most_calls(policy: &Policy, time: Duration) -> usize {
        let pauses = time.as_millis() / policy.breaker_pause.as_millis() + 2;
        let retried = 2;
        retried
            * (usize::try_from(policy.breaker_failures).unwrap() + usize::try_from(pauses).unwrap())
    }
}

/// How the others' identities are followed: several are asked about in each second, and a request waits for it.
fn busy(fresh: Duration) -> Policy {
    let mut policy = Policy::default();
    (policy.fresh, policy.refresh_early) = (fresh, Duration::ZERO);
    // Whether an answer comes is judged here, not whether a busy machine gives it in time.
    policy.call_timeout = Duration::from_secs(60);
    policy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broken_account_among_a_hundred_costs_nobody_else_a_request() {
    let cloud = cloud(Dialect::V1).await;
    for status in [500, 503, 429] {
        let mut policy = busy(Duration::from_millis(200));
        policy.breaker_pause = Duration::from_millis(500);
        let desk = Desk::new(&cloud, policy.clone(), status);
        let begun = Instant::now();
        // It fails for a while before any other account is cached here.
        for _ in 0..20 {
            let seen: Seen = get(&desk.router, &desk.broken).await;
            assert_eq!(seen.status, 503);
        }
        let breaking = desk.begin_breaking();
        let times = desk.serve(15, Duration::from_millis(100)).await;
        assert_eq!(times.len(), OTHERS * 15);
        assert!(!breaking.is_finished(), "it was answered all the while");
        breaking.abort();
        let calls = desk.calls.load(Ordering::Relaxed);
        assert!(
            calls <= Desk::most_calls(&policy, begun.elapsed()),
            "{calls} calls"
        );
        // Signed out at the Cloud for all that: a sign-out is let through, and told as what it is.
        let before = desk.calls.load(Ordering::Relaxed);
        let token = mastra_auth_cloud::SessionToken::parse(&desk.broken).unwrap();
        let _ = desk.auth.sign_out(&token).await;
        assert!(desk.calls.load(Ordering::Relaxed) > before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes four minutes: cargo xtask soak account"]
async fn soak_account() {
    let cloud = cloud(Dialect::V1).await;
    let policy = busy(Duration::from_secs(1));
    let mut times: BTreeMap<(&str, u16), Vec<Duration>> = BTreeMap::new();
    for round in 0..6 {
        for status in [500, 429] {
            for is_broken in [round % 2 == 0, round % 2 != 0] {
                let desk = Desk::new(&cloud, policy.clone(), status);
                let begun = Instant::now();
                let breaking = is_broken.then(|| desk.begin_breaking());
                let served = desk.serve(200, Duration::from_millis(50)).await;
                if let Some(breaking) = breaking {
                    assert!(!breaking.is_finished());
                    breaking.abort();
                    let calls = desk.calls.load(Ordering::Relaxed);
                    assert!(calls <= Desk::most_calls(&policy, begun.elapsed()));
                }
                let name = if is_broken { "with" } else { "without" };
                times.entry((name, status)).or_default().extend(served);
            }
        }
    }
    println!("one broken account and 99 others, each asking 20 times a second, for 60 s each way:");
    for status in [500, 429] {
        let mut p99 = BTreeMap::new();
        for name in ["without", "with"] {
            let times = times.get_mut(&(name, status)).unwrap();
            println!(
                "  {status}, {name}: {} requests of others, 0 refused; {}",
                times.len(),
                spread(times)
            );
            p99.insert(name, quantile(times, 0.99));
        }
        let ratio = p99["with"].as_secs_f64() / p99["without"].as_secs_f64();
        println!("  {status}: p99 is {ratio:.2} times that without");
        assert!(ratio <= 1.2, "{ratio:.2}");
    }
}
