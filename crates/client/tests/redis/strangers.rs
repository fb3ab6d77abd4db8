//! What another writer in the same Redis can do to the set and the channel: neither keep an instance from joining, nor fill its
//! memory. And which rights our Redis user needs, so that others can be denied them.
//!
//! Needs a redis-server, so these are left out of the usual run: `cargo xtask redis` runs them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::redis_server::{RedisServer, connection};
use mastra_auth_cloud::revocation::{
    ChannelError, ChannelUpdate, RedisRevocations, RevocationChannel as _,
};
use redis::aio::MultiplexedConnection;

const REALM: &str = "00000000000000000000000000000000";
const NAME: &str = "mastra-auth:revocations:00000000000000000000000000000000";
const MOST: usize = 200_000;

/// Another client, with all rights.
async fn stranger(redis: &RedisServer) -> MultiplexedConnection {
    connection(&redis.url()).await
}

fn in_an_hour() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() + 3_600_000
}

/// All that is kept.
async fn joined(channel: &RedisRevocations) -> Result<Vec<String>, ChannelError> {
    let mut all = Vec::new();
    loop {
        match channel.receive(REALM, MOST).await? {
            ChannelUpdate::SnapshotPart(texts) => all.extend(texts),
            ChannelUpdate::SnapshotEnd { texts, left_out } => {
                assert_eq!(left_out, 0);
                all.extend(texts);
                return Ok(all);
            }
            other => panic!("not joined yet: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_080_a_member_that_is_no_text_keeps_nobody_from_joining() {
    let redis = RedisServer::start();
    let mut stranger = stranger(&redis).await;
    let mut adding = redis::pipe();
    adding.zadd(NAME, &b"\xff\xfe"[..], "+inf").ignore();
    adding.zadd(NAME, "x".repeat(5000), "+inf").ignore();
    adding.zadd(NAME, "good", in_an_hour().to_string()).ignore();
    let () = adding.query_async(&mut stranger).await.unwrap();
    let channel = RedisRevocations::new(&redis.url()).unwrap();
    // Each that cannot be read is told as such.
    assert_eq!(joined(&channel).await.unwrap(), ["", "", "good"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_080_members_too_long_for_a_page_keep_nobody_from_joining() {
    let redis = RedisServer::start();
    let mut stranger = stranger(&redis).await;
    let mut adding = redis::pipe();
    for n in 0..100 {
        let member = format!("{n} {}", "x".repeat(20_000));
        adding.zadd(NAME, member, "+inf").ignore();
    }
    // It takes longer than a command may, alone.
    adding.zadd(NAME, "y".repeat(2_000_000), in_an_hour().to_string());
    adding.zadd(NAME, "good", (in_an_hour() - 1000).to_string());
    let () = adding.query_async(&mut stranger).await.unwrap();
    let way = crate::redis_slow::way(&redis, 1_000_000).await;
    let channel = RedisRevocations::new(&way).unwrap();
    let joining = tokio::time::timeout(Duration::from_secs(60), joined(&channel));
    let texts = joining.await.unwrap().unwrap();
    assert_eq!((texts.len(), texts.last().unwrap().as_str()), (102, "good"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_080_what_is_told_faster_than_it_is_heard_does_not_stay() {
    let redis = RedisServer::start();
    let mut stranger = stranger(&redis).await;
    // On a busy machine Redis would leave a reader that is slow: that is not what is tested here.
    let () = redis::cmd("CONFIG")
        .arg(&["SET", "client-output-buffer-limit", "pubsub 0 0 0"])
        .query_async(&mut stranger)
        .await
        .unwrap();
    let channel = RedisRevocations::new(&redis.url()).unwrap();
    assert_eq!(joined(&channel).await.unwrap(), [""; 0]);
    // Longer than any entry: not held while they wait.
    let before = resident();
    for _ in 0..80 {
        tell(&mut stranger, &"x".repeat(20_000), 100).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let more = resident().saturating_sub(before);
    assert!(more < 40, "{more} MB of 160 are held");
    let mut heard = 0;
    while heard < 8000 {
        let ChannelUpdate::Published(texts) = channel.receive(REALM, MOST).await.unwrap() else {
            panic!("joined already");
        };
        assert!(texts.iter().all(String::is_empty));
        heard += texts.len();
    }
    // Where too many wait, it begins anew, with what the set says. On a busy machine they come while it reads: then more are sent.
    let mut heard = 0;
    loop {
        match channel.receive(REALM, MOST).await {
            Ok(ChannelUpdate::Published(texts)) if texts.is_empty() => {
                tell(&mut stranger, "short", 20_000).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok(ChannelUpdate::Published(texts)) => heard += texts.len(),
            Ok(other) => panic!("{other:?}"),
            // On a busy machine its own commands may be late; that too begins anew.
            Err(_) if heard < 16_384 => {
                while joined(&channel).await.is_err() {}
                heard = 0;
            }
            Err(_) => break,
        }
    }
    assert_eq!(joined(&channel).await.unwrap(), [""; 0]);
}

async fn tell(stranger: &mut MultiplexedConnection, text: &str, times: usize) {
    let mut telling = redis::pipe();
    for _ in 0..times {
        telling.publish(NAME, text).ignore();
    }
    let () = telling.query_async(stranger).await.unwrap();
}

/// How much of the memory is this process's, in MB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: usize = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kilobytes / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_031_the_user_that_the_guide_makes_may_do_what_is_needed() {
    let redis = RedisServer::start();
    let mut stranger = stranger(&redis).await;
    let guide = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/guide/revocations.md"
    );
    let guide = std::fs::read_to_string(guide).unwrap();
    let line = guide.lines().find(|line| line.starts_with("ACL SETUSER "));
    let mut words = line.unwrap().split(' ');
    let mut making = redis::cmd(words.next().unwrap());
    making.arg(words.collect::<Vec<_>>());
    let () = making.query_async(&mut stranger).await.unwrap();
    let url = |user: &str| redis.url().replace("redis://", &format!("redis://{user}@"));
    let channel = RedisRevocations::new(&url("sign-outs:PASSWORD")).unwrap();
    assert_eq!(joined(&channel).await.unwrap(), [""; 0]);
    assert_eq!(channel.publish(REALM, &[]).await, Ok(()));
    // What is shared of a sealed session.
    let shared = [
        "SET KEY 1 NX PX 60000",
        "SET KEY 1 NX PX 60000",
        "GETRANGE KEY 0 9",
        "DEL KEY",
        "GETRANGE KEY 0 9",
    ];
    let key = format!("mastra-auth:sessions:{REALM}:x");
    let shared = shared.map(|line| {
        line.replace("KEY", &key)
            .split(' ')
            .map(str::to_owned)
            .collect()
    });
    let replies = channel.redis(&shared).unwrap().await.unwrap();
    let expect = [Some("OK"), None, Some("1"), Some("1"), Some("")];
    assert_eq!(replies, expect.map(|it| it.map(str::to_owned)));
    // Long enough that it looks whether what was kept is there.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(7) {
        let came = channel.receive(REALM, MOST).await;
        assert_eq!(came, Ok(ChannelUpdate::Published(Vec::new())));
    }
    let mut refused = connection(&url("sign-outs:PASSWORD")).await;
    for command in [
        "KEYS *",
        "GET mastra-auth:x",
        "SET other 1",
        "PUBLISH other 1",
        "ZADD other 1 1",
    ] {
        let mut words = command.split(' ');
        let mut asking = redis::cmd(words.next().unwrap());
        asking.arg(words.collect::<Vec<_>>());
        let answer = asking.query_async::<redis::Value>(&mut refused).await;
        assert_eq!(answer.unwrap_err().code(), Some("NOPERM"), "{command}");
    }
}
