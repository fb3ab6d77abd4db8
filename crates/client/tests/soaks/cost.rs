//! What requests cost in calls to the Cloud: one for a session and its fresh time, one for a refused token and its refused time.
//! A sealed session that rotates costs no more: the call that verifies it brings the newer one.
//!
//! `cargo xtask soak cost` makes 100,000 requests of 1,000 sessions in a minute, twice: without the background refresh before the
//! fresh time ends, and with it, as by default. Then it makes 10,000 with refused tokens. `cargo xtask soak sealed` makes
//! 100,000 requests of 1,000 sessions of the platform, each of which rotates after every ten seconds.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, Policy};
use mastra_auth_local_cloud::LocalCloud;
use reqwest::header::{COOKIE, SET_COOKIE};
use tower::ServiceExt as _;

use crate::common::{PEOPLE, cloud, cloud_with, router, session_of};
use crate::load::{Calls, Dice, Recorder, get, recorded, spread};

/// So many requests, evenly over that time.
struct Load {
    requests: usize,
    time: Duration,
    tokens: usize,
}

impl Load {
    /// How many requests are to be made by then.
    fn due(&self, elapsed: Duration) -> usize {
        let share = elapsed.as_secs_f64() / self.time.as_secs_f64();
        #[allow(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a number of requests"
        )]
        let due = (self.requests as f64 * share) as usize;
        due.min(self.requests)
    }
}

const HOUR: Duration = Duration::from_hours(1);
const TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(60);

fn sessions(cloud: &LocalCloud, count: usize) -> Vec<(String, &'static str)> {
    let one = |at: usize| {
        let (handle, id) = PEOPLE[at % PEOPLE.len()];
        (cloud.control().sign_in(handle, HOUR).unwrap(), id)
    };
    (0..count).map(one).collect()
}

/// Makes the requests, each with one of these tokens, and answers how long each took. All must be answered like this.
async fn make(
    load: &Load,
    router: &Router,
    tokens: &[(String, &'static str)],
    status: u16,
) -> Vec<Duration> {
    let mut dice = Dice::new(1);
    let mut ticks = tokio::time::interval(TICK);
    let (begun, mut under_way) = (Instant::now(), Vec::new());
    while under_way.len() < load.requests {
        ticks.tick().await;
        while under_way.len() < load.due(begun.elapsed()) {
            let (token, id) = tokens[dice.below(tokens.len())].clone();
            let router = router.clone();
            under_way.push(tokio::spawn(async move {
                let seen = get(&router, &token).await;
                assert_eq!((seen.status, seen.cookies), (status, 0), "{seen:?}");
                if status == 200 {
                    assert_eq!(seen.body, id);
                }
                seen.took
            }));
        }
    }
    let mut times = Vec::new();
    for request in under_way {
        times.push(request.await.unwrap());
    }
    times
}

/// Between the answer to one call for a token and the next call for it stands at least this time.
fn apart(calls: &Calls, least: Duration) -> (usize, usize) {
    let (mut all, mut most) = (0, 0);
    for calls in calls.values() {
        all += calls.len();
        most = most.max(calls.len());
        for pair in calls.windows(2) {
            let gap = pair[1].begun.saturating_duration_since(pair[0].ended);
            assert!(gap >= least, "{gap:?} of at least {least:?}: {pair:?}");
        }
    }
    (all, most)
}

/// The calls, once all that the Cloud counts have ended: those of the background may outlast the requests.
async fn ended(cloud: &LocalCloud, recorder: &Recorder) -> Calls {
    let (mut calls, begun) = (recorder.calls(), Instant::now());
    while count(&calls) < cloud.requests("any") && begun.elapsed() < PATIENCE {
        tokio::time::sleep(TICK).await;
        calls = recorder.calls();
    }
    assert_eq!(count(&calls), cloud.requests("any"), "and no other call");
    calls
}

fn count(calls: &Calls) -> u64 {
    u64::try_from(calls.values().map(Vec::len).sum::<usize>()).unwrap()
}

async fn of_sessions(load: &Load, policy: Policy) {
    let cloud = cloud(Dialect::V1).await;
    let early = policy.refresh_early.min(policy.fresh / 10);
    let least = policy.fresh.saturating_sub(early);
    let (auth, recorder) = recorded(&cloud, policy);
    let tokens = sessions(&cloud, load.tokens);
    let begun = Instant::now();
    let mut times = make(load, &router(&auth), &tokens, 200).await;
    let took = begun.elapsed();
    let (all, most) = apart(&ended(&cloud, &recorder).await, least);
    println!(
        "{} requests of {} sessions in {:?}, asked about {early:?} before the end of the fresh time: {all} calls, \
         {most} at most for one session, {least:?} apart; a request {}",
        load.requests,
        load.tokens,
        load.time,
        spread(&mut times)
    );
    let windows = usize::try_from(took.as_millis() / least.as_millis()).unwrap() + 1;
    assert!(
        all >= load.tokens.min(load.requests / 20) && most <= windows,
        "{all}, {most}"
    );
}

async fn of_refused_tokens(load: &Load, policy: Policy) {
    let cloud = cloud(Dialect::V1).await;
    let least = policy.refused;
    let (auth, recorder) = recorded(&cloud, policy);
    let tokens = sessions(&cloud, load.tokens);
    for (_, id) in PEOPLE {
        cloud.control().end_sessions_of(id);
    }
    let mut times = make(load, &router(&auth), &tokens, 401).await;
    let (all, most) = apart(&ended(&cloud, &recorder).await, least);
    println!(
        "{} requests with {} refused tokens in {:?}: {all} calls, {most} at most for one token, {least:?} apart; a request {}",
        load.requests,
        load.tokens,
        load.time,
        spread(&mut times)
    );
}

/// A browser with a sealed session, which keeps the newest one that an answer sets.
#[derive(Clone)]
struct Holder {
    id: &'static str,
    session: Arc<Mutex<String>>,
}

impl Holder {
    async fn request(self, router: Router, name: String) {
        let session = self.session.lock().unwrap().clone();
        let request =
            axum::http::Request::get("/agents").header(COOKIE, format!("{name}={session}"));
        let response = router.oneshot(request.body(Body::empty()).unwrap());
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        if let Some(set) = response.headers().get(SET_COOKIE) {
            let (_, value) = set.to_str().unwrap().split_once('=').unwrap();
            let newer = value.split(';').next().unwrap().to_owned();
            *self.session.lock().unwrap() = newer;
        }
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        assert_eq!(body, self.id);
    }
}

/// Requests of sessions of the platform: calls, rotations, and how many calls each session may have cost.
async fn of_rotating_sessions(load: &Load, rotate_after: Duration, policy: Policy) {
    let cloud = cloud_with(Dialect::Platform, |options| {
        options.platform.rotate_after = rotate_after;
    })
    .await;
    let early = policy.refresh_early.min(policy.fresh / 10);
    let least = policy.fresh.saturating_sub(early);
    let auth = MastraCloudAuth::builder()
        .dialect(Dialect::Platform)
        .base_url(cloud.url())
        .public_url("http://localhost:3000")
        .policy(policy)
        .build()
        .unwrap();
    let (router, name) = (router(&auth), auth.cookie_name().to_owned());
    let one = |at: usize| {
        let (handle, id) = PEOPLE[at % PEOPLE.len()];
        let session = session_of(&cloud, handle).expose().to_owned();
        Holder {
            id,
            session: Arc::new(Mutex::new(session)),
        }
    };
    let holders: Vec<Holder> = (0..load.tokens).map(one).collect();
    let (mut dice, mut ticks) = (Dice::new(1), tokio::time::interval(TICK));
    let (begun, mut under_way) = (Instant::now(), Vec::new());
    while under_way.len() < load.requests {
        ticks.tick().await;
        while under_way.len() < load.due(begun.elapsed()) {
            let holder = holders[dice.below(holders.len())].clone();
            under_way.push(tokio::spawn(holder.request(router.clone(), name.clone())));
        }
    }
    for request in under_way {
        request.await.unwrap();
    }
    let windows = begun.elapsed().as_millis() / least.as_millis() + 1;
    let (calls, rotations) = (cloud.requests("any"), cloud.requests("rotation"));
    let most = u64::try_from(windows).unwrap() * u64::try_from(load.tokens).unwrap();
    println!(
        "{} requests of {} sessions of the platform in {:?}, which rotate after {rotate_after:?}: {calls} calls and {rotations} rotations; \
         one for each session and {least:?} are {most}",
        load.requests, load.tokens, load.time
    );
    assert!(rotations > 0 && calls <= most + rotations, "{calls}");
}

fn never_early(policy: Policy) -> Policy {
    let mut policy = policy;
    policy.refresh_early = Duration::ZERO;
    policy
}

fn brisk() -> Policy {
    let mut policy = crate::common::brisk();
    policy.fresh = Duration::from_millis(800);
    policy.refused = Duration::from_millis(400);
    policy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_costs_one_call_in_its_fresh_time() {
    let load = Load {
        requests: 2_000,
        time: Duration::from_secs(2),
        tokens: 40,
    };
    of_sessions(&load, never_early(brisk())).await;
    of_sessions(&load, brisk()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_session_that_rotates_costs_one_call_in_its_fresh_time() {
    let load = Load {
        requests: 2_000,
        time: Duration::from_secs(2),
        tokens: 40,
    };
    let policy = never_early(brisk());
    of_rotating_sessions(&load, Duration::from_millis(500), policy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_costs_one_call_in_its_refused_time() {
    let load = Load {
        requests: 1_000,
        time: Duration::from_secs(1),
        tokens: 20,
    };
    of_refused_tokens(&load, brisk()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: cargo xtask soak sealed"]
async fn soak_sealed() {
    let load = Load {
        requests: 100_000,
        time: Duration::from_mins(1),
        tokens: 1_000,
    };
    let policy = Policy::of(Dialect::Platform);
    of_rotating_sessions(&load, Duration::from_secs(10), policy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask soak cost"]
async fn soak_cost() {
    let load = Load {
        requests: 100_000,
        time: Duration::from_mins(1),
        tokens: 1_000,
    };
    of_sessions(&load, never_early(Policy::default())).await;
    of_sessions(&load, Policy::default()).await;
    let load = Load {
        requests: 10_000,
        time: Duration::from_secs(20),
        tokens: 100,
    };
    of_refused_tokens(&load, Policy::default()).await;
}
