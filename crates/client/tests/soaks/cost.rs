//! What requests cost in calls to the Cloud: one for a session and its fresh time, one for a refused token and its refused time.
//!
//! `cargo xtask soak cost` makes 100,000 requests of 1,000 sessions in a minute, twice: without the background refresh before the
//! fresh time ends, and with it, as by default. Then it makes 10,000 with refused tokens.

use std::time::{Duration, Instant};

use axum::Router;
use mastra_auth_cloud::{Dialect, Policy};
use mastra_auth_local_cloud::LocalCloud;

use crate::common::{PEOPLE, cloud, router};
use crate::load::{Calls, Dice, Recorder, get, recorded, spread};

/// So many requests, evenly over that time.
struct Load {
    requests: usize,
    time: Duration,
    tokens: usize,
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
        let share = begun.elapsed().as_secs_f64() / load.time.as_secs_f64();
        #[allow(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a number of requests"
        )]
        let due = (load.requests as f64 * share) as usize;
        while under_way.len() < due.min(load.requests) {
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
async fn a_refused_token_costs_one_call_in_its_refused_time() {
    let load = Load {
        requests: 1_000,
        time: Duration::from_secs(1),
        tokens: 20,
    };
    of_refused_tokens(&load, brisk()).await;
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
