//! While the Cloud is unreachable, slow or wrong: no user is signed out, and no sign-out is lost.

use std::time::Duration;

use crate::common::{
    App, Browser, DIALECTS, app, brisk, cloud, cloud_with, endpoint, headers, id, patient,
    provider, session_of, until,
};
use mastra_auth_cloud::{Authentication, Dialect, MastraCloudAuth, SessionToken, SignOut};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::Method;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn threat_031_a_sign_out_while_the_cloud_is_away_is_told_and_holds() {
    for dialect in DIALECTS {
        let folder = folder();
        let cloud = at_rest(dialect, 0, &folder).await;
        let port = cloud.port();
        let mut policy = brisk();
        policy.max_entries = 8;
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
                assert!(matches!(answer, Authentication::Rejected(_)), "{answer:?}");
            }
        }

        let cloud = at_rest(dialect, port, &folder).await;
        until("the Cloud is asked again", || async {
            let token = cloud.control().sign_in("viewer", HOUR).unwrap();
            matches!(
                app.auth.authenticate_token(&token).await,
                Authentication::Authenticated(_)
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

/// A way to fail, at a Cloud of its own.
async fn failing(dialect: Dialect, kind: &FaultKind) -> (LocalCloud, MastraCloudAuth) {
    let cloud = cloud(dialect).await;
    let mut policy = patient();
    // An answer that never ends is abandoned soon; one that is late on a busy machine is not.
    if matches!(kind, FaultKind::Drip) {
        policy.call_timeout = Duration::from_secs(5);
    }
    policy.breaker_failures = 1_000;
    let auth = provider(&cloud, dialect, policy);
    (cloud, auth)
}

/// Does it with each of these in both dialects, all at once.
async fn with_each(kinds: &[FaultKind], work: impl AsyncFn(Dialect, FaultKind)) {
    let of = |dialect| kinds.iter().map(move |kind| (dialect, kind.clone()));
    let all = DIALECTS.into_iter().flat_map(of);
    futures_util::future::join_all(all.map(|(dialect, kind)| work(dialect, kind))).await;
}

#[tokio::test]
async fn threat_032_a_sign_out_that_failed_is_not_told_as_done() {
    let kinds = [
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
    ];
    with_each(&kinds, async |dialect, kind| {
        let (cloud, auth) = failing(dialect, &kind).await;
        let token = session_of(&cloud, "owner");
        match dialect {
            Dialect::Platform => assert!(auth.validate_session(&token).await.unwrap().is_some()),
            _ => assert_eq!(
                id(&auth.authenticate_token(token.expose()).await),
                "usr_olivia"
            ),
        }
        cloud
            .control()
            .set_fault(Fault::new(kind.clone()).on(endpoint(dialect, "destroy")));
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
        // The platform answers alike where there is nothing to end.
        let again = match dialect {
            Dialect::Platform => SignOut::Ended,
            _ => SignOut::AlreadyGone,
        };
        assert_eq!(auth.sign_out(&token).await, again);
    })
    .await;
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
    for dialect in DIALECTS {
        let folder = folder();
        let cloud = at_rest(dialect, 0, &folder).await;
        let port = cloud.port();
        let mut policy = brisk();
        policy.stale_if_error = Duration::from_hours(1);
        let trusting = app(&cloud, dialect, policy).await;
        let app = app(&cloud, dialect, brisk()).await;
        let mut browser = Browser::default();
        browser.sign_in(&app, &cloud, "owner").await;
        assert_eq!(browser.me(&trusting).await, "usr_olivia");
        let cookie = browser.session().unwrap().to_owned();
        let stranger = cloud.control().sign_in("viewer", HOUR).unwrap();
        cloud.stop().await;

        // First what was verified is good for its time, then nothing can be said; never "signed out".
        let mut statuses = Vec::new();
        while statuses.last() != Some(&503) {
            let page = browser.fetch(&app.at("/agents")).await;
            assert!(page.cookies().is_empty(), "{page:?}");
            statuses.push(page.status.as_u16());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        statuses.pop();
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let page = browser.fetch(&trusting.at("/agents")).await;
        assert_eq!((page.status.as_u16(), page.cookies().len()), (200, 0));
        let page = browser.fetch(&app.at("/agents")).await;
        assert_eq!(page.headers["retry-after"], "5");
        let page = browser.open(&app.at("/agents")).await;
        assert_eq!(
            page.status, 503,
            "a browser is not sent to sign in: {page:?}"
        );
        let answer = app.auth.authenticate_token(&stranger).await;
        assert!(
            matches!(answer, Authentication::Unavailable(_)),
            "{answer:?}"
        );
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
    let kinds = [
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
    ];
    with_each(&kinds, async |dialect, kind| {
        let (cloud, auth) = failing(dialect, &kind).await;
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        cloud.control().set_fault(Fault::new(kind.clone()));
        let answer = auth.authenticate_token(&token).await;
        assert!(
            matches!(answer, Authentication::Unavailable(_)),
            "{kind:?}: {answer:?}"
        );
        cloud.control().clear_faults();
        assert_eq!(
            id(&auth.authenticate_token(&token).await),
            "usr_olivia",
            "{kind:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn threat_031_a_sign_out_overlooks_no_cookie() {
    for stuffing in [
        // More cookies of the name than are looked at to find out who it is.
        (0..40)
            .map(|n| format!("mastra_session=x{n}; "))
            .collect::<Vec<_>>()
            .concat(),
        // A longer header than is read for that.
        format!("a={}; ", "x".repeat(20_000)),
    ] {
        let cloud = cloud(Dialect::V1).await;
        let app = App::start(&cloud, Dialect::V1).await;
        let token = cloud.control().sign_in("owner", HOUR).unwrap();
        assert_eq!(id(&app.auth.authenticate_token(&token).await), "usr_olivia");
        let cookie = format!("{stuffing}mastra_session={token}");
        let headers = headers(&[("cookie", &cookie)]);
        let page = Browser::default()
            .send(Method::POST, &app.at("/auth/logout"), headers, &[])
            .await;
        let answer = app.auth.authenticate_token(&token).await;
        assert!(matches!(answer, Authentication::Rejected(_)), "{answer:?}");
        let sessions = cloud.control().sessions();
        assert!(
            sessions.iter().all(|one| one.ended_at.is_some()),
            "ended at the Cloud too"
        );
        // With forty credentials that were never good it cannot be said of all that they are ended.
        let expect = if stuffing.len() < 10_000 { 503 } else { 200 };
        assert_eq!(page.status, expect, "{page:?}");
    }
}

#[tokio::test]
async fn threat_031_whoever_hangs_up_keeps_no_session_alive() {
    let cloud = cloud(Dialect::V1).await;
    let app = App::start(&cloud, Dialect::V1).await;
    let [first, second] =
        ["owner", "viewer"].map(|who| cloud.control().sign_in(who, HOUR).unwrap());
    cloud
        .control()
        .set_fault(Fault::new(FaultKind::Delay { ms: 3_000 }).on("destroy"));
    let cookie = format!("mastra_session={first}; mastra_session={second}");
    let (url, headers) = (app.at("/auth/logout"), headers(&[("cookie", &cookie)]));
    let leaving = tokio::spawn(async move {
        let mut browser = Browser::default();
        browser.send(Method::POST, &url, headers, &[]).await
    });
    until("the sign-out has begun", || async {
        let answer = app.auth.authenticate_token(&first).await;
        matches!(answer, Authentication::Rejected(_))
    })
    .await;
    leaving.abort();
    assert!(
        leaving.await.is_err(),
        "hung up before the Cloud had answered"
    );
    for token in [&first, &second] {
        let answer = app.auth.authenticate_token(token).await;
        assert!(matches!(answer, Authentication::Rejected(_)), "{answer:?}");
    }
    until("the Cloud has heard of both", || async {
        cloud
            .control()
            .sessions()
            .iter()
            .all(|one| one.ended_at.is_some())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_was_signed_out_here_is_valid_nowhere_here() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect, brisk());
        let token = session_of(&cloud, "owner");
        assert!(auth.validate_session(&token).await.unwrap().is_some());
        cloud.control().set_fault(
            Fault::new(FaultKind::Status { status: 500 }).on(endpoint(dialect, "destroy")),
        );
        assert!(matches!(
            auth.sign_out(&token).await,
            SignOut::NotConfirmed(_)
        ));
        assert!(auth.validate_session(&token).await.unwrap().is_none());
        assert!(auth.refresh_session(&token).await.unwrap().is_none());
    }
}
