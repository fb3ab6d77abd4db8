//! Verification by keys against a Cloud on loopback: no call for a signature, and the end of a session where it is asked about.

use std::time::Duration;

use crate::common::{App, Browser, brisk, cloud, cloud_with, headers, id, until};
use mastra_auth_cloud::{
    Authentication, Code, Dialect, MastraCloudAuth, SessionToken, VerificationMode,
    VerificationOptions,
};
use mastra_auth_cloud_core::verification::ByKeys;
use mastra_auth_local_cloud::{Algorithm, LocalCloud};

const HOUR: Duration = Duration::from_hours(1);

fn by(mode: VerificationMode) -> VerificationOptions {
    VerificationOptions {
        mode,
        ..VerificationOptions::default()
    }
}

fn provider(cloud: &LocalCloud, verification: VerificationOptions) -> MastraCloudAuth {
    MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .policy(brisk())
        .verification(verification)
        .build()
        .unwrap()
}

async fn who(auth: &MastraCloudAuth, token: &str) -> String {
    match auth.authenticate_token(token).await {
        Authentication::Authenticated(identity) => identity.user().id().as_str().to_owned(),
        Authentication::Anonymous => "anonymous".to_owned(),
        Authentication::Rejected(error) | Authentication::Unavailable(error) => {
            error.code().to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_035_a_refusal_by_expiry_never_stands_in_the_way_of_a_renewal() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let cloud = cloud(dialect).await;
        let control = cloud.control();
        let (age, lifetime) = (Duration::from_secs(2), Duration::from_secs(1));
        let token = control.sign_in_with_token_of("member", age, lifetime);
        let token = token.unwrap();
        let old = SessionToken::parse(&token).unwrap();
        for mode in [
            VerificationMode::Cloud,
            VerificationMode::Keys,
            VerificationMode::KeysAndSession,
        ] {
            // An instance that never saw the session, in two orders.
            let fresh = || {
                let mut verification = by(mode);
                verification.leeway = (mode != VerificationMode::Cloud).then_some(Duration::ZERO);
                let options = MastraCloudAuth::builder()
                    .project_id("demo")
                    .base_url(cloud.url());
                let options = options.dialect(dialect).verification(verification);
                options.build().unwrap()
            };
            let auth = fresh();
            assert_ne!(who(&auth, &token).await, "usr_mei", "{mode:?}");
            let renewed = auth.refresh_session(&old).await.unwrap().unwrap();
            assert_eq!(who(&auth, renewed.token.expose()).await, "usr_mei");

            let auth = fresh();
            assert_ne!(who(&auth, &token).await, "usr_mei", "{mode:?}");
            let cookie = format!("{}={token}", auth.cookie_name());
            let cookies = headers(&[("cookie", &cookie)]);
            let (answer, set) = auth.authenticate_and_renew(&cookies).await;
            assert_eq!(id(&answer), "usr_mei", "{mode:?}");
            assert!(set.is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_people_are_verified_with_one_fetch() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let cloud = cloud_with(Dialect::V1, |options| options.algorithm = algorithm).await;
        let auth = provider(&cloud, by(VerificationMode::Keys));
        let people = [("member", "usr_mei"), ("viewer", "usr_victor")];
        let tasks = (0..200).map(|at| {
            let (handle, id) = people[at % 2];
            let token = cloud.control().sign_in(handle, HOUR).unwrap();
            let auth = auth.clone();
            tokio::spawn(async move { assert_eq!(who(&auth, &token).await, id) })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!((cloud.requests("jwks"), cloud.requests("any")), (1, 1));
    }
}

#[tokio::test]
async fn a_browser_signs_in_and_out_where_signatures_are_checked() {
    for mode in [VerificationMode::Keys, VerificationMode::KeysAndSession] {
        let cloud = cloud(Dialect::V1).await;
        let app = App::with(|url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
                .verification(by(mode))
        })
        .await;
        let (mut ada, mut bob) = (Browser::default(), Browser::default());
        ada.sign_in(&app, &cloud, "member").await;
        bob.sign_in(&app, &cloud, "viewer").await;
        assert_eq!(ada.me(&app).await, "usr_mei");
        assert_eq!(bob.me(&app).await, "usr_victor");
        let old = ada.clone();
        ada.sign_out(&app).await;
        assert_eq!(old.clone().me(&app).await, "-");
        assert_eq!(bob.me(&app).await, "usr_victor");
        assert_eq!(cloud.requests("verify"), 0);
    }
}

#[tokio::test]
async fn a_sign_in_that_is_refused_ends_its_session_at_the_cloud() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let cloud = cloud(dialect).await;
        let verification = VerificationOptions {
            issuer: Some("https://other.example".to_owned()),
            ..by(VerificationMode::Keys)
        };
        let app = App::with(|url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
                .dialect(dialect)
                .verification(verification)
        })
        .await;
        // A session of the same person in another browser goes on.
        cloud.control().sign_in("member", HOUR).unwrap();
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "member").await;
        assert_eq!(
            browser.open(&callback).await.code(),
            "token_issuer_mismatch"
        );
        until("the new session is over at the Cloud", async || {
            let sessions = cloud.control().sessions();
            let over = sessions.iter().filter(|one| one.ended_at.is_some());
            (sessions.len(), over.count()) == (2, 1)
        })
        .await;
        assert_eq!(cloud.requests("destroy"), 1);
        // It is one failed sign-in, and no sign-out.
        let figures = || app.auth.metrics().render().unwrap();
        until("the call is counted", async || {
            let call =
                "mastra_auth_cloud_calls_total{operation=\"destroy_session\",status=\"2xx\"} 1";
            figures().contains(call)
        })
        .await;
        let figures = figures();
        let lines = figures.lines().filter(|line| {
            line.starts_with("mastra_auth_logins_total")
                || line.starts_with("mastra_auth_sign_outs_total")
        });
        let counted: Vec<&str> = lines.filter(|line| !line.ends_with(" 0")).collect();
        assert_eq!(counted, ["mastra_auth_logins_total{outcome=\"failed\"} 1"]);
    }
}

#[tokio::test]
async fn a_rotation_costs_no_request() {
    let cloud = cloud(Dialect::V1).await;
    let mut policy = brisk();
    policy.keys_pause = Duration::from_millis(50);
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .policy(policy)
        .verification(by(VerificationMode::Keys))
        .build()
        .unwrap();
    let old = cloud.control().sign_in("member", HOUR).unwrap();
    assert_eq!(who(&auth, &old).await, "usr_mei");
    for round in 1..=3 {
        tokio::time::sleep(Duration::from_millis(80)).await;
        cloud.control().rotate_keys();
        let new = cloud.control().sign_in("viewer", HOUR).unwrap();
        assert_eq!(who(&auth, &new).await, "usr_victor");
        assert_eq!(who(&auth, &old).await, "usr_mei");
        assert_eq!(cloud.requests("jwks"), round + 1);
    }
}

#[tokio::test]
async fn threat_020_a_session_that_ended_at_the_cloud_dies_within_the_time_it_is_asked_in() {
    let cloud = cloud(Dialect::V1).await;
    let mut options = by(VerificationMode::KeysAndSession);
    options.session_every = Some(Duration::from_millis(200));
    let auth = provider(&cloud, options);
    let token = cloud.control().sign_in("member", HOUR).unwrap();
    let other = cloud.control().sign_in("viewer", HOUR).unwrap();
    assert_eq!(who(&auth, &token).await, "usr_mei");
    cloud.control().end_sessions_of("usr_mei");
    until("the ended session is refused", async || {
        who(&auth, &token).await != "usr_mei"
    })
    .await;
    assert_eq!(who(&auth, &other).await, "usr_victor");
}

#[tokio::test]
async fn a_cloud_that_is_away_keeps_nobody_out_whose_signature_is_good() {
    let cloud = cloud(Dialect::V1).await;
    let auth = provider(&cloud, by(VerificationMode::Keys));
    let (known, new) = (
        cloud.control().sign_in("member", HOUR).unwrap(),
        cloud.control().sign_in("viewer", HOUR).unwrap(),
    );
    let without = provider(&cloud, by(VerificationMode::Keys));
    assert_eq!(who(&auth, &known).await, "usr_mei");
    drop(cloud);
    assert_eq!(who(&auth, &known).await, "usr_mei");
    assert_eq!(who(&auth, &new).await, "usr_victor");
    assert_eq!(who(&without, &new).await, "keys_unavailable");
    let answer = without.authenticate_token(&new).await;
    assert!(
        matches!(answer, Authentication::Unavailable(error) if error.is(&Code::KeysUnavailable))
    );
}

#[tokio::test]
async fn threat_007_a_token_for_another_project_or_of_another_cloud_is_refused() {
    let (cloud, elsewhere) = (
        cloud(Dialect::V1).await,
        crate::common::cloud(Dialect::V1).await,
    );
    let token = cloud.control().sign_in("member", HOUR).unwrap();
    let mut other = by(VerificationMode::Keys);
    other.audience = Some("demo2".to_owned());
    assert_eq!(
        who(&provider(&cloud, other), &token).await,
        "token_audience_mismatch"
    );
    let mut issuer = by(VerificationMode::Keys);
    issuer.issuer = Some(elsewhere.url().to_owned());
    assert_eq!(
        who(&provider(&cloud, issuer), &token).await,
        "token_issuer_mismatch"
    );
    assert_eq!(
        who(&provider(&elsewhere, by(VerificationMode::Keys)), &token).await,
        "token_key_unknown"
    );
    let base = mastra_auth_cloud::transport::BaseUrl::parse(cloud.url()).unwrap();
    assert!(ByKeys::of_cloud(&base, "demo").is_ok());
}
