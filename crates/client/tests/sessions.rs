//! Sessions over time: asked about once, ended at once, and alive while the Cloud is away.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]

mod common;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{App, Browser, cloud, cloud_with};
use mastra_auth_cloud::core::config::Policy;
use mastra_auth_cloud::{Answer, Dialect, MastraCloudAuth, SessionToken, SignOut};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

const BOTH: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];
const HOUR: Duration = Duration::from_hours(1);

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
    );
    headers
}

fn provider(cloud: &LocalCloud, dialect: Dialect, policy: Policy) -> MastraCloudAuth {
    let options = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url());
    options.dialect(dialect).policy(policy).build().unwrap()
}

/// A policy under which a test need not wait long.
fn brisk() -> Policy {
    let mut policy = Policy::default();
    policy.fresh = Duration::from_millis(300);
    policy.stale_if_error = Duration::from_millis(1_500);
    policy.refused = Duration::from_millis(300);
    policy.breaker_pause = Duration::from_millis(200);
    policy.call_timeout = Duration::from_millis(500);
    policy
}

async fn app(cloud: &LocalCloud, dialect: Dialect, policy: Policy) -> App {
    App::with(|url| {
        MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(url)
            .dialect(dialect)
            .policy(policy)
    })
    .await
}

/// Tries until it is so; a minute without that fails the test.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "not within a minute: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn id(answer: &Answer) -> &str {
    match answer {
        Answer::Authenticated(identity) => identity.user().id().as_str(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_at_once_ask_once() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, Policy::default());
        let token = cloud.control().sign_in("member", HOUR).unwrap();
        let requests = (0..1_000).map(|_| {
            let (auth, headers) = (auth.clone(), bearer(&token));
            tokio::spawn(async move {
                let answer = auth.authenticate(&headers).await;
                let Answer::Authenticated(identity) = answer else {
                    panic!("{answer:?}")
                };
                auth.permissions(identity.user())
                    .await
                    .unwrap()
                    .allows("agents:execute")
            })
        });
        for request in requests.collect::<Vec<_>>() {
            assert!(request.await.unwrap());
        }
        assert_eq!(cloud.requests("verify"), 1);
        assert_eq!(
            cloud.requests("any"),
            if dialect == Dialect::V1 { 2 } else { 1 },
            "identity and permissions"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_079_nobody_gets_another_ones_answer() {
    let cloud = cloud(Dialect::V1).await;
    let auth = provider(&cloud, Dialect::V1, Policy::default());
    let people: Vec<_> = ["owner", "admin", "member", "viewer"]
        .into_iter()
        .flat_map(|person| std::iter::repeat_n(person, 25))
        .map(|person| (person, cloud.control().sign_in(person, HOUR).unwrap()))
        .collect();
    let people = Arc::new(people);
    let requests = (0..5_000).map(|n| {
        let (auth, people) = (auth.clone(), Arc::clone(&people));
        tokio::spawn(async move {
            let (person, token) = &people[(n * 37) % people.len()];
            let headers = bearer(token);
            let asked = auth.authenticate(&headers);
            // Every seventh goes away before it has its answer.
            if n % 7 == 0 {
                let _gone = tokio::time::timeout(
                    Duration::from_micros(u64::try_from(n).unwrap() % 500),
                    asked,
                )
                .await;
                return;
            }
            let answer = asked.await;
            let Answer::Authenticated(identity) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(identity.user().roles(), [(*person).to_owned()]);
            assert!(
                identity
                    .user()
                    .session_token()
                    .same_as(&SessionToken::parse(token).unwrap())
            );
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    assert!(cloud.requests("verify") >= 100);
}

#[tokio::test]
async fn threat_031_a_sign_out_counts_at_once() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "owner").await;
        assert_eq!(browser.me(&app).await, "usr_olivia");
        let old = browser.clone();
        let page = browser.sign_out(&app).await;
        assert_eq!((page.status.as_u16(), page.location()), (303, "/"));
        assert!(browser.session().is_none());
        let asked = cloud.requests("verify");
        let refused = old.clone().fetch(&app.at("/agents")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (401, "invalid_token")
        );
        assert_eq!(
            cloud.requests("verify"),
            asked,
            "known here, without asking"
        );
        assert!(
            cloud
                .control()
                .sessions()
                .iter()
                .all(|session| session.ended_at.is_some()),
            "ended at the Cloud too"
        );
    }
}

#[tokio::test]
async fn threat_031_a_sign_out_while_the_cloud_is_away_is_told_and_holds() {
    for dialect in BOTH {
        let folder = folder();
        let cloud = at_rest(dialect, 0, &folder).await;
        let port = cloud.port();
        let mut policy = brisk();
        policy.capacity = 8;
        let app = app(&cloud, dialect, policy).await;
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "owner").await;
        let old = browser.clone();
        cloud.stop().await;

        let page = browser.sign_out(&app).await;
        assert_eq!(
            (page.status.as_u16(), page.code().as_str()),
            (503, "sign_out_not_confirmed")
        );
        assert!(
            browser.session().is_none(),
            "the cookie is cleared all the same"
        );
        assert_eq!(old.clone().me(&app).await, "-", "refused here at once");
        // Sign-outs of tokens that were never seen to be good do not push it out.
        for n in 0..24 {
            let junk = SessionToken::parse(&format!("junk-{n}")).unwrap();
            let _ = app.auth.sign_out(&junk).await;
            // Used over and over, so that they look worth keeping.
            for _ in 0..4 {
                let answer = app.auth.authenticate_token(junk.expose()).await;
                assert!(matches!(answer, Answer::Rejected(_)), "{answer:?}");
            }
        }

        let cloud = at_rest(dialect, port, &folder).await;
        until("the Cloud is asked again", || async {
            let token = cloud.control().sign_in("viewer", HOUR).unwrap();
            matches!(
                app.auth.authenticate_token(&token).await,
                Answer::Authenticated(_)
            )
        })
        .await;
        assert_eq!(
            old.clone().me(&app).await,
            "-",
            "the Cloud never heard of it, and still refused here"
        );
    }
}

#[tokio::test]
async fn threat_032_a_sign_out_that_failed_is_not_told_as_done() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let mut policy = Policy::default();
        policy.call_timeout = Duration::from_millis(300);
        policy.breaker_failures = 1_000;
        let auth = provider(&cloud, dialect, policy);
        for kind in [
            FaultKind::Drop,
            FaultKind::Cut,
            FaultKind::Drip,
            FaultKind::Status { status: 500 },
            FaultKind::Status { status: 403 },
            FaultKind::Status { status: 429 },
            FaultKind::Html,
            FaultKind::Truncated,
            FaultKind::Redirect {
                status: 307,
                location: "http://localhost:1/".into(),
            },
        ] {
            let token = cloud.control().sign_in("owner", HOUR).unwrap();
            assert_eq!(id(&auth.authenticate_token(&token).await), "usr_olivia");
            cloud
                .control()
                .set_fault(Fault::new(kind.clone()).on("destroy"));
            let token = SessionToken::parse(&token).unwrap();
            let outcome = auth.sign_out(&token).await;
            assert!(
                matches!(outcome, SignOut::NotConfirmed(_)),
                "{kind:?}: {outcome:?}"
            );
            cloud.control().clear_faults();
            let outcome = auth.sign_out(&token).await;
            assert_eq!(
                outcome,
                SignOut::Ended,
                "{kind:?}: it was still there to be ended"
            );
            assert_eq!(auth.sign_out(&token).await, SignOut::AlreadyGone);
        }
    }
}

fn folder() -> std::path::PathBuf {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{}-{count}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A Cloud that finds its sessions and keys again when it is started anew.
async fn at_rest(dialect: Dialect, port: u16, folder: &std::path::Path) -> LocalCloud {
    cloud_with(dialect, |options| {
        options.port = port;
        options.db = Some(folder.join("cloud.db"));
    })
    .await
}

#[tokio::test]
async fn an_outage_is_lived_through_and_signs_nobody_out() {
    for dialect in BOTH {
        let folder = folder();
        let cloud = at_rest(dialect, 0, &folder).await;
        let port = cloud.port();
        let app = app(&cloud, dialect, brisk()).await;
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "owner").await;
        let cookie = browser.session().unwrap().to_owned();
        let stranger = cloud.control().sign_in("viewer", HOUR).unwrap();
        cloud.stop().await;

        // First what was verified is good for its time, then nothing can be said; never "signed out".
        let mut seen = Vec::new();
        let begun = Instant::now();
        while seen.last() != Some(&503) {
            let page = browser.fetch(&app.at("/agents")).await;
            assert!(page.cookies().is_empty(), "{page:?}");
            if seen.last() != Some(&page.status.as_u16()) {
                seen.push(page.status.as_u16());
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(seen, [200, 503]);
        assert!(
            begun.elapsed() >= Duration::from_millis(1_500),
            "the stale time was used: {:?}",
            begun.elapsed()
        );
        let page = browser.fetch(&app.at("/agents")).await;
        assert_eq!(page.headers["retry-after"], "5");
        let page = browser.open(&app.at("/agents")).await;
        assert_eq!(
            page.status, 503,
            "a browser is not sent to sign in: {page:?}"
        );
        let answer = app.auth.authenticate_token(&stranger).await;
        assert!(matches!(answer, Answer::Unavailable(_)), "{answer:?}");
        assert_eq!(browser.session(), Some(cookie.as_str()));

        let _cloud = at_rest(dialect, port, &folder).await;
        let (url, browser) = (app.at("/agents"), browser.clone());
        until("the user is back", || async {
            browser.clone().fetch(&url).await.status == 200
        })
        .await;
        assert_eq!(browser.clone().me(&app).await, "usr_olivia");
    }
}

#[tokio::test]
async fn threat_081_a_failure_is_not_remembered_as_a_refusal() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let mut policy = Policy::default();
        policy.call_timeout = Duration::from_millis(300);
        policy.breaker_failures = 1_000;
        let auth = provider(&cloud, dialect, policy);
        for kind in [
            FaultKind::Status { status: 500 },
            FaultKind::Status { status: 503 },
            FaultKind::Status { status: 429 },
            FaultKind::Html,
            FaultKind::HtmlOk,
            FaultKind::Empty,
            FaultKind::Truncated,
            FaultKind::WrongTypes,
            FaultKind::Cut,
            FaultKind::Drop,
            FaultKind::Drip,
            FaultKind::Huge,
            FaultKind::Redirect {
                status: 302,
                location: "/".into(),
            },
        ] {
            let token = cloud.control().sign_in("owner", HOUR).unwrap();
            cloud.control().set_fault(Fault::new(kind.clone()));
            let answer = auth.authenticate_token(&token).await;
            assert!(
                matches!(answer, Answer::Unavailable(_)),
                "{kind:?}: {answer:?}"
            );
            cloud.control().clear_faults();
            assert_eq!(
                id(&auth.authenticate_token(&token).await),
                "usr_olivia",
                "{kind:?}"
            );
        }
    }
}

#[tokio::test]
async fn threat_020_a_session_that_ends_at_the_cloud_ends_here_within_the_fresh_time() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, brisk());
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        assert_eq!(id(&auth.authenticate_token(&token).await), "usr_olivia");
        assert_eq!(cloud.control().end_sessions_of("usr_olivia"), 1);
        let begun = Instant::now();
        while let Answer::Authenticated(_) = auth.authenticate_token(&token).await {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "long after its 300 ms"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let answer = auth.authenticate_token(&token).await;
        assert!(matches!(answer, Answer::Rejected(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn threat_065_a_role_that_changes_is_followed() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, brisk());
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        let may_delete = || async {
            let Answer::Authenticated(identity) = auth.authenticate_token(&token).await else {
                panic!()
            };
            auth.permissions(identity.user())
                .await
                .unwrap()
                .allows("agents:delete")
        };
        assert!(may_delete().await);
        assert!(cloud.control().set_role("usr_olivia", "viewer"));
        until("the new role", || async { !may_delete().await }).await;
        let answer = auth.authenticate_token(&token).await;
        let Answer::Authenticated(identity) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(identity.user().roles(), ["viewer"]);
    }
}

#[tokio::test]
async fn threat_030_a_planted_session_does_not_survive_a_sign_in() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let planted = cloud.control().sign_in("viewer", HOUR).unwrap();
        let mut browser = Browser::default();
        browser.jar.insert("mastra_session".into(), planted.clone());
        assert_eq!(
            browser.me(&app).await,
            "usr_victor",
            "the attacker's session, before"
        );
        browser.sign_in(&app, &cloud, "owner").await;
        assert_ne!(browser.session(), Some(planted.as_str()));
        assert_eq!(browser.me(&app).await, "usr_olivia");
        let answer = app.auth.authenticate_token(&planted).await;
        assert!(matches!(answer, Answer::Rejected(_)), "{answer:?}");
        let alive = cloud
            .control()
            .sessions()
            .into_iter()
            .filter(|session| session.ended_at.is_none());
        assert_eq!(alive.count(), 1, "the old one is ended at the Cloud");
    }
}

#[tokio::test]
async fn threat_013_a_token_has_one_spelling() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, Policy::default());
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        assert_eq!(id(&auth.authenticate_token(&token).await), "usr_olivia");
        let last = token.chars().last().unwrap();
        let mut spellings = vec![
            format!("{token}="),
            format!("{token}=="),
            token[..token.len() - 1].to_owned(),
            token.replacen('.', "=.", 1),
            token.to_uppercase(),
            format!("{token}."),
            format!(".{token}"),
            token.replace(['-', '_'], "+"),
        ];
        // Every other last character: some of them decode to the very same bytes where trailing bits are not looked at.
        spellings.extend(
            ('A'..='Z')
                .chain('a'..='z')
                .chain('0'..='9')
                .filter(|other| *other != last)
                .map(|other| format!("{}{other}", &token[..token.len() - 1])),
        );
        for spelling in spellings.into_iter().filter(|other| *other != token) {
            let answer = auth.authenticate_token(&spelling).await;
            assert!(
                matches!(answer, Answer::Rejected(_)),
                "{spelling}: {answer:?}"
            );
        }
        assert_eq!(id(&auth.authenticate_token(&token).await), "usr_olivia");
    }
}

#[tokio::test]
async fn threat_051_people_are_told_apart_by_their_id_alone() {
    let seed = "[[people]]\nhandle = \"boss\"\nname = \"Boss\"\nemail = \"boss@example.com\"\nrole = \"owner\"\n\
        [[people]]\nhandle = \"twin\"\nname = \"Boss\"\nemail = \"boss@example.com\"\nrole = \"viewer\"\n\
        [[people]]\nhandle = \"look\"\nname = \"Boss\"\nemail = \"b\u{43e}ss@example.com\"\nrole = \"viewer\"";
    let seed = mastra_auth_local_cloud::Seed::from_toml(seed).unwrap();
    let cloud = cloud_with(Dialect::V1, |options| options.seed = seed).await;
    let app = App::start(&cloud, Dialect::V1).await;
    let mut ids = Vec::new();
    for person in ["boss", "twin", "look"] {
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, person).await;
        let me = browser.fetch(&app.at("/auth/me")).await.json();
        ids.push(me["id"].as_str().unwrap().to_owned());
        let expect = if person == "boss" {
            serde_json::json!(["*"])
        } else {
            serde_json::json!(["*:read"])
        };
        assert_eq!(me["permissions"], expect, "{person}");
    }
    assert_eq!(ids, ["usr_boss", "usr_twin", "usr_look"]);
}
