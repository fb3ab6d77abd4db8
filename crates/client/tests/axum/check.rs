//! `/auth/check`: what a proxy's subrequest is answered.

use std::time::Duration;

use crate::common::{
    App, Browser, Page, app, ask, brisk, cloud, cloud_with, headers, patient, until,
};
use mastra_auth_cloud::Dialect;
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud, Seed};
use reqwest::Method;

const BOTH: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];
const HOUR: Duration = Duration::from_hours(1);

/// One that navigates, as a browser behind a proxy does: still no page and no redirect.
async fn check(app: &App, token: &str, query: &str) -> Page {
    let cookie = format!("mastra_session={token}");
    let mut pairs = vec![("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    if !token.is_empty() {
        pairs.push(("cookie", &cookie));
    }
    let page = ask(app, &format!("/auth/check{query}"), &pairs).await;
    assert_eq!(page.headers["cache-control"], "no-store", "{page:?}");
    assert!(!page.headers.contains_key("location"), "{page:?}");
    assert!(page.status == 200 || page.body.starts_with('{'), "{page:?}");
    assert_eq!(page.headers.contains_key("x-auth-user"), page.status == 200);
    assert_eq!(
        page.headers.contains_key("x-auth-roles"),
        page.status == 200
    );
    page
}

fn sign_in(cloud: &LocalCloud, person: &str) -> String {
    cloud.control().sign_in(person, HOUR).unwrap()
}

fn refusal(page: &Page) -> (u16, String) {
    (page.status.as_u16(), page.code())
}

#[tokio::test]
async fn a_proxy_is_told_who_it_is_and_each_refusal_apart() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let (owner, viewer) = (sign_in(&cloud, "owner"), sign_in(&cloud, "viewer"));
        let page = check(&app, &owner, "").await;
        assert_eq!((page.status.as_u16(), &*page.body), (200, ""));
        assert_eq!(page.headers["x-auth-user"], "usr_olivia");
        assert_eq!(page.headers["x-auth-roles"], "owner");
        for (token, query, expect) in [
            (&owner, "?permission=agents:read", 200),
            (
                &owner,
                "?permission=agents%3Aread&permission=agents:delete",
                200,
            ),
            (&viewer, "?permission=agents:read", 200),
            (&viewer, "?permission=agents:delete", 403),
            (
                &viewer,
                "?permission=agents:read&permission=agents:delete",
                403,
            ),
            (
                &viewer,
                "?permission=agents:delete&permission=agents:read",
                403,
            ),
            (&viewer, "?", 200),
        ] {
            let page = check(&app, token, query).await;
            assert_eq!(page.status, expect, "{dialect:?} {query}: {page:?}");
            if expect == 403 {
                assert_eq!(page.code(), "permission_denied");
            }
        }
        let anonymous = check(&app, "", "?permission=agents:read").await;
        assert_eq!(refusal(&anonymous), (401, "not_signed_in".into()));
        assert_eq!(anonymous.headers["www-authenticate"], "Bearer");
        let junk = check(&app, "junk", "").await;
        assert_eq!(refusal(&junk), (401, "invalid_token".into()));
        let bearer = format!("Bearer {viewer}");
        let page = ask(&app, "/auth/check", &[("authorization", &bearer)]).await;
        assert_eq!(page.headers["x-auth-user"], "usr_victor");
        cloud.control().set_fault(Fault::new(FaultKind::Drop));
        let unknown = check(&app, &format!("{owner}x"), "").await;
        let new = check(&app, &sign_in(&cloud, "member"), "").await;
        for page in [unknown, new] {
            assert_eq!(refusal(&page), (503, "unavailable".into()), "{dialect:?}");
            assert_eq!(page.headers["retry-after"], "5");
            assert!(page.cookies().is_empty(), "every cookie stays");
        }
    }
}

#[tokio::test]
async fn permissions_that_cannot_be_read_are_503_to_a_proxy() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::start(&cloud, Dialect::V1).await;
    let owner = sign_in(&cloud, "owner");
    let status = FaultKind::Status { status: 500 };
    cloud
        .control()
        .set_fault(Fault::new(status).on("permissions"));
    assert_eq!(
        check(&app, &owner, "").await.status,
        200,
        "none is required"
    );
    let page = check(&app, &owner, "?permission=agents:read").await;
    assert_eq!(refusal(&page), (503, "unavailable".into()));
}

/// A misspelt parameter that was ignored would let everybody in.
#[tokio::test]
async fn threat_095_a_query_that_is_not_understood_lets_nobody_in() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::start(&cloud, Dialect::V1).await;
    let owner = sign_in(&cloud, "owner");
    let long = format!("?permission=agents:read:{}", "a".repeat(2_048));
    for query in [
        "?permission=agents",
        "?permission=",
        "?permission",
        "?permission=agents:read%0d%0aX-Auth-User:%20usr_mei",
        "?permission=agents:read,agents:delete",
        "?permission=agents:read&permission=agents",
        "?permissions=agents:read",
        "?Permission=agents:read",
        "?permission=agents:read&page=2",
        &long,
    ] {
        if query.contains(',') {
            // Well-formed: three parts, of which no grant names the second. A comma joins nothing.
            let viewer = sign_in(&cloud, "viewer");
            assert_eq!(check(&app, &viewer, query).await.status, 403);
            continue;
        }
        for token in [&owner, ""] {
            let page = check(&app, token, query).await;
            assert_eq!(refusal(&page), (400, "invalid_argument".into()), "{query}");
        }
    }
}

#[tokio::test]
async fn threat_091_no_id_or_role_adds_a_header_a_role_or_a_line() {
    let seed = r#"
        [[people]]
        handle = "odd"
        id = "usr, \"ö\" 100%: a"
        name = "Odd"
        email = "odd@example.com"
        role = "owner,admin"

        [[people]]
        handle = "line"
        name = "Line"
        email = "line@example.com"
        role = "viewer\r\nX-Auth-User: usr_olivia"

        [roles]
        "owner,admin" = ["agents:read"]
        "viewer\r\nX-Auth-User: usr_olivia" = []
    "#;
    for dialect in BOTH {
        let seed = Seed::from_toml(seed).unwrap();
        let cloud = cloud_with(dialect, |options| options.seed = seed).await;
        let app = App::start(&cloud, dialect).await;
        for (person, id, roles) in [
            (
                "odd",
                "usr%2C%20%22%C3%B6%22%20100%25%3A%20a",
                "owner%2Cadmin",
            ),
            (
                "line",
                "usr_line",
                "viewer%0D%0AX-Auth-User%3A%20usr_olivia",
            ),
        ] {
            // What the client itself sends as identity counts for nothing.
            let cookie = format!("mastra_session={}", sign_in(&cloud, person));
            let pairs = [("cookie", &*cookie), ("x-auth-user", "usr_olivia")];
            let page = ask(&app, "/auth/check", &pairs).await;
            let all = |name: &str| page.headers.get_all(name).iter().collect::<Vec<_>>();
            assert_eq!(all("x-auth-user"), [id], "{dialect:?}");
            assert_eq!(all("x-auth-roles"), [roles], "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn threat_092_every_method_is_checked_alike_and_changes_nothing() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::start(&cloud, Dialect::V1).await;
    let cookie = format!("mastra_session={}", sign_in(&cloud, "owner"));
    let own = [("cookie", &*cookie)];
    let foreign = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("access-control-request-method", "DELETE"),
        ("sec-purpose", "prefetch"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-original-url", "/health"),
    ];
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for body in [&[][..], &[("permission", "agents:read")]] {
            let send = async |pairs: &[(&'static str, &str)]| {
                let url = app.at("/auth/check?permission=agents:read");
                let mut client = Browser::default();
                let page = client
                    .send(method.clone(), &url, headers(pairs), body)
                    .await;
                assert!(page.cookies().is_empty(), "{method}: {page:?}");
                page.status
            };
            assert_eq!(send(&own).await, 200, "{method}");
            assert_eq!(send(&[]).await, 401, "{method}");
            assert_eq!(send(&foreign).await, 401, "{method}");
            assert_eq!(send(&[&own[..], &foreign].concat()).await, 200, "{method}");
        }
    }
    let sessions = cloud.control().sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!(cloud.requests("logout") + cloud.requests("exchange"), 0);
}

#[tokio::test]
async fn a_renewed_session_brings_its_cookie_on_200_and_403() {
    for dialect in BOTH {
        for (query, expect) in [("", 200), ("?permission=agents:delete", 403)] {
            let cloud = cloud(dialect).await;
            // Of the token's two hours half an hour is left.
            let mut policy = patient();
            policy.renew_before = HOUR;
            let app = app(&cloud, dialect, policy).await;
            let token = cloud
                .control()
                .sign_in_with_token_of("viewer", HOUR * 3 / 2, HOUR * 2);
            let mut browser = Browser::default();
            browser.jar.insert("mastra_session".into(), token.unwrap());
            let old = browser.session().unwrap().to_owned();
            let page = browser.fetch(&app.at(&format!("/auth/check{query}"))).await;
            assert_eq!(page.status, expect, "{dialect:?}: {page:?}");
            assert_eq!(page.cookies().len(), 1, "{dialect:?}: {page:?}");
            assert_ne!(browser.session(), Some(&*old));
            assert_eq!(browser.me(&app).await, "usr_victor", "and it is good");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_046_two_people_at_once_are_never_told_to_be_one_another() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let app = app(&cloud, dialect, brisk()).await;
        let people = [("owner", "usr_olivia"), ("viewer", "usr_victor")];
        let people = people.map(|(role, id)| (sign_in(&cloud, role), role, id));
        for _ in 0..25 {
            let [(one, ..), (other, ..)] = &people;
            let pages = tokio::join!(check(&app, one, ""), check(&app, other, ""));
            for (page, (_, role, id)) in [pages.0, pages.1].iter().zip(&people) {
                assert_eq!(page.headers["x-auth-user"], *id, "{dialect:?}");
                assert_eq!(page.headers["x-auth-roles"], *role, "{dialect:?}");
            }
        }
        // A sign-out of the one leaves the other in.
        cloud.control().end_sessions_of("usr_olivia");
        until("the ended session is refused", || async {
            check(&app, &people[0].0, "").await.status == 401
        })
        .await;
        assert_eq!(check(&app, &people[1].0, "").await.status, 200);
    }
}
