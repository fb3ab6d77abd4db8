//! The fast path answers what the search would answer, or nothing.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::cookie::{MAX_HEADER_BYTES, MAX_SAME_NAME};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{RawCredentials, known, known_for};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher, Verdict};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Authentication, Event, Step};
use mastra_auth_cloud_core::flow::{Jitter, Outcome, Source};
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::time::{Now, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{
    SESSION, START, at, authenticate, config, jwt, open, run, sign_in, status, token, v1, verified,
    with_bearer,
};

fn brought<'h>(authorization: Option<&'h str>, cookie: Option<&'h str>) -> RawCredentials<'h> {
    RawCredentials {
        authorization,
        cookie: cookie.map(str::as_bytes),
        ..RawCredentials::default()
    }
}

/// Whom the fast path finds: twice, with the token new to it and with the token in the hot table.
fn found(engine: &Engine, brought: &RawCredentials<'_>, now: Now) -> Option<String> {
    let look = || {
        let found = known(engine, brought, now).ok()?;
        Some(found.user().id().to_string())
    };
    let (first, second) = (look(), look());
    assert_eq!(first, second);
    first
}

/// Whom a search finds at once, without a flow and with nothing to be done besides.
fn searched(
    engine: &Arc<Engine>,
    authorization: Option<&str>,
    cookie: Option<&str>,
    now: Now,
) -> Option<String> {
    let credentials = Credentials::read(engine, authorization, cookie).ok()?;
    let search = Authenticate::new(engine, credentials).into_task(Jitter(1));
    match search.step(Event::Start, now) {
        Step::Done(Verdict {
            answer: Authentication::Authenticated(identity),
            ..
        }) => Some(identity.user().id().to_string()),
        _ => None,
    }
}

/// Two people who are remembered, and one token that was refused.
fn two_people() -> Arc<Engine> {
    let engine = v1();
    for (token, answer) in [
        ("ada", verified("usr_ada", &[])),
        ("bob", verified("usr_bob", &[])),
        ("bad", status(401)),
    ] {
        with_bearer(&engine, token, at(0), [answer]);
    }
    engine
}

#[test]
fn the_credential_that_counts_most_is_the_one_that_is_looked_at() {
    let engine = two_people();
    let many = |count| format!("{SESSION}=ada; ").repeat(count);
    let long = format!("{SESSION}=ada; x={}", "x".repeat(MAX_HEADER_BYTES));
    for (authorization, cookie, expected) in [
        (Some("Bearer ada"), None, Some("usr_ada")),
        (Some("bearer  ada "), None, Some("usr_ada")),
        (
            Some("Bearer ada"),
            Some(format!("{SESSION}=bob")),
            Some("usr_ada"),
        ),
        (None, Some(format!("{SESSION}=bob")), Some("usr_bob")),
        (
            Some("Basic ada"),
            Some(format!("{SESSION}=bob")),
            Some("usr_bob"),
        ),
        (
            Some("Bearer "),
            Some(format!("{SESSION}=bob")),
            Some("usr_bob"),
        ),
        (
            None,
            Some(format!("a=1;\t{SESSION}=ada \t; {SESSION}=bob")),
            Some("usr_ada"),
        ),
        (
            None,
            Some(format!("{SESSION}=; {SESSION}=bob")),
            Some("usr_bob"),
        ),
        (
            None,
            Some(format!("x{SESSION}=ada; {SESSION}x=ada; {SESSION} =ada")),
            None,
        ),
        (None, Some(many(MAX_SAME_NAME)), Some("usr_ada")),
        // What cannot be read is refused, whatever stands beside it.
        (Some("Bearer ada"), Some(many(MAX_SAME_NAME + 1)), None),
        (Some("Bearer ada"), Some(long), None),
        (None, None, None),
    ] {
        let cookie = cookie.as_deref();
        let brought = brought(authorization, cookie);
        assert_eq!(found(&engine, &brought, at(1)).as_deref(), expected);
        let search = searched(&engine, authorization, cookie, at(1));
        assert_eq!(search.as_deref(), expected, "{authorization:?} {cookie:?}");
    }
    // Here a search goes on to the next; the fast path leaves that to it.
    for (authorization, cookie) in [
        (Some("Bearer bad"), format!("{SESSION}=bob")),
        (Some("Bearer a,b"), format!("{SESSION}=bob")),
        (None, format!("{SESSION}=bad; {SESSION}=bob")),
    ] {
        assert_eq!(
            found(&engine, &brought(authorization, Some(&cookie)), at(1)),
            None
        );
        let search = searched(&engine, authorization, Some(&cookie), at(1));
        assert_eq!(search.as_deref(), Some("usr_bob"));
    }
}

#[test]
fn a_token_from_the_host_counts_before_the_headers() {
    let engine = two_people();
    for (text, expected) in [
        ("ada", "usr_ada"),
        ("Bearer ada", "usr_ada"),
        ("", "usr_bob"),
    ] {
        let brought = RawCredentials {
            token: Some(text),
            ..brought(Some("Bearer bob"), None)
        };
        assert_eq!(found(&engine, &brought, at(1)).as_deref(), Some(expected));
    }
}

#[test]
fn bytes_that_are_no_text_break_nothing() {
    let engine = two_people();
    for (cookie, expected) in [
        (
            format!("x=\u{fc}; {SESSION}=ada").into_bytes(),
            Some("usr_ada"),
        ),
        (
            [b"x=\xff\xfe; ".as_slice(), SESSION.as_bytes(), b"=ada"].concat(),
            Some("usr_ada"),
        ),
        ([SESSION.as_bytes(), b"=ada\xff"].concat(), None),
        (
            [b"\xff".as_slice(), SESSION.as_bytes(), b"=ada"].concat(),
            None,
        ),
    ] {
        let brought = RawCredentials {
            cookie: Some(&cookie),
            ..RawCredentials::default()
        };
        assert_eq!(found(&engine, &brought, at(1)).as_deref(), expected);
    }
}

#[test]
fn what_ended_is_nobody_at_once_also_where_its_token_is_at_hand() {
    type End = fn(&Arc<Engine>);
    let ends: [End; 4] = [
        |engine| {
            let jitter = Jitter(1);
            let flow = Logout::new(Arc::clone(engine), token("t"), Effort::Full, at(1), jitter);
            // It counts from here on, before the Cloud hears of it.
            drop(flow);
        },
        |engine| engine.end_session(&SessionId::parse("ses_1").unwrap(), at(1)),
        |engine| engine.end_user(&UserId::parse("usr_1").unwrap(), at(1)),
        |engine| engine.forget(&token("t")),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let engine = v1();
        sign_in(&engine, "usr_1", "t");
        let brought = brought(Some("Bearer t"), None);
        assert_eq!(found(&engine, &brought, at(1)).as_deref(), Some("usr_1"));
        // As a request does that is still being answered.
        let held = known(&engine, &brought, at(1)).unwrap();
        end(&engine);
        assert_eq!(found(&engine, &brought, at(1)), None, "end {number}");
        drop(held);
    }
}

#[test]
fn times_are_looked_at_on_every_glance() {
    let mut config = config(Dialect::V1);
    config.policy.fresh = Duration::from_secs(30);
    config.policy.refresh_early = Duration::from_secs(3);
    let engine = open(config, Entropy::new([7; 32]));
    let text = jwt(&json!({ "sub": "usr_1", "exp": START + 20 }));
    with_bearer(&engine, "lasts", at(0), [verified("usr_1", &[])]);
    with_bearer(&engine, &text, at(0), [verified("usr_1", &[])]);
    let (lasting, ending) = ("Bearer lasts", format!("Bearer {text}"));
    let lasts = |now| found(&engine, &brought(Some(lasting), None), now).is_some();
    let ends = |now| found(&engine, &brought(Some(&ending), None), now).is_some();
    assert!(lasts(at(26)) && ends(at(19)));
    // The wall clock alone says when a session ends.
    assert!(!ends(at(20)));
    let early = Now {
        wall: Timestamp::from_unix_seconds(START + 20),
        ..at(1)
    };
    assert!(!ends(early));
    // Near the end of the fresh time one request has to refresh, and not on the fast path; then all others are served again.
    assert!(!lasts(at(28)));
    let ran = authenticate(&engine, Some(lasting), None, at(28), [status(500)]);
    assert_eq!(ran.sent.len(), 1);
    assert!(lasts(at(28)) && lasts(at(29)));
    assert!(!lasts(at(30)));
}

#[test]
fn threat_079_a_digest_counts_for_its_own_token_only() {
    let engine = v1();
    let text = jwt(&json!({ "sub": "usr_ada", "iat": START, "exp": START + 300 }));
    let header = format!("{SESSION}={text}");
    let answers = [verified("usr_ada", &[])];
    authenticate(&engine, None, Some(&header), at(0), answers);
    // Due for renewal, and still fresh: the fast path passes on the digest alone.
    let now = Now {
        wall: at(299).wall,
        ..at(1)
    };
    let miss = known_for(&engine, &brought(None, Some(&header)), Refresher::Here, now).unwrap_err();
    let other = Credentials::read(&engine, Some("Bearer other"), None).unwrap();
    let task = Authenticate::new(&engine, other.hashed(miss)).into_task(Jitter(1));
    let step = task.step(Event::Start, now);
    assert!(matches!(step, Step::Share(..)), "the Cloud is asked");
    let own = Credentials::read(&engine, None, Some(&header)).unwrap();
    let task = Authenticate::new(&engine, own.hashed(miss)).into_task(Jitter(1));
    assert!(matches!(task.step(Event::Start, now), Step::Done(_)));
}

#[test]
fn who_is_near_the_end_is_left_to_whoever_can_renew() {
    let engine = v1();
    let text = jwt(&json!({ "sub": "usr_1", "iat": START, "exp": START + 300 }));
    let header = format!("{SESSION}={text}");
    authenticate(
        &engine,
        None,
        Some(&header),
        at(0),
        [verified("usr_1", &[])],
    );
    let brought = brought(None, Some(&header));
    let now = |seconds| Now {
        wall: at(seconds).wall,
        ..at(1)
    };
    assert!(known_for(&engine, &brought, Refresher::Here, now(1)).is_ok());
    assert!(known_for(&engine, &brought, Refresher::Here, now(299)).is_err());
    assert!(known(&engine, &brought, now(299)).is_ok());
    let counted = engine.statistics().fresh;
    assert_eq!(counted, 2, "one that is left to others is counted there");
}

#[test]
fn a_request_is_counted_where_somebody_is_found_and_else_left_to_the_search() {
    let engine = two_people();
    let counted = || {
        let pair = (Outcome::Authenticated, Source::Cache);
        let mut requests = engine.counters().requests();
        let counters = requests.find(|(outcome, source, _)| (*outcome, *source) == pair);
        (counters.unwrap().2, engine.statistics().fresh)
    };
    let all = || engine.counters().requests().map(|row| row.2).sum::<u64>();
    let (before, all_before) = (counted(), all());
    assert!(known(&engine, &brought(Some("Bearer ada"), None), at(1)).is_ok());
    assert_eq!(counted(), (before.0 + 1, before.1 + 1));
    for text in ["Bearer bad", "Bearer never-seen", "Bearer a,b", ""] {
        assert!(known(&engine, &brought(Some(text), None), at(1)).is_err());
    }
    assert_eq!(all(), all_before + 1);
    let sum = engine.statistics();
    assert_eq!((sum.fresh, sum.unknown, sum.refused), (before.1 + 1, 3, 0));
}

#[test]
fn a_glance_and_what_it_was_made_of_show_nothing() {
    let text = format!("{:?}", brought(Some("Bearer canary"), Some("a=canary")));
    assert_eq!(text, "RawCredentials([redacted])");
    let engine = two_people();
    run(
        Logout::new(
            Arc::clone(&engine),
            token("ada"),
            Effort::Full,
            at(1),
            Jitter(1),
        ),
        at(1),
        [status(200)],
    );
    assert_eq!(
        found(&engine, &brought(Some("Bearer ada"), None), at(1)),
        None
    );
}

proptest! {
    /// Whatever the header, the fast path finds whom a search finds where the first cookie of the name is a good one.
    #[test]
    fn a_glance_reads_a_header_as_a_search_does(parts in prop::collection::vec(part(), 0..8)) {
        let engine = two_people();
        let header = parts.concat();
        let fast_hit = found(&engine, &brought(None, Some(&header)), at(1));
        let search = searched(&engine, None, Some(&header), at(1));
        if fast_hit.is_some() {
            prop_assert_eq!(&fast_hit, &search);
        } else if let Some(other) = &search {
            // It went on from one that is not remembered.
            let read: Vec<_> = mastra_auth_cloud_core::cookie::values(&header, SESSION).unwrap().collect();
            let first = read.iter().find(|value| !value.is_empty());
            prop_assert!(!matches!(first, Some(&"ada" | &"bob")), "{} {:?}", header, other);
        }
    }
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(SESSION.to_owned()),
        Just("=ada".to_owned()),
        Just("=bob".to_owned()),
        Just("=bad".to_owned()),
        Just("; ".to_owned()),
        Just(";".to_owned()),
        Just(" ".to_owned()),
        Just("\t".to_owned()),
        Just("=".to_owned()),
        Just("x".to_owned()),
        Just(format!("; {SESSION}=ada; ")),
        Just(format!("{SESSION}=bob;")),
        Just("\u{fc}".to_owned()),
        Just("\u{2000}".to_owned()),
    ]
}
