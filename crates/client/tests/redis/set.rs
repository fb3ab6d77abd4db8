//! The set that a real Redis keeps: how much of it is read, how long it is kept, and what follows where it is gone.
//!
//! Needs a redis-server, so these are left out of the usual run: `cargo xtask redis` runs them.

use std::time::Duration;

use crate::common::{cloud, patient, until};
use crate::redis_server::{RedisServer, connection};
use mastra_auth_cloud::revocation::RedisRevocations;
use mastra_auth_cloud::{
    Authentication, Dialect, MastraCloudAuth, SessionId, SessionToken, Timestamp,
};
use mastra_auth_local_cloud::LocalCloud;

const HOUR: Duration = Duration::from_hours(1);

fn instance(cloud: &LocalCloud, redis: &RedisServer, denials: usize) -> MastraCloudAuth {
    let mut policy = patient();
    policy.deny_list_capacity = denials;
    MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .policy(policy)
        .fresh_for(HOUR)
        .revocations(RedisRevocations::new(&redis.url()).unwrap())
        .build()
        .unwrap()
}

async fn connected(auth: &MastraCloudAuth) {
    until("the link is there", || async {
        auth.revocation_status().unwrap().is_connected()
    })
    .await;
}

async fn told(auth: &MastraCloudAuth) {
    until("it is told", || async {
        auth.revocation_status().unwrap().pending == 0
    })
    .await;
}

fn session(id: &str) -> SessionId {
    SessionId::parse(id).unwrap()
}

/// A token that is known there, and the session that it is of.
async fn sign_in(cloud: &LocalCloud, auth: &MastraCloudAuth, who: &str) -> (SessionToken, String) {
    let text = cloud.control().sign_in(who, HOUR).unwrap();
    let Authentication::Authenticated(identity) = auth.authenticate_token(&text).await else {
        panic!("just signed in");
    };
    let id = identity.session_id().unwrap().as_str().to_owned();
    (SessionToken::parse(&text).unwrap(), id)
}

/// The set, by what else one can do with it.
struct Set {
    connection: redis::aio::MultiplexedConnection,
    name: String,
}

impl Set {
    /// The one that this instance has told something.
    async fn of(auth: &MastraCloudAuth, redis: &RedisServer) -> Self {
        connected(auth).await;
        auth.end_session(&session("ses_first"));
        told(auth).await;
        let mut connection = connection(&redis.url()).await;
        let names: Vec<String> = redis::cmd("KEYS")
            .arg("mastra-auth:revocations:????????????????????????????????")
            .query_async(&mut connection)
            .await
            .unwrap();
        let [name] = names.try_into().unwrap();
        Self { connection, name }
    }

    fn text(&self, id: &str, until: Timestamp) -> String {
        let realm = self.name.rsplit(':').next().unwrap();
        let at = until.minus(HOUR).unix_millis();
        format!("1 {realm} session {at} {} {id}", until.unix_millis())
    }

    /// Writes these, as another instance would have.
    async fn add(&mut self, entries: &[(String, Timestamp)]) {
        let mut adding = redis::pipe();
        for (id, until) in entries {
            let text = self.text(id, *until);
            adding.zadd(&self.name, text, until.unix_millis()).ignore();
        }
        let () = adding.query_async(&mut self.connection).await.unwrap();
    }

    /// How many are kept, besides each instance's mark.
    async fn count(&mut self) -> usize {
        let all = self.all().await;
        all.iter().filter(|text| !text.starts_with("mark ")).count()
    }

    async fn empty(&mut self) {
        let flush = redis::cmd("FLUSHALL");
        let () = flush.query_async(&mut self.connection).await.unwrap();
    }

    async fn all(&mut self) -> Vec<String> {
        redis::cmd("ZRANGE")
            .arg(&self.name)
            .arg((0, -1))
            .query_async(&mut self.connection)
            .await
            .unwrap()
    }
}

fn now() -> Timestamp {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_unix_millis(0).plus(since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn what_is_kept_is_read_to_its_end_in_pages() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let mut set = Set::of(&instance(&cloud, &redis, 100_000), &redis).await;
    // More than two pages end in the same millisecond, and some before and after.
    let hour = now().plus(HOUR);
    let entries: Vec<_> = (0..7000_u64)
        .map(|n| {
            let until = match n {
                0..1500 => hour.minus(Duration::from_millis(n + 1)),
                1500..6500 => hour,
                _ => hour.plus(Duration::from_millis(n)),
            };
            (format!("s{n}"), until)
        })
        .collect();
    set.add(&entries).await;
    let late = instance(&cloud, &redis, 100_000);
    connected(&late).await;
    assert_eq!(late.statistics().deny_list, 7001);
    let status = late.revocation_status().unwrap();
    assert_eq!((status.received, status.left_out), (7001, 0), "{status:?}");
    told(&late).await;
    assert_eq!(late.revocation_status().unwrap().sent, 0, "nothing lacks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_080_a_set_larger_than_can_be_known_is_read_in_part_and_that_is_told() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis, 100_000);
    let mut set = Set::of(&here, &redis).await;
    let (soon, soon_id) = sign_in(&cloud, &here, "member").await;
    let (late, late_id) = sign_in(&cloud, &here, "viewer").await;
    let mut entries: Vec<_> = (1..=7000_u64)
        .map(|n| (format!("s{n}"), now().plus(HOUR + Duration::from_millis(n))))
        .collect();
    entries.push((soon_id, now().plus(HOUR / 2)));
    entries.push((late_id, now().plus(HOUR * 2)));
    set.add(&entries).await;
    // Twice as many are read as can be known: 5000 of 7003, those that end last.
    let there = instance(&cloud, &redis, 2500);
    connected(&there).await;
    let status = there.revocation_status().unwrap();
    assert_eq!(
        (status.left_out, there.statistics().deny_list),
        (2003, 2500)
    );
    for (token, is_known) in [(soon, true), (late, false)] {
        let answer = there.authenticate_token(token.expose()).await;
        assert_eq!(matches!(answer, Authentication::Authenticated(_)), is_known);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn what_an_instance_told_is_no_news_to_it_until_it_starts_anew() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis, 100_000);
    let mut set = Set::of(&here, &redis).await;
    let (token, _) = sign_in(&cloud, &here, "member").await;
    let _ = here.sign_out(&token).await;
    let other = instance(&cloud, &redis, 100_000);
    connected(&other).await;
    other.end_session(&session("ses_other"));
    until("the other's came", || async {
        here.revocation_status().unwrap().received > 0
    })
    .await;
    let status = here.revocation_status().unwrap();
    assert_eq!((status.sent, status.received), (3, 1), "{status:?}");
    // A new instance receives its own earlier revocations as those of others, and does not publish them again.
    drop((here, other));
    let again = instance(&cloud, &redis, 100_000);
    connected(&again).await;
    told(&again).await;
    let status = again.revocation_status().unwrap();
    assert_eq!((status.sent, status.received), (0, 4), "{status:?}");
    assert_eq!(set.count().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_085_a_clock_that_is_ahead_takes_away_nothing_that_stands() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis, 100_000);
    let mut set = Set::of(&here, &redis).await;
    // To a clock that is almost a day ahead, what ends in an hour is over.
    let entries = [("kept", HOUR * 23), ("gone", HOUR * 25)];
    let entries = entries.map(|(id, ago)| (id.to_owned(), now().minus(ago)));
    set.add(&entries).await;
    here.end_session(&session("ses_next"));
    told(&here).await;
    let kept: Vec<String> = set.all().await;
    let is_kept = |id: &str| kept.iter().any(|text| text.ends_with(id));
    assert_eq!((is_kept(" kept"), is_kept(" gone")), (true, false));
    assert_eq!(
        here.statistics().deny_list,
        2,
        "an expired revocation is not published"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_031_a_redis_that_was_emptied_is_told_again_what_stands() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis, 100_000);
    let other = instance(&cloud, &redis, 100_000);
    let mut set = Set::of(&here, &redis).await;
    connected(&other).await;
    set.empty().await;
    // It keeps something again, and not what it kept.
    other.end_session(&session("ses_next"));
    told(&other).await;
    assert_eq!(set.count().await, 1);
    let begun = std::time::Instant::now();
    while set.count().await < 2 {
        assert!(begun.elapsed() < Duration::from_secs(10), "not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for one in [&here, &other] {
        connected(one).await;
    }
    assert!(here.revocation_status().unwrap().lost > 0);
    // It is not noticed for ever.
    let lost = || async { here.revocation_status().unwrap().lost };
    let before = lost().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(lost().await, before);
}

/// It is noticed, and told again by who knows it, also to one that knows nothing.
async fn is_told_again(set: &mut Set, here: &MastraCloudAuth, late: &MastraCloudAuth) {
    let begun = std::time::Instant::now();
    while set.count().await < 1 || late.statistics().deny_list < 1 {
        assert!(begun.elapsed() < Duration::from_secs(10), "not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for one in [here, late] {
        connected(one).await;
    }
    assert!(here.revocation_status().unwrap().lost > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_031_a_set_that_redis_gave_up_for_want_of_memory_is_told_again() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis, 100_000);
    let mut set = Set::of(&here, &redis).await;
    // Only one key is abandoned.
    let mut giving_up = redis::cmd("DEL");
    giving_up.arg(&set.name);
    let () = giving_up.query_async(&mut set.connection).await.unwrap();
    let late = instance(&cloud, &redis, 100_000);
    connected(&late).await;
    assert_eq!(late.statistics().deny_list, 0);
    is_told_again(&mut set, &here, &late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_085_what_a_clock_takes_away_that_is_days_ahead_is_told_again() {
    let (redis, cloud) = (RedisServer::start(), cloud(Dialect::V1).await);
    let here = instance(&cloud, &redis, 100_000);
    let mut set = Set::of(&here, &redis).await;
    // What such a one does with its next write.
    let mut taking = redis::cmd("ZREMRANGEBYSCORE");
    let ahead = now().plus(HOUR * 24 * 2);
    taking.arg(&set.name).arg("-inf").arg(ahead.unix_millis());
    let () = taking.query_async(&mut set.connection).await.unwrap();
    assert_eq!(set.count().await, 0);
    let late = instance(&cloud, &redis, 100_000);
    connected(&late).await;
    is_told_again(&mut set, &here, &late).await;
}
