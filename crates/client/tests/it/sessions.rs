//! Sessions over time: asked about once, ended at once, followed where they change.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{
    App, Browser, DIALECTS, brisk, browser_of, cloud, cloud_with, desk, endpoint, id, patient,
    provider, until,
};
use mastra_auth_cloud::{Authentication, Dialect, SessionToken};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

const HOUR: Duration = Duration::from_hours(1);

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
    );
    headers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_at_once_ask_once() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, patient());
        let token = cloud.control().sign_in("member", HOUR).unwrap();
        let requests = (0..1_000).map(|_| {
            let (auth, headers) = (auth.clone(), bearer(&token));
            tokio::spawn(async move {
                let answer = auth.authenticate(&headers).await;
                let Authentication::Authenticated(identity) = answer else {
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
    let auth = provider(&cloud, Dialect::V1, patient());
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
            // Every seventh client disconnects before it has its answer.
            if n % 7 == 0 {
                let _gone = tokio::time::timeout(
                    Duration::from_micros(u64::try_from(n).unwrap() % 500),
                    asked,
                )
                .await;
                return;
            }
            let answer = asked.await;
            let Authentication::Authenticated(identity) = answer else {
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
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "owner").await;
        assert_eq!(browser.me(&app).await, "usr_olivia");
        let old = browser.clone();
        let page = browser.sign_out(&app).await;
        // The platform names a page where its own session in the browser ends.
        let page_there = format!("{}/auth/logout", cloud.url());
        let next = match dialect {
            Dialect::Platform => page_there.as_str(),
            _ => "/",
        };
        assert_eq!((page.status.as_u16(), page.location()), (303, next));
        assert!(browser.session().is_none());
        let asked = cloud.requests(endpoint(dialect, "verify"));
        let refused = old.clone().fetch(&app.at("/agents")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (401, "invalid_token")
        );
        assert_eq!(
            cloud.requests(endpoint(dialect, "verify")),
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
async fn threat_020_a_session_that_ends_at_the_cloud_ends_here_within_the_fresh_time() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, brisk());
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        assert_eq!(id(&auth.authenticate_token(&token).await), "usr_olivia");
        assert_eq!(cloud.control().end_sessions_of("usr_olivia"), 1);
        until("the ended session is refused", async || {
            let answer = auth.authenticate_token(&token).await;
            assert!(
                !matches!(answer, Authentication::Unavailable(_)),
                "{answer:?}"
            );
            matches!(answer, Authentication::Rejected(_))
        })
        .await;
    }
}

#[tokio::test]
async fn threat_065_a_role_that_changes_is_followed() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, brisk());
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        let may_delete = || async {
            let Authentication::Authenticated(identity) = auth.authenticate_token(&token).await
            else {
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
        let Authentication::Authenticated(identity) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(identity.user().roles(), ["viewer"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_065_who_is_signed_out_has_no_permissions_any_more() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, patient());
        let token = cloud.control().sign_in("member", HOUR).unwrap();
        let Authentication::Authenticated(held) = auth.authenticate(&bearer(&token)).await else {
            panic!("just signed in");
        };
        assert!(auth.permissions(held.user()).await.is_ok());
        let _ = auth.sign_out(&SessionToken::parse(&token).unwrap()).await;
        let before = cloud.requests("any");
        let error = auth.permissions(held.user()).await.unwrap_err();
        assert_eq!((error.code(), error.status()), ("signed_out", 401));
        assert_eq!(cloud.requests("any"), before, "without a call");
    }
}

#[tokio::test]
async fn threat_030_a_planted_session_does_not_survive_a_sign_in() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let mut browser = browser_of(&cloud, dialect, "viewer");
        let mut attacker = browser.clone();
        let planted = browser.session().unwrap().to_owned();
        assert_eq!(
            browser.me(&app).await,
            "usr_victor",
            "the attacker's session, before"
        );
        browser.sign_in(&app, &cloud, "owner").await;
        assert_ne!(browser.session(), Some(planted.as_str()));
        assert_eq!(browser.me(&app).await, "usr_olivia");
        assert_eq!(attacker.me(&app).await, "-");
        until("the old one is ended at the Cloud", async || {
            let sessions = cloud.control().sessions();
            let alive = sessions.iter().filter(|one| one.ended_at.is_none());
            alive.count() == 1
        })
        .await;
    }
}

#[tokio::test]
async fn threat_013_a_token_has_one_spelling() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, patient());
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
                matches!(answer, Authentication::Rejected(_)),
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

#[tokio::test]
async fn two_deployments_on_one_host_do_not_sign_each_other_out() {
    let clouds = [cloud(Dialect::V1).await, cloud(Dialect::V1).await];
    let apps = [
        App::start(&clouds[0], Dialect::V1).await,
        App::start(&clouds[1], Dialect::V1).await,
    ];
    // Cookies know no ports: a browser has one jar for both.
    let mut browser = Browser::default();
    browser.sign_in(&apps[0], &clouds[0], "owner").await;
    browser.sign_in(&apps[1], &clouds[1], "viewer").await;
    assert_eq!(browser.me(&apps[0]).await, "usr_olivia");
    assert_eq!(browser.me(&apps[1]).await, "usr_victor");
    browser.sign_out(&apps[1]).await;
    assert_eq!(browser.me(&apps[0]).await, "usr_olivia");
    assert_eq!(browser.me(&apps[1]).await, "-");
}

#[tokio::test]
async fn a_session_under_the_shared_name_is_read_and_leaves_with_a_sign_out() {
    let (cloud, app) = desk().await;
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    let mut browser = Browser::default();
    browser.jar.insert("mastra_session".into(), token.clone());
    assert_eq!(
        browser.me(&app).await,
        "usr_olivia",
        "from before there was a suffix"
    );
    browser.sign_out(&app).await;
    assert!(browser.jar.names().is_empty());
    // A cookie that is not ours may be another deployment's: it stays.
    browser
        .jar
        .insert("mastra_session".into(), "of-another".into());
    browser.sign_out(&app).await;
    assert_eq!(browser.jar.names(), ["mastra_session"]);
    browser.sign_in(&app, &cloud, "viewer").await;
    browser.sign_out(&app).await;
    assert_eq!(browser.jar.names(), ["mastra_session"]);
    assert_eq!(browser.me(&app).await, "-");
}
