//! Revocations as instances tell them one another, and how they are read from Redis.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::revocation::Namespace;
use mastra_auth_cloud_core::revocation::redis::{Command, RedisSet, text_of};
use mastra_auth_cloud_core::time::{Now, Timestamp};

use super::answers::config;
use super::script::Script;

fn namespace(project: &str) -> Namespace {
    let mut config = config("v1");
    config.project_id = ProjectId::parse(project).unwrap();
    Engine::new(config, Entropy::new([7; 32]))
        .namespace()
        .clone()
}

static NAMESPACES: LazyLock<[Namespace; 2]> = LazyLock::new(|| ["demo", "other"].map(namespace));

/// The text of a revocation; a tilde stands for this deployment. It has one spelling, means nothing to two deployments, and an
/// instance applies it once.
pub fn revocation(data: &[u8]) {
    let [own, other] = &*NAMESPACES;
    let text = text_of(data).replace('~', own.as_str());
    let now = Now {
        wall: Timestamp::from_unix_seconds(2_000_000_000),
        monotonic: Duration::ZERO,
    };
    let engine = Engine::new(config("v1"), Entropy::new([7; 32]));
    let applied = engine.apply_texts([&*text, &text], now);
    let Ok(revocation) = own.parse(&text) else {
        assert_eq!(applied.new, 0);
        return;
    };
    assert!(other.parse(&text).is_err());
    assert_eq!(own.encode(&revocation), text);
    assert!(text.len() <= RedisSet::LONGEST && text.is_ascii());
    assert!(applied.new <= 1);
    assert_eq!(engine.apply_texts([&*text], now).new, 0);
    // What is in force is told to an instance that lost it, and ends no later than it was told.
    let all = engine.revocations(now);
    assert_eq!(all.len(), applied.new);
    for kept in all {
        assert_eq!(kept.subject, revocation.subject);
        assert!(kept.until <= revocation.until && !kept.is_over(now.wall));
        let another: Arc<Engine> = Engine::new(config("v1"), Entropy::new([8; 32]));
        assert_eq!(another.apply_texts([&*own.encode(&kept)], now).new, 1);
    }
}

/// A sorted set that is read in pages while some come late. Every entry that is not over is read once, up to the limit.
pub fn snapshot(data: &[u8]) {
    let mut script = Script(data);
    let now = 1000;
    let most = 1 + script.below(64);
    let mut entries: Vec<(i64, Vec<u8>)> = Vec::new();
    for number in 0..script.below(48) {
        let score = now - 4 + i64::from(script.byte() % 24);
        entries.push((score, format!("entry {number}").into_bytes()));
    }
    entries.sort_by(|one, other| other.cmp(one));
    let alive = entries.iter().filter(|(score, _)| *score > now).count();
    let set = RedisSet::new("namespace", "0");
    // The mark is put where it is looked for, and not where an emptied set would have lost it.
    let at = Timestamp::from_unix_millis(now);
    let (put, [look, keep]) = (set.add_mark(at), set.check_mark(at));
    assert_eq!((&put[1], put.last()), (&look[1], look.last()));
    assert_eq!([&keep[..2], &keep[3..]].concat(), put);
    assert_eq!((&*put[1], &*keep[2]), (set.name(), "XX"));
    let mut snapshot = set.snapshot(most, Timestamp::from_unix_millis(now));
    let (mut read, mut late) = (Vec::new(), 0);
    let left_out = loop {
        let [page, count] = snapshot.commands();
        let asks = page.last().is_some_and(|most| most != "0");
        // Redis answers some page in time, at the latest the last.
        if asks && late < 40 && script.byte() % 4 == 3 {
            late += 1;
            snapshot.late();
            continue;
        }
        assert_eq!(count, snapshot.count());
        let page = snapshot.page(&answer(&entries, &page), alive);
        read.extend(page.texts);
        if let Some(left_out) = page.left_out {
            break left_out;
        }
        assert!(read.len() <= alive + late, "it goes on for ever");
    };
    let unreadable = read.iter().filter(|text| text.is_empty()).count();
    assert!(read.len() <= most && unreadable <= late);
    read.retain(|text| !text.is_empty());
    let count = read.len();
    read.sort();
    read.dedup();
    assert_eq!(read.len(), count, "an entry is read twice");
    if late == 0 {
        assert_eq!(
            (count, left_out),
            (alive.min(most), alive.saturating_sub(most))
        );
    }
}

/// What Redis answers to `ZREVRANGEBYSCORE`.
fn answer(entries: &[(i64, Vec<u8>)], command: &Command) -> Vec<(Vec<u8>, String)> {
    let [_, _, from, since, _, _, skip, most] = &command[..] else {
        panic!("{command:?}");
    };
    let from: i64 = if from == "+inf" {
        i64::MAX
    } else {
        from.parse().unwrap()
    };
    let since: i64 = since.strip_prefix('(').unwrap().parse().unwrap();
    let range = entries
        .iter()
        .filter(|(score, _)| *score <= from && *score > since);
    let found = range
        .skip(skip.parse().unwrap())
        .take(most.parse().unwrap());
    found
        .map(|(score, text)| (text.clone(), score.to_string()))
        .collect()
}
