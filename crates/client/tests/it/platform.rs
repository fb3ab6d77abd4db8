//! Dialect `platform` end to end: sessions that rotate at any moment, and answers that are lost.

use std::time::Duration;

use crate::common::{
    App, Browser, at_instance, browser_of, cloud_with, cookie_name, headers, patient, session_of,
    until,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, Policy, SessionToken, SignOut};
use mastra_auth_local_cloud::{
    CallbackState, Fault, FaultKind, LocalCloud, PlatformOptions, RedirectQuery,
};
use reqwest::Method;

const PLATFORM: Dialect = Dialect::Platform;

/// Each answer of the platform rotates the session.
fn restless(options: &mut PlatformOptions) {
    options.rotate_after = Duration::ZERO;
}

async fn desk(change: impl FnOnce(&mut PlatformOptions)) -> (LocalCloud, App) {
    let cloud = cloud_with(PLATFORM, |options| change(&mut options.platform)).await;
    let app = app(&cloud, None).await;
    (cloud, app)
}

/// An app that asks the platform at every request.
async fn app(cloud: &LocalCloud, organization: Option<&str>) -> App {
    let mut policy = Policy::of(PLATFORM);
    policy.call_timeout = patient().call_timeout;
    policy.exchange_timeout = patient().exchange_timeout;
    policy.fresh = Duration::ZERO;
    policy.refused = Duration::ZERO;
    App::with(|url| {
        let options = MastraCloudAuth::builder()
            .base_url(cloud.url())
            .public_url(url)
            .dialect(PLATFORM)
            .policy(policy);
        match organization {
            Some(id) => options.organization(id),
            None => options,
        }
    })
    .await
}

async fn agents(browser: &mut Browser, app: &App) -> (u16, String) {
    let page = browser.fetch(&app.at("/agents")).await;
    let said = match page.status.as_u16() {
        200 => page.body.clone(),
        _ => page.code(),
    };
    (page.status.as_u16(), said)
}

fn mei() -> (u16, String) {
    (200, "usr_mei".to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_rotates_at_every_answer_signs_nobody_out() {
    let (cloud, app) = desk(restless).await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    for round in 0_u64..60 {
        let (before, asked) = (
            browser.session().unwrap().to_owned(),
            cloud.requests("rotation"),
        );
        assert_eq!(agents(&mut browser, &app).await, mei(), "{round}");
        assert_eq!(cloud.requests("rotation"), asked + 1);
        assert_ne!(
            browser.session(),
            Some(&*before),
            "{round}: the newest arrives"
        );
    }
    // Many at once with one cookie, and on from any of them.
    for _ in 0..5 {
        let tabs = (0..20).map(|_| {
            let (mut tab, url) = (browser.clone(), app.at("/agents"));
            tokio::spawn(async move {
                let page = tab.fetch(&url).await;
                (page.status.as_u16(), tab)
            })
        });
        for tab in tabs.collect::<Vec<_>>() {
            let (status, tab) = tab.await.unwrap();
            assert_eq!(status, 200);
            browser = tab;
        }
        assert_eq!(agents(&mut browser, &app).await, mei());
    }
}

#[tokio::test]
async fn an_answer_that_the_browser_never_got_loses_no_session() {
    let (cloud, app) = desk(restless).await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    // It keeps the cookie that it had before three answers.
    for _ in 0..3 {
        assert_eq!(agents(&mut browser.clone(), &app).await, mei());
    }
    assert_eq!(agents(&mut browser, &app).await, mei());
    // It hangs up while the platform answers.
    let slow = Fault::new(FaultKind::Delay { ms: 1_000 }).on("me").times(1);
    cloud.control().set_fault(slow);
    let (mut gone, url) = (browser.clone(), app.at("/agents"));
    let soon = Duration::from_millis(300);
    assert!(tokio::time::timeout(soon, gone.fetch(&url)).await.is_err());
    assert_eq!(agents(&mut browser, &app).await, mei());
    assert_eq!(agents(&mut browser, &app).await, mei());
}

#[tokio::test]
async fn a_refresh_hands_out_the_newer_session_and_the_old_one_stands_for_it() {
    let (cloud, app) = desk(|_| {}).await;
    let mut browser = browser_of(&cloud, PLATFORM, "member");
    let old = SessionToken::sealed(browser.session().unwrap()).unwrap();
    let refreshed = app.auth.refresh_session(&old).await.unwrap().unwrap();
    assert!(!refreshed.token.same_as(&old));
    assert_eq!(refreshed.session.user_id().as_str(), "usr_mei");
    assert_eq!(cloud.requests("refresh"), 1);
    assert_eq!(agents(&mut browser, &app).await, mei());
    assert_eq!(browser.session(), Some(refreshed.token.expose()));
    // The refresh of a session that ended at the platform finds none.
    cloud.control().end_sessions_of("usr_mei");
    let over = app.auth.refresh_session(&refreshed.token).await.unwrap();
    assert!(over.is_none(), "{over:?}");
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_from_the_platform_is_lived_through() {
    for leeway in [Duration::ZERO, Duration::from_mins(1)] {
        let (cloud, app) = desk(|options| options.rotation_leeway = leeway).await;
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "member").await;
        let before = browser.session().unwrap().to_owned();
        cloud.control().change_platform(restless);
        let lost = Fault::new(FaultKind::Lost).on("me").times(1);
        cloud.control().set_fault(lost);
        // Without a leeway the platform refuses the old session now, and neither the browser nor this instance has the newer one.
        assert_eq!(agents(&mut browser, &app).await, mei(), "{leeway:?}");
        let is_newer = browser.session() != Some(&*before);
        assert_eq!(is_newer, !leeway.is_zero());
        assert_eq!(agents(&mut browser, &app).await, mei(), "for a moment");
    }
}

#[tokio::test]
async fn a_newer_session_in_an_answer_that_cannot_be_used_is_kept() {
    let (cloud, app) = desk(|_| {}).await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    cloud.control().change_platform(restless);
    let kind = FaultKind::Without {
        member: "user".into(),
    };
    cloud
        .control()
        .set_fault(Fault::new(kind).on("me").times(1));
    let before = browser.session().unwrap().to_owned();
    assert_eq!(agents(&mut browser, &app).await, mei());
    assert_eq!(cloud.requests("rotation"), 1);
    assert_eq!(agents(&mut browser, &app).await, mei());
    assert_ne!(browser.session(), Some(&*before));
    assert_eq!(cloud.requests("refresh"), 0);
}

#[tokio::test]
async fn another_instance_may_rotate_it_and_the_old_one_goes_on_for_a_moment() {
    let (cloud, first) = desk(|_| {}).await;
    let second = app(&cloud, None).await;
    let mut browser = Browser::default();
    browser.sign_in(&first, &cloud, "member").await;
    let mut late = browser.clone();
    cloud.control().change_platform(restless);
    assert_eq!(agents(&mut browser, &second).await, mei());
    assert_eq!(
        agents(&mut late, &first).await,
        mei(),
        "under way with the old one"
    );
    assert_eq!(agents(&mut browser, &first).await, mei());
    // An instance that never saw the old one has nothing to go by.
    let third = app(&cloud, None).await;
    assert_eq!(
        agents(&mut late, &third).await,
        refused(401, "invalid_token")
    );
}

#[tokio::test]
async fn a_stream_goes_on_while_the_session_rotates() {
    let (cloud, app) = desk(restless).await;
    let session = session_of(&cloud, "member");
    let cookie = format!("{}={}", cookie_name(PLATFORM), session.expose());
    let answer = app
        .auth
        .authenticate(&headers(&[("cookie", &cookie)]))
        .await;
    let mastra_auth_cloud::Authentication::Authenticated(identity) = answer else {
        panic!("{answer:?}")
    };
    let ended = tokio::spawn(app.auth.session_ended(&identity));
    let asked = cloud.requests("rotation");
    until("it was looked at twice", || async {
        cloud.requests("rotation") > asked + 1
    })
    .await;
    assert!(!ended.is_finished());
    let signed_out = app.auth.sign_out(identity.user().session_token()).await;
    assert_eq!(signed_out, SignOut::Ended);
    assert_eq!(
        ended.await.unwrap(),
        mastra_auth_cloud::SessionEnd::SignedOut
    );
}

#[tokio::test]
async fn a_stream_that_runs_alone_past_the_grace_leaves_the_browsers_cookie_good() {
    let (cloud, _) = desk(restless).await;
    let app = App::with(|url| {
        let mut policy = Policy::of(PLATFORM);
        policy.call_timeout = patient().call_timeout;
        policy.fresh = Duration::ZERO;
        policy.renewed_grace = Duration::ZERO;
        MastraCloudAuth::builder()
            .base_url(cloud.url())
            .public_url(url)
            .dialect(PLATFORM)
            .policy(policy)
    })
    .await;
    let mut browser = browser_of(&cloud, PLATFORM, "member");
    let first = browser.session().unwrap().to_owned();
    // No answer of these sets a cookie.
    let cookie = browser.cookie_header();
    let answer = app
        .auth
        .authenticate(&headers(&[("cookie", &cookie)]))
        .await;
    let mastra_auth_cloud::Authentication::Authenticated(identity) = answer else {
        panic!("{answer:?}")
    };
    let stream = tokio::spawn(app.auth.session_ended(&identity));
    let asked = cloud.requests("rotation");
    until("it rotated twice more", || async {
        cloud.requests("rotation") > asked + 1
    })
    .await;
    assert!(!stream.is_finished());
    assert_eq!(agents(&mut browser, &app).await, mei());
    assert_ne!(browser.session(), Some(&*first), "the newest is set");
    stream.abort();
}

#[tokio::test]
async fn programs_bring_a_token_or_a_key_and_are_asked_about_at_another_endpoint() {
    let (cloud, app) = desk(restless).await;
    let token = cloud
        .control()
        .sign_in("member", Duration::from_hours(1))
        .unwrap();
    let key = cloud.control().issue_api_key("org_acme", "viewer").unwrap();
    assert!(key.starts_with("sk_"));
    for (bearer, roles) in [(&token, "member"), (&key, "viewer")] {
        let bearer = format!("Bearer {bearer}");
        let page = crate::common::ask(&app, "/auth/me", &[("authorization", &bearer)]).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.json()["roles"], serde_json::json!([roles]));
        assert_eq!(page.json()["organizationId"], "org_acme");
        assert!(page.cookies().is_empty(), "a program keeps no cookie");
    }
    assert_eq!((cloud.requests("verify"), cloud.requests("me")), (2, 0));
    // Neither is a credential in the other's place.
    let mut browser = Browser::default();
    browser
        .jar
        .insert(cookie_name(PLATFORM).into(), token.clone());
    assert_eq!(
        agents(&mut browser, &app).await,
        refused(401, "invalid_token")
    );
    let sealed = format!("Bearer {}", session_of(&cloud, "member").expose());
    let page = crate::common::ask(&app, "/agents", &[("authorization", &sealed)]).await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (401, "invalid_token")
    );
    // The platform ends no session by a token: that is not told as done, and it is refused here.
    let token = SessionToken::parse(&token).unwrap();
    let SignOut::NotConfirmed(error) = app.auth.sign_out(&token).await else {
        panic!("told as done")
    };
    assert_eq!(
        (error.code(), cloud.requests("logout")),
        ("not_implemented", 0)
    );
    let bearer = format!("Bearer {}", token.expose());
    let page = crate::common::ask(&app, "/agents", &[("authorization", &bearer)]).await;
    assert_eq!(page.status, 401);
}

#[test]
fn an_instance_that_could_not_check_who_comes_in_is_not_built() {
    use mastra_auth_cloud::{VerificationMode, VerificationOptions};
    let built = |mode, organization: Option<&str>| {
        let options = MastraCloudAuth::builder().dialect(PLATFORM);
        let options = options.verification(VerificationOptions {
            mode,
            ..VerificationOptions::default()
        });
        let options = match organization {
            Some(id) => options.organization(id),
            None => options,
        };
        options.build().map_err(|error| error.code().to_owned())
    };
    let wrong = Some("invalid_configuration".to_owned());
    assert_eq!(built(VerificationMode::Keys, Some("org_1")).err(), wrong);
    assert_eq!(built(VerificationMode::KeysAndSession, None).err(), wrong);
    assert_eq!(built(VerificationMode::Keys, None).err(), None);
}

#[tokio::test]
async fn an_organizations_instance_lets_its_members_in_alone() {
    let (cloud, _) = desk(|_| {}).await;
    let app = app(&cloud, Some("org_globex")).await;
    // In both organizations, with the other one chosen: the role there counts for nothing.
    let mut admin = browser_of(&cloud, PLATFORM, "admin");
    assert_eq!(
        agents(&mut admin, &app).await,
        (200, "usr_anders".to_owned())
    );
    let cookie = admin.cookie_header();
    let token = cloud
        .control()
        .sign_in("admin", Duration::from_hours(1))
        .unwrap();
    let bearer = format!("Bearer {token}");
    for (name, value, roles) in [
        ("cookie", &cookie, &[][..]),
        ("authorization", &bearer, &["member".to_owned()]),
    ] {
        let answer = app.auth.authenticate(&headers(&[(name, value)])).await;
        let mastra_auth_cloud::Authentication::Authenticated(identity) = answer else {
            panic!("{answer:?}")
        };
        let user = identity.user();
        assert_eq!(user.organization().unwrap().as_str(), "org_globex");
        assert_eq!(user.roles(), roles, "{name}");
    }
    let mut stranger = browser_of(&cloud, PLATFORM, "member");
    let forbidden = refused(403, "organization_forbidden");
    assert_eq!(agents(&mut stranger, &app).await, forbidden);
    let token = cloud
        .control()
        .sign_in("member", Duration::from_hours(1))
        .unwrap();
    let bearer = format!("Bearer {token}");
    let page = crate::common::ask(&app, "/agents", &[("authorization", &bearer)]).await;
    assert_eq!((page.status.as_u16(), page.code()), forbidden);
    assert!(cloud.control().remove_member("org_globex", "admin"));
    assert_eq!(agents(&mut admin, &app).await, forbidden, "removed");
    assert!(cloud.control().add_member("org_globex", "member", "viewer"));
    assert_eq!(agents(&mut stranger, &app).await, mei(), "added");
}

#[tokio::test]
async fn a_sign_in_of_who_is_no_member_any_more_leaves_no_session_behind() {
    for rotates in [false, true] {
        let (cloud, _) = desk(|options| {
            if rotates {
                restless(options);
            }
        })
        .await;
        let app = app(&cloud, Some("org_globex")).await;
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "admin").await;
        assert!(cloud.control().remove_member("org_globex", "admin"));
        let page = browser.open(&at_instance(&callback, &app)).await;
        let said = (page.status.as_u16(), page.code());
        assert_eq!(said, refused(403, "organization_forbidden"));
        assert!(browser.jar.names().is_empty(), "{:?}", browser.jar.names());
        until("the session has ended at the platform", || async {
            let sessions = cloud.control().sessions();
            sessions.iter().all(|session| session.ended_at.is_some())
        })
        .await;
        assert_eq!((cloud.requests("me"), cloud.requests("logout")), (1, 1));
    }
}

#[tokio::test]
async fn a_sign_in_comes_back_whatever_the_platform_keeps_of_its_address() {
    for state in [CallbackState::Replace, CallbackState::Echo] {
        for query in [RedirectQuery::Keep, RedirectQuery::Drop] {
            let (cloud, app) = desk(|options| {
                options.callback_state = state;
                options.redirect_query = query;
            })
            .await;
            comes_back(&cloud, &app, (state, query)).await;
        }
    }
}

/// Signs in from several pages, whose paths come back as they are.
async fn comes_back(cloud: &LocalCloud, app: &App, (state, query): (CallbackState, RedirectQuery)) {
    for path in ["/agents?tab=1", "/s?q=a%26b", "/s?q=%E9", "/s?q=%250a#x"] {
        let case = format!("{state:?} {query:?} {path}");
        let mut browser = Browser::default();
        let encoded = url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
        let login = browser.begin(&app.url, &encoded).await;
        let callback = browser.pick(cloud, &login, "member").await;
        // Elsewhere it is refused with its own code, and spends nothing.
        let page = Browser::default().open(&callback).await;
        assert_eq!(page.code(), "login_cookie_missing", "{case}");
        let is_bound = (state, query) != (CallbackState::Replace, RedirectQuery::Drop);
        if is_bound {
            let mut other = Browser::default();
            other.begin(&app.url, "/").await;
            assert_eq!(
                other.open(&callback).await.code(),
                "state_mismatch",
                "{case}"
            );
        }
        let page = browser.open(&callback).await;
        assert_eq!(
            (page.status.as_u16(), page.location()),
            (303, path),
            "{case}"
        );
        assert_eq!(agents(&mut browser, app).await, mei(), "{case}");
        assert!(browser.cookie("mastra_login").is_none() && browser.jar.names().len() == 1);
    }
}

#[tokio::test]
async fn a_host_that_the_platform_does_not_know_begins_no_sign_in() {
    let (cloud, app) = desk(|_| {}).await;
    let login = Browser::default().begin(&app.url, "/").await;
    let (before, after) = login.split_once("redirect_uri=").unwrap();
    let (_, after) = after.split_once('&').unwrap();
    let foreign = format!("{before}redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb&{after}");
    let page = Browser::default().open(&foreign).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.json()["detail"], "redirect_uri host not allowed");
    // A failed sign-in clears its own login cookie, whatever the state was replaced by.
    let mut browser = Browser::default();
    let callback = browser.almost(&app, &cloud, "member").await;
    cloud.control().end_sessions_of("usr_mei");
    let page = browser.open(&at_instance(&callback, &app)).await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (400, "login_rejected")
    );
    assert!(browser.jar.names().is_empty(), "{:?}", browser.jar.names());
}

#[tokio::test]
async fn a_sign_out_ends_the_session_there_and_leads_to_the_page_that_is_named() {
    let (cloud, app) = desk(restless).await;
    let there = format!("{}/auth/logout", cloud.url());
    // Also where the browser holds an older cookie of the session.
    for keeps_old in [false, true] {
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "member").await;
        let old = browser.clone();
        assert_eq!(agents(&mut browser, &app).await, mei());
        let mut browser = if keeps_old { old } else { browser };
        let page = browser.sign_out(&app).await;
        assert_eq!((page.status.as_u16(), page.location()), (303, &*there));
        assert!(browser.jar.names().is_empty());
        let sessions = cloud.control().sessions();
        assert!(sessions.iter().all(|session| session.ended_at.is_some()));
    }
    let mut browser = browser_of(&cloud, PLATFORM, "member");
    let url = app.at("/auth/logout");
    let own = headers(&[("origin", &app.url)]);
    let page = browser.send(Method::POST, &url, own, &[]).await;
    assert_eq!(page.json()["logoutUrl"], *there, "{page:?}");
}

#[tokio::test]
async fn a_user_who_is_ended_is_out_under_each_text_of_the_session_and_may_come_again() {
    let (cloud, app) = desk(restless).await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    let mut old = browser.clone();
    assert_eq!(agents(&mut browser, &app).await, mei());
    app.auth
        .end_user(&mastra_auth_cloud::UserId::parse("usr_mei").unwrap());
    for browser in [&mut browser, &mut old] {
        let out = refused(401, "invalid_token");
        assert_eq!(agents(browser, &app).await, out);
    }
    until("a later sign-in is good", || async {
        let mut again = Browser::default();
        again.sign_in(&app, &cloud, "member").await;
        agents(&mut again, &app).await == mei()
    })
    .await;
}
