//! Sign-outs from instance to instance over a real Redis: how fast, and what is lost when Redis is killed in the middle.
//!
//! Needs a redis-server, so these are left out of the usual run: `cargo xtask redis` runs them, and `cargo xtask soak signout`
//! the long one.

use std::time::{Duration, Instant};

use crate::common::{almost_in, cloud, finish, until};
use crate::redis_server::RedisServer;
use mastra_auth_cloud::revocation::RedisRevocations;
use mastra_auth_cloud::{
    Authentication, Code, Dialect, MastraCloudAuth, SessionId, SessionToken, SignOut, UserId,
};
use mastra_auth_local_cloud::LocalCloud;

const HOUR: Duration = Duration::from_hours(1);

/// One instance of the deployment. What it verified once it does not ask about again: what it refuses it was told.
fn instance(cloud: &LocalCloud, redis: &RedisServer) -> MastraCloudAuth {
    instance_of("demo", cloud, redis)
}

fn instance_of(project: &str, cloud: &LocalCloud, redis: &RedisServer) -> MastraCloudAuth {
    MastraCloudAuth::builder()
        .project_id(project)
        .base_url(cloud.url())
        .fresh_for(HOUR)
        .revocations(RedisRevocations::new(&redis.url()).unwrap())
        .build()
        .unwrap()
}

async fn four(cloud: &LocalCloud, redis: &RedisServer) -> [MastraCloudAuth; 4] {
    let all = [(); 4].map(|()| instance(cloud, redis));
    for one in &all {
        connected(one, true).await;
    }
    all
}

async fn connected(auth: &MastraCloudAuth, is_so: bool) {
    until("the link is as expected", || async {
        auth.revocation_status().unwrap().is_connected() == is_so
    })
    .await;
}

fn sign_in(cloud: &LocalCloud, turn: usize) -> SessionToken {
    let person = ["owner", "admin", "member", "viewer"][turn % 4];
    SessionToken::parse(&cloud.control().sign_in(person, HOUR).unwrap()).unwrap()
}

async fn known_to(all: &[MastraCloudAuth], token: &SessionToken) {
    for one in all {
        let answer = one.authenticate_token(token.expose()).await;
        assert!(
            matches!(answer, Authentication::Authenticated(_)),
            "{answer:?}"
        );
    }
}

async fn is_refused(auth: &MastraCloudAuth, token: &SessionToken) -> bool {
    match auth.authenticate_token(token.expose()).await {
        Authentication::Rejected(error) => {
            assert_eq!(error.code(), Code::SignedOut.as_str());
            true
        }
        Authentication::Authenticated(_) => false,
        other => panic!("{other:?}"),
    }
}

/// How long it takes until an instance refuses the token.
async fn refused_after(auth: MastraCloudAuth, token: SessionToken, begun: Instant) -> Duration {
    while !is_refused(&auth, &token).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "never refused");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    begun.elapsed()
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::as_conversions,
        reason = "a place in a short list"
    )]
    let place = (times.len() as f64 * share) as usize;
    times[place.min(times.len() - 1)]
}

/// Signs out one after another, each on one of four instances; how many were let in on the same one afterwards, and how long
/// the three others took.
async fn drill(sign_outs: usize) -> (usize, Vec<Duration>) {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let all = four(&cloud, &redis).await;
    let (mut slipped, mut times) = (0, Vec::new());
    for turn in 0..sign_outs {
        let (token, bystander) = (sign_in(&cloud, turn), sign_in(&cloud, turn));
        known_to(&all, &token).await;
        known_to(&all, &bystander).await;
        let (here, begun) = (turn % 4, Instant::now());
        let others: Vec<_> = (0..4)
            .filter(|other| *other != here)
            .map(|other| tokio::spawn(refused_after(all[other].clone(), token.clone(), begun)))
            .collect();
        assert_eq!(all[here].sign_out(&token).await, SignOut::Ended);
        if !is_refused(&all[here], &token).await {
            slipped += 1;
        }
        for other in others {
            times.push(other.await.unwrap());
        }
        known_to(&all, &bystander).await;
    }
    for one in &all {
        // The others hear of a revocation before Redis answers the instance that told it.
        until("nothing waits to be told", || async {
            one.revocation_status().unwrap().pending == 0
        })
        .await;
        let status = one.revocation_status().unwrap();
        assert_eq!(status.unreadable, 0, "{status:?}");
        assert!(status.lag.is_some(), "{status:?}");
    }
    (slipped, times)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_031_a_sign_out_is_known_to_three_others() {
    let (slipped, times) = drill(200).await;
    assert_eq!((slipped, times.len()), (0, 600));
}

/// Within a second, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask soak signout"]
async fn soak_signout() {
    let count = std::env::var("SIGN_OUTS").ok();
    let sign_outs = count.map_or(10_000, |count| count.parse().unwrap());
    let (slipped, mut times) = drill(sign_outs).await;
    let p99 = quantile(&mut times, 0.99);
    println!(
        "{sign_outs} sign-outs: {slipped} slipped through; on three others p50 {:?}, p99 {p99:?}, most {:?}",
        quantile(&mut times, 0.5),
        quantile(&mut times, 1.0),
    );
    assert_eq!(slipped, 0);
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
    redis_is_killed(1000).await;
}

/// Redis is killed in the middle and comes back with nothing: every sign-out from before, between and after stands everywhere,
/// also on an instance that was not there.
async fn redis_is_killed(each: usize) {
    let (mut redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let all = four(&cloud, &redis).await;
    let tokens: Vec<_> = (0..each * 3).map(|turn| sign_in(&cloud, turn)).collect();
    let bystander = sign_in(&cloud, 0);
    for token in tokens.iter().chain([&bystander]) {
        known_to(&all, token).await;
    }
    let (before, rest) = tokens.split_at(each);
    let (between, after) = rest.split_at(each);
    let calm = warm(&all, &bystander).await;
    sign_out_all(&all, before).await;
    redis.kill();
    sign_out_all(&all, between).await;
    for one in &all {
        connected(one, false).await;
    }
    let status = all[0].revocation_status().unwrap();
    assert!(status.pending > 0 && status.lost > 0, "{status:?}");
    let away = warm(&all, &bystander).await;
    println!("warm request, half and most of 400: {calm:?} with Redis, {away:?} without");
    assert!(away.0 < calm.0 * 5 + Duration::from_micros(50), "as fast");
    assert!(away.1 < Duration::from_millis(500), "nothing waits for it");
    redis.start_again();
    let begun = Instant::now();
    sign_out_all(&all, after).await;
    let late = instance(&cloud, &redis);
    connected(&late, true).await;
    for token in &tokens {
        for one in &all {
            refused_after(one.clone(), token.clone(), begun).await;
        }
    }
    // Asked before that, the Cloud would have refused them.
    until("who was not there has them too", || async {
        late.statistics().deny_list >= tokens.len() * 2
    })
    .await;
    for token in &tokens {
        assert!(is_refused(&late, token).await);
    }
    println!(
        "{} sign-outs stand everywhere {:?} after the restart",
        tokens.len(),
        begun.elapsed()
    );
    known_to(&all, &bystander).await;
    for one in &all {
        connected(one, true).await;
        until("all is told", || async {
            one.revocation_status().unwrap().pending == 0
        })
        .await;
    }
}

async fn sign_out_all(all: &[MastraCloudAuth], tokens: &[SessionToken]) {
    for (turn, token) in tokens.iter().enumerate() {
        assert_eq!(all[turn % 4].sign_out(token).await, SignOut::Ended);
        assert!(is_refused(&all[turn % 4], token).await);
    }
}

/// How long half of many warm requests take at most, and the slowest.
async fn warm(all: &[MastraCloudAuth], token: &SessionToken) -> (Duration, Duration) {
    let mut times = Vec::new();
    for one in all.iter().cycle().take(400) {
        let begun = Instant::now();
        assert!(!is_refused(one, token).await);
        times.push(begun.elapsed());
        tokio::task::yield_now().await;
    }
    (quantile(&mut times, 0.5), quantile(&mut times, 1.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_031_redis_killed_in_the_middle_loses_nothing() {
    redis_is_killed(40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_031_an_instance_that_was_away_learns_what_ended() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis);
    connected(&here, true).await;
    let (token, other) = (sign_in(&cloud, 0), sign_in(&cloud, 1));
    known_to(std::slice::from_ref(&here), &token).await;
    assert_eq!(here.sign_out(&token).await, SignOut::Ended);
    until("it is told", || async {
        here.revocation_status().unwrap().pending == 0
    })
    .await;
    drop(here);
    let late = instance(&cloud, &redis);
    connected(&late, true).await;
    assert_eq!(late.statistics().deny_list, 2, "the token and its session");
    let before = cloud.requests("any");
    assert!(is_refused(&late, &token).await);
    assert_eq!(cloud.requests("any"), before, "without a call");
    known_to(&[late], &other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn a_redis_that_is_not_there_at_the_start_is_not_waited_for() {
    let (mut redis, cloud) = (RedisServer::reserve(), cloud(Dialect::V1).await);
    let begun = Instant::now();
    let (here, there) = (instance(&cloud, &redis), instance(&cloud, &redis));
    let token = sign_in(&cloud, 0);
    known_to(&[here.clone(), there.clone()], &token).await;
    assert_eq!(here.sign_out(&token).await, SignOut::Ended);
    assert!(begun.elapsed() < Duration::from_secs(2), "it hangs");
    let status = here.revocation_status().unwrap();
    assert!(!status.is_connected() && status.pending > 0, "{status:?}");
    assert!(!is_refused(&there, &token).await, "there is no way to know");
    redis.start_again();
    until("what waited was told", || is_refused(&there, &token)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn a_redis_that_died_without_a_word_is_noticed_and_holds_nobody_up() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let (here, there) = (instance(&cloud, &redis), instance(&cloud, &redis));
    for one in [&here, &there] {
        connected(one, true).await;
    }
    let token = sign_in(&cloud, 0);
    known_to(&[here.clone(), there.clone()], &token).await;
    redis.signal("STOP");
    let begun = Instant::now();
    assert_eq!(here.sign_out(&token).await, SignOut::Ended);
    assert!(begun.elapsed() < Duration::from_millis(900), "it hangs");
    for one in [&here, &there] {
        connected(one, false).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    redis.signal("CONT");
    until("what waited was told", || is_refused(&there, &token)).await;
    connected(&here, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_020_an_operator_ends_sessions_and_users_on_every_instance() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let (here, there) = (instance(&cloud, &redis), instance(&cloud, &redis));
    let all = [here.clone(), there.clone()];
    for one in &all {
        connected(one, true).await;
    }
    let mine = [sign_in(&cloud, 2), sign_in(&cloud, 2), sign_in(&cloud, 2)];
    let other = sign_in(&cloud, 3);
    for token in mine.iter().chain([&other]) {
        known_to(&all, token).await;
    }
    let Authentication::Authenticated(identity) = there.authenticate_token(mine[0].expose()).await
    else {
        panic!("known")
    };
    let session = SessionId::parse(identity.session_id().unwrap().as_str()).unwrap();
    here.end_session(&session);
    assert!(is_refused(&here, &mine[0]).await);
    until("the session is over there", || is_refused(&there, &mine[0])).await;
    known_to(&all, &mine[1]).await;
    here.end_user(&UserId::parse("usr_mei").unwrap());
    for token in &mine {
        assert!(is_refused(&here, token).await);
        until("the user is out there", || is_refused(&there, token)).await;
    }
    known_to(&all, &other).await;
    // A token says in whole seconds when it was issued.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    known_to(&all, &sign_in(&cloud, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_078_two_deployments_share_a_redis_and_nothing_else() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let (ours, theirs) = (
        instance_of("demo", &cloud, &redis),
        instance_of("other", &cloud, &redis),
    );
    for one in [&ours, &theirs] {
        connected(one, true).await;
    }
    ours.end_user(&UserId::parse("usr_mei").unwrap());
    ours.end_session(&SessionId::parse("ses_1").unwrap());
    until("it is told", || async {
        let status = ours.revocation_status().unwrap();
        status.pending == 0 && status.sent == 2
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(theirs.statistics().deny_list, 0);
    let status = theirs.revocation_status().unwrap();
    assert_eq!((status.received, status.unreadable), (0, 0), "{status:?}");
}

#[test]
fn a_url_that_is_none_of_redis_is_refused_without_a_word_of_it() {
    for bad in ["", "localhost", "http://user:hunter2@host", "redis://[::"] {
        let error = RedisRevocations::new(bad).unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfiguration.as_str());
        assert!(!format!("{error:?}{error}").contains("hunter2"));
    }
    let good = RedisRevocations::new("redis://user:hunter2@localhost/1").unwrap();
    assert!(!format!("{good:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn a_callback_that_was_used_on_one_instance_is_used_on_the_others() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let [here, there, ..] = four(&cloud, &redis).await;
    let [code, state, cookie] = almost_in(&here, &cloud).await;
    // A code that cannot be one is told later than a callback that was used, and spends nothing.
    assert_eq!(finish(&there, "", &state, &cookie).await, "code_malformed");
    assert_eq!(finish(&here, &code, &state, &cookie).await, "-");
    until("the other knows", || async {
        finish(&there, "", &state, &cookie).await == "callback_replayed"
    })
    .await;
    assert_eq!(
        finish(&there, &code, &state, &cookie).await,
        "callback_replayed"
    );
    assert_eq!(cloud.requests("exchange"), 1);
    for one in [&here, &there] {
        let status = one.revocation_status().unwrap();
        assert_eq!((status.sent, status.received, status.unreadable), (0, 0, 0));
        assert_eq!(status.pending, 0);
    }
    // One that starts later was not told: there the Cloud takes the code once.
    let late = instance(&cloud, &redis);
    connected(&late, true).await;
    assert_eq!(finish(&late, "", &state, &cookie).await, "code_malformed");
}
