//! What the routes, the layer and the extractors do in dialect `platform`, and organizations in each dialect.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::routing::{delete, get};
use mastra_auth_cloud::axum::testing::{TestUser, signed_in_as};
use mastra_auth_cloud::axum::{
    AuthLayer, CurrentOrganization, CurrentUser, RequirePermission, RoutePaths, routes,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::LocalCloud;
use reqwest::Method;
use tower::ServiceExt as _;

use crate::common::{
    App, Browser, DIALECTS, DeleteAgents, PEOPLE, Page, browser_of, cloud, headers, patient,
};

const HEADER: &str = "x-mastra-organization-id";

async fn organization(organization: CurrentOrganization) -> String {
    format!("{} {}", organization.user().id(), organization.id())
}

fn router(auth: &MastraCloudAuth) -> Router {
    Router::new()
        .route("/organization", get(organization))
        .route(
            "/user",
            get(|user: CurrentUser| async move { format!("{:?}", user.organization()) }),
        )
        .route(
            "/agents/demo",
            delete(|_: RequirePermission<DeleteAgents>| async { "deleted" }),
        )
        .route(
            "/layer",
            get(|| async { "in" }).layer(auth.require("agents:delete").unwrap()),
        )
        .layer(AuthLayer::required(auth.clone()))
        .merge(routes(auth).unwrap())
}

async fn app(cloud: &LocalCloud, dialect: Dialect) -> App {
    app_of(cloud, dialect, None).await
}

async fn app_of(cloud: &LocalCloud, dialect: Dialect, organization: Option<&str>) -> App {
    let options = |url: &str| {
        let options = MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(url)
            .dialect(dialect)
            .policy(patient())
            .route_paths(RoutePaths::default().login("/login"));
        match organization {
            Some(id) => options.organization(id),
            None => options,
        }
    };
    App::built(options, router).await
}

async fn ask(app: &App, method: Method, path: &str, pairs: &[(&'static str, &str)]) -> Page {
    let mut client = Browser::default();
    client
        .send(method, &app.at(path), headers(pairs), &[])
        .await
}

fn said(page: &Page) -> (u16, String) {
    let said = if page.body.starts_with('{') {
        page.code()
    } else {
        page.body.clone()
    };
    (page.status.as_u16(), said)
}

fn expect(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn a_program_acts_for_an_organization_of_its_user_without_roles_there() {
    let cloud = cloud(Dialect::Platform).await;
    let app = app(&cloud, Dialect::Platform).await;
    let token = cloud
        .control()
        .sign_in("admin", Duration::from_hours(1))
        .unwrap();
    let bearer = format!("Bearer {token}");
    for (organization, of, may_delete) in [
        (
            None,
            expect(200, "usr_anders org_acme"),
            expect(200, "deleted"),
        ),
        (
            Some("org_acme"),
            expect(200, "usr_anders org_acme"),
            expect(200, "deleted"),
        ),
        (
            Some("org_globex"),
            expect(200, "usr_anders org_globex"),
            expect(403, "permission_denied"),
        ),
        (
            Some("org_other"),
            expect(403, "organization_forbidden"),
            expect(403, "organization_forbidden"),
        ),
        (
            Some("two words"),
            expect(400, "invalid_argument"),
            expect(400, "invalid_argument"),
        ),
        (
            Some(""),
            expect(400, "invalid_argument"),
            expect(400, "invalid_argument"),
        ),
        (
            Some("org_\u{f6}"),
            expect(400, "invalid_argument"),
            expect(400, "invalid_argument"),
        ),
    ] {
        let mut pairs = vec![("authorization", &*bearer)];
        pairs.extend(organization.map(|id| (HEADER, id)));
        let page = ask(&app, Method::GET, "/organization", &pairs).await;
        assert_eq!(said(&page), of, "{organization:?}");
        let page = ask(&app, Method::DELETE, "/agents/demo", &pairs).await;
        assert_eq!(said(&page), may_delete, "{organization:?}");
        let page = ask(&app, Method::GET, "/layer", &pairs).await;
        assert_eq!(
            page.status.as_u16(),
            may_delete.0,
            "{organization:?}: {page:?}"
        );
        let page = ask(&app, Method::GET, "/auth/me", &pairs).await;
        assert_eq!(page.status.as_u16(), of.0, "{organization:?}");
        let check = ask(
            &app,
            Method::GET,
            "/auth/check?permission=agents:delete",
            &pairs,
        )
        .await;
        assert_eq!(check.status.as_u16(), may_delete.0, "{organization:?}");
        if of.0 == 200 {
            let named = organization.unwrap_or("org_acme");
            assert_eq!(page.json()["organizationId"], named);
            let both = serde_json::json!(["org_acme", "org_globex"]);
            assert_eq!(page.json()["memberOrgIds"], both);
            let check = ask(&app, Method::GET, "/auth/check", &pairs).await;
            assert_eq!(check.headers["x-auth-organization"], named);
        }
    }
    let twice = [
        ("authorization", &*bearer),
        (HEADER, "org_acme"),
        (HEADER, "org_acme"),
    ];
    let page = ask(&app, Method::GET, "/organization", &twice).await;
    assert_eq!(said(&page), expect(400, "invalid_argument"));
    // A browser chooses at the platform.
    let browser = browser_of(&cloud, Dialect::Platform, "admin");
    let cookie = browser.cookie_header();
    let page = ask(
        &app,
        Method::GET,
        "/organization",
        &[("cookie", &cookie), (HEADER, "org_globex")],
    )
    .await;
    assert_eq!(said(&page), expect(200, "usr_anders org_acme"));
    // Who has none is in none, until the platform says otherwise.
    let mut newcomer = browser_of(&cloud, Dialect::Platform, "newcomer");
    let page = newcomer.fetch(&app.at("/organization")).await;
    assert_eq!(said(&page), expect(403, "organization_forbidden"));
    assert_eq!(newcomer.fetch(&app.at("/user")).await.body, "None");
    assert!(cloud.control().add_member("org_acme", "newcomer", "viewer"));
    let page = browser_of(&cloud, Dialect::Platform, "newcomer")
        .fetch(&app.at("/organization"))
        .await;
    assert!(page.body.ends_with(" org_acme"), "{page:?}");
}

#[tokio::test]
async fn threat_115_a_role_in_another_organization_counts_for_nothing() {
    let cloud = cloud(Dialect::Platform).await;
    let app = app_of(&cloud, Dialect::Platform, Some("org_acme")).await;
    // An admin of an organization of their own, who is a viewer of this one.
    let cookie = browser_of(&cloud, Dialect::Platform, "outsider").cookie_header();
    assert!(cloud.control().add_member("org_acme", "outsider", "viewer"));
    let token = cloud
        .control()
        .sign_in("outsider", Duration::from_hours(1))
        .unwrap();
    let bearer = format!("Bearer {token}");
    // A session's role is known where it is chosen, a token's wherever it is asked for.
    for (credential, roles) in [
        (("cookie", &*cookie), ""),
        (("authorization", &bearer), "viewer"),
    ] {
        let pairs = [credential];
        let get = |path| ask(&app, Method::GET, path, &pairs);
        let page = get("/organization").await;
        let id = page.body.split(' ').next().unwrap().to_owned();
        assert_eq!(said(&page), expect(200, &format!("{id} org_acme")));
        let page = ask(&app, Method::DELETE, "/agents/demo", &pairs).await;
        assert_eq!(said(&page), expect(403, "permission_denied"), "{roles}");
        assert_eq!(get("/layer").await.status, 403);
        assert_eq!(
            get("/auth/check?permission=agents:delete").await.status,
            403
        );
        let check = get("/auth/check").await;
        assert_eq!(check.headers["x-auth-organization"], "org_acme");
        assert_eq!(check.headers["x-auth-roles"], roles);
        let me = get("/auth/me").await.json();
        assert_eq!(me["organizationId"], "org_acme");
        assert_eq!(me["memberOrgIds"], serde_json::json!(["org_acme"]));
    }
    let named = [("authorization", &*bearer), (HEADER, "org_globex")];
    let page = ask(&app, Method::GET, "/organization", &named).await;
    assert_eq!(said(&page), expect(403, "organization_forbidden"));
}

#[tokio::test]
async fn without_organizations_each_user_has_one_alone() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let cloud = cloud(dialect).await;
        let app = app(&cloud, dialect).await;
        let token = cloud
            .control()
            .sign_in("owner", Duration::from_hours(1))
            .unwrap();
        let bearer = format!("Bearer {token}");
        for (named, answer) in [
            (None, expect(200, "usr_olivia user:usr_olivia")),
            (
                Some("user:usr_olivia"),
                expect(200, "usr_olivia user:usr_olivia"),
            ),
            (
                Some("user:usr_victor"),
                expect(403, "organization_forbidden"),
            ),
        ] {
            let mut pairs = vec![("authorization", &*bearer)];
            pairs.extend(named.map(|id| (HEADER, id)));
            let page = ask(&app, Method::GET, "/organization", &pairs).await;
            assert_eq!(said(&page), answer, "{dialect:?}");
            if named.is_some() && answer.0 == 200 {
                let page = ask(&app, Method::DELETE, "/agents/demo", &pairs).await;
                assert_eq!(said(&page), expect(200, "deleted"), "with all roles");
            }
        }
        let page = ask(
            &app,
            Method::GET,
            "/auth/check",
            &[("authorization", &bearer)],
        )
        .await;
        assert!(!page.headers.contains_key("x-auth-organization"));
    }
}

#[tokio::test]
async fn a_test_user_may_have_organizations() {
    for (user, of) in [
        (TestUser::new("usr_1"), "usr_1 user:usr_1"),
        (
            TestUser::new("usr_1")
                .organization("org_1")
                .organization("org_2"),
            "usr_1 org_1",
        ),
    ] {
        let user = CurrentUser::for_test(user).unwrap();
        let app = Router::new()
            .route("/", get(organization))
            .layer(signed_in_as(user));
        let request = http::Request::get("/")
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = app.oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 1_000)
            .await
            .unwrap();
        assert_eq!(body, of);
    }
    assert!(CurrentUser::for_test(TestUser::new("usr_1").organization("two words")).is_err());
}

/// docs/guide/axum.md: the members in every dialect, then those of the platform.
#[tokio::test]
async fn the_guide_names_every_member_of_me() {
    let guide = include_str!("../../../../docs/guide/axum.md");
    let row = guide
        .lines()
        .find(|line| line.starts_with("| `GET /auth/me` |"));
    let lists = row.unwrap().split('{').skip(1);
    let lists: Vec<_> = lists.map(|list| list.split_once('}').unwrap().0).collect();
    for (dialect, lists) in [
        (Dialect::V1, &lists[..1]),
        (Dialect::Pkce, &lists[..1]),
        (Dialect::Platform, &lists[..]),
    ] {
        let cloud = cloud(dialect).await;
        let app = app(&cloud, dialect).await;
        let mut browser = browser_of(&cloud, dialect, "member");
        let me = browser.fetch(&app.at("/auth/me")).await.json();
        let members: BTreeSet<_> = me.as_object().unwrap().keys().map(String::as_str).collect();
        let listed = lists.iter().flat_map(|list| list.split(", ")).collect();
        assert_eq!(members, listed, "{dialect:?}");
    }
}

#[tokio::test]
async fn each_role_of_the_platform_may_do_what_it_may() {
    let cloud = cloud(Dialect::Platform).await;
    let app = app(&cloud, Dialect::Platform).await;
    for (person, id) in PEOPLE {
        let mut browser = browser_of(&cloud, Dialect::Platform, person);
        let is_admin = matches!(person, "owner" | "admin");
        let page = browser
            .send(Method::DELETE, &app.at("/agents/demo"), headers(&[]), &[])
            .await;
        let may = if is_admin {
            expect(200, "deleted")
        } else {
            expect(403, "permission_denied")
        };
        assert_eq!(said(&page), may, "{person}");
        let me = browser.fetch(&app.at("/auth/me")).await.json();
        assert_eq!(me["id"], id);
        let grants = match person {
            "member" => serde_json::json!(["*:read", "*:execute"]),
            "viewer" => serde_json::json!(["*:read"]),
            _ => serde_json::json!(["*"]),
        };
        assert_eq!(
            me["permissions"], grants,
            "none of the platform's own: {person}"
        );
    }
}

#[tokio::test]
async fn who_denies_lands_on_the_login_route_and_is_told_so() {
    let cloud = cloud(Dialect::Platform).await;
    let app = app(&cloud, Dialect::Platform).await;
    let mut browser = Browser::default();
    let login = browser
        .open(&app.at("/login?at=public-url"))
        .await
        .location()
        .to_owned();
    let denied = browser.pick(&cloud, &login, "").await;
    assert!(
        denied.starts_with(&app.at("/login?error=access_denied")),
        "{denied}"
    );
    let page = browser.open(&denied).await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (403, "access_denied")
    );
    assert!(page.body.contains("You did not sign in") && !page.body.contains("was denied"));
    assert!(page.body.contains("href=\"/login\""), "{}", page.body);
    assert!(page.cookies().is_empty() && !page.headers.contains_key("location"));
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let page = browser
        .open(&app.at("/login?error=<script>&error_description=x"))
        .await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (400, "login_rejected")
    );
    assert!(!page.body.contains("<script>&"));
    // In other dialects it is a parameter like any other.
    let cloud = crate::common::cloud(Dialect::V1).await;
    let app = self::app(&cloud, Dialect::V1).await;
    let page = Browser::default()
        .open(&app.at("/login?error=access_denied&at=public-url"))
        .await;
    assert_eq!(page.status, 303);
}

#[tokio::test]
async fn no_answer_of_the_callback_tells_the_next_page_where_it_came_from() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = app(&cloud, dialect).await;
        let mut browser = Browser::default();
        let login = browser
            .open(&app.at("/login?at=public-url"))
            .await
            .location()
            .to_owned();
        let callback = browser.pick(&cloud, &login, "member").await;
        let prefetch = headers(&[("sec-purpose", "prefetch")]);
        let mut pages = vec![browser.send(Method::GET, &callback, prefetch, &[]).await];
        pages.push(
            browser
                .send(Method::HEAD, &callback, headers(&[]), &[])
                .await,
        );
        pages.push(Browser::default().open(&callback).await);
        pages.push(Browser::default().fetch(&callback).await);
        pages.push(browser.open(&format!("{callback}&code=x")).await);
        pages.push(browser.open(&callback).await);
        // Again, signed in.
        pages.push(browser.open(&callback).await);
        for (place, page) in pages.iter().enumerate() {
            assert_eq!(
                page.headers["referrer-policy"], "no-referrer",
                "{dialect:?} {place}"
            );
        }
        assert_eq!(pages[5].status, 303, "at once: {:?}", pages[5]);
    }
}
