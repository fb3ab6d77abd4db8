//! The figures for Prometheus: each moves when its cause happens, and no other does.

use std::time::Duration;

use crate::common::{
    App, Browser, DIALECTS, app, ask, brisk, cloud, cookie_name, desk, id, patient, provider, until,
};
use mastra_auth_cloud::{
    Dialect, MastraCloudAuth, SessionToken, SignOut, VerificationMode, VerificationOptions,
};
use mastra_auth_local_cloud::{Fault, FaultKind};

const REQUESTS: &str = "mastra_auth_requests_total";
const CALLS: &str = "mastra_auth_cloud_calls_total";

/// The value of a series, 0 where there is none so far.
fn value(auth: &MastraCloudAuth, series: &str) -> u64 {
    let text = auth.metrics().render().unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

/// How far some series moved while something was done.
struct Moved<'a> {
    auth: &'a MastraCloudAuth,
    before: Vec<(String, u64)>,
}

impl<'a> Moved<'a> {
    fn watch(auth: &'a MastraCloudAuth, series: &[&str]) -> Self {
        let read = |series: &&str| ((*series).to_owned(), value(auth, series));
        Self {
            auth,
            before: series.iter().map(read).collect(),
        }
    }

    fn by(&self) -> Vec<u64> {
        let moved = |(series, before): &(String, u64)| value(self.auth, series) - before;
        self.before.iter().map(moved).collect()
    }
}

fn requests(outcome: &str, source: &str) -> String {
    format!("{REQUESTS}{{outcome=\"{outcome}\",source=\"{source}\"}}")
}

fn calls(operation: &str, status: &str) -> String {
    format!("{CALLS}{{operation=\"{operation}\",status=\"{status}\"}}")
}

fn bearer(app: &App, token: &str) -> impl Future<Output = u16> {
    let header = format!("Bearer {token}");
    async move {
        ask(app, "/agents", &[("authorization", &header)])
            .await
            .status
            .as_u16()
    }
}

#[tokio::test]
async fn requests_are_counted_by_outcome_and_source() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = app(&cloud, dialect, patient()).await;
        let mut people = [Browser::default(), Browser::default()];
        people[0].sign_in(&app, &cloud, "owner").await;
        people[1].sign_in(&app, &cloud, "viewer").await;

        let cached = requests("authenticated", "cache");
        let series = [cached.as_str(), &requests("authenticated", "cloud")];
        let moved = Moved::watch(&app.auth, &series);
        for person in &mut people {
            assert_eq!(person.fetch(&app.at("/agents")).await.status, 200);
        }
        assert_eq!(moved.by(), [2, 0]);
        let stranger = cloud
            .control()
            .sign_in("member", Duration::from_hours(1))
            .unwrap();
        assert_eq!(bearer(&app, &stranger).await, 200);
        assert_eq!(moved.by(), [2, 1]);

        let series = [
            requests("anonymous", "none"),
            requests("rejected", "none"),
            requests("rejected", "cloud"),
            requests("rejected", "cache"),
        ];
        let series: Vec<&str> = series.iter().map(String::as_str).collect();
        let moved = Moved::watch(&app.auth, &series);
        assert_eq!(ask(&app, "/agents", &[]).await.status, 401);
        assert_eq!(moved.by(), [1, 0, 0, 0]);
        assert_eq!(bearer(&app, "a,b").await, 401);
        assert_eq!(moved.by(), [1, 1, 0, 0]);
        let many = format!("{}=t; ", cookie_name(dialect)).repeat(6);
        assert_eq!(ask(&app, "/agents", &[("cookie", &many)]).await.status, 400);
        assert_eq!(moved.by(), [1, 2, 0, 0]);
        assert_eq!(bearer(&app, "nobodys").await, 401);
        assert_eq!(bearer(&app, "nobodys").await, 401);
        assert_eq!(moved.by(), [1, 2, 1, 1]);
        let entries = |kind| {
            value(
                &app.auth,
                &format!("mastra_auth_cache_entries{{kind=\"{kind}\"}}"),
            )
        };
        assert_eq!((entries("identities"), entries("refusals")), (3, 1));
    }
}

#[tokio::test]
async fn sign_ins_and_sign_outs_are_counted_by_their_end() {
    let (cloud, app) = desk().await;
    let series = [
        "mastra_auth_logins_total{outcome=\"succeeded\"}",
        "mastra_auth_logins_total{outcome=\"failed\"}",
        "mastra_auth_sign_outs_total{outcome=\"ended\"}",
        "mastra_auth_sign_outs_total{outcome=\"already_gone\"}",
        "mastra_auth_sign_outs_total{outcome=\"not_confirmed\"}",
    ];
    let moved = Moved::watch(&app.auth, &series);
    let (mut one, mut two) = (Browser::default(), Browser::default());
    let callback = one.almost(&app, &cloud, "owner").await;
    assert_eq!(one.open(&callback).await.status, 303);
    // Once more by a user who is signed in, which is no sign-in, and by one who is not.
    assert_eq!(one.open(&callback).await.status, 303);
    assert_eq!(Browser::default().open(&callback).await.status, 400);
    two.sign_in(&app, &cloud, "viewer").await;
    assert_eq!(moved.by(), [2, 1, 0, 0, 0]);
    // A sign-in that is declined at the Cloud, and one whose address was cut.
    let mut other = Browser::default();
    let callback = other.almost(&app, &cloud, "").await;
    assert_eq!(other.open(&callback).await.status, 403);
    assert_eq!(
        other.open(&app.at("/auth/callback?state=")).await.status,
        400
    );
    assert_eq!(moved.by(), [2, 3, 0, 0, 0]);

    let token = SessionToken::parse(one.session().unwrap()).unwrap();
    one.sign_out(&app).await;
    assert_eq!(moved.by(), [2, 3, 1, 0, 0]);
    assert_eq!(app.auth.sign_out(&token).await, SignOut::AlreadyGone);
    assert_eq!(moved.by(), [2, 3, 1, 1, 0]);
    cloud
        .control()
        .set_fault(Fault::new(FaultKind::Status { status: 500 }).on("destroy"));
    assert_eq!(two.sign_out(&app).await.status, 503);
    assert_eq!(moved.by(), [2, 3, 1, 1, 1]);
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_status() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "owner").await;
    let token = SessionToken::parse(browser.session().unwrap()).unwrap();
    let client = app.auth.client();
    let user = client.verify_token(&token).await.unwrap().unwrap();
    client.user(user.id(), &token).await.unwrap();
    client.user_permissions(user.id(), &token).await.unwrap();
    let session = client.validate_session(&token).await.unwrap().unwrap();
    client.destroy_session(session.id(), &token).await.unwrap();
    for operation in [
        "exchange_code",
        "verify_token",
        "get_user",
        "get_user_permissions",
        "validate_session",
        "destroy_session",
    ] {
        assert_eq!(value(&app.auth, &calls(operation, "2xx")), 1, "{operation}");
        let duration =
            format!("mastra_auth_cloud_call_duration_seconds_count{{operation=\"{operation}\"}}");
        assert_eq!(value(&app.auth, &duration), 1, "{operation}");
    }
    let bucket =
        "mastra_auth_cloud_call_duration_seconds_bucket{le=\"+Inf\",operation=\"verify_token\"}";
    let text = app.auth.metrics().render().unwrap();
    let has = |series: &str| text.contains(&format!("{series} 1\n"));
    assert!(
        has(bucket)
            || has(&bucket.replace(
                "le=\"+Inf\",operation=\"verify_token\"",
                "operation=\"verify_token\",le=\"+Inf\""
            )),
        "{text}"
    );

    for (kind, status) in [
        (FaultKind::Status { status: 503 }, "503"),
        (FaultKind::Status { status: 418 }, "4xx"),
        (FaultKind::Status { status: 429 }, "429"),
        (FaultKind::Cut, "closed"),
    ] {
        cloud.control().clear_faults();
        cloud.control().set_fault(Fault::new(kind).on("verify"));
        let series = calls("verify_token", status);
        let moved = Moved::watch(&app.auth, &[&series]);
        let _ = client.verify_token(&token).await;
        assert!(
            moved.by()[0] >= 1,
            "{status}: {}",
            app.auth.metrics().render().unwrap()
        );
    }
}

#[tokio::test]
async fn an_outage_shows_in_every_figure_that_it_should() {
    let cloud = cloud(Dialect::V1).await;
    let mut policy = brisk();
    policy.breaker_pause = Duration::from_hours(1);
    policy.stale_if_error = Duration::from_hours(1);
    let auth = provider(&cloud, Dialect::V1, policy);
    let hour = Duration::from_hours(1);
    let [one, two] = ["owner", "viewer"].map(|who| cloud.control().sign_in(who, hour).unwrap());
    assert_eq!(id(&auth.authenticate_token(&one).await), "usr_olivia");
    assert_eq!(id(&auth.authenticate_token(&two).await), "usr_victor");
    let state = |state| {
        value(
            &auth,
            &format!("mastra_auth_breaker_state{{state=\"{state}\"}}"),
        )
    };
    assert_eq!(
        (state("closed"), state("open"), state("half_open")),
        (1, 0, 0)
    );
    cloud.stop().await;

    let gone = requests("unavailable", "cloud");
    let not_asked = requests("unavailable", "none");
    let moved = Moved::watch(&auth, &[&gone, &not_asked]);
    for n in 0..6 {
        let _ = auth.authenticate_token(&format!("new-{n}")).await;
    }
    assert_eq!(moved.by(), [5, 1]);
    assert_eq!((state("closed"), state("open")), (0, 1));
    assert!(value(&auth, &calls("verify_token", "connect")) >= 5);
    // Past the fresh time, and served from memory all the same.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let cached = requests("authenticated", "cache");
    let moved = Moved::watch(&auth, &[&cached]);
    assert_eq!(id(&auth.authenticate_token(&one).await), "usr_olivia");
    assert_eq!(id(&auth.authenticate_token(&two).await), "usr_victor");
    assert_eq!(moved.by(), [2]);
}

#[tokio::test]
async fn a_pause_that_is_over_shows() {
    let cloud = cloud(Dialect::V1).await;
    let auth = provider(&cloud, Dialect::V1, brisk());
    cloud.stop().await;
    for n in 0..5 {
        let _ = auth.authenticate_token(&format!("new-{n}")).await;
    }
    let half_open = "mastra_auth_breaker_state{state=\"half_open\"}";
    until("the pause is over", || async {
        value(&auth, half_open) == 1
    })
    .await;
}

#[tokio::test]
async fn keys_show_their_age_and_who_was_verified_by_them() {
    let cloud = cloud(Dialect::V1).await;
    let verification = VerificationOptions {
        mode: VerificationMode::Keys,
        ..VerificationOptions::default()
    };
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .verification(verification)
        .build()
        .unwrap();
    let age = || {
        let text = auth.metrics().render().unwrap();
        let line = |line: &str| {
            line.strip_prefix("mastra_auth_keys_age_seconds ")?
                .parse()
                .ok()
        };
        text.lines().find_map(line)
    };
    assert_eq!(age(), None::<f64>);
    let by_keys = requests("authenticated", "keys");
    let fetched = calls("key_set", "2xx");
    let moved = Moved::watch(&auth, &[&by_keys, &fetched]);
    let hour = Duration::from_hours(1);
    for (person, who) in [("owner", "usr_olivia"), ("viewer", "usr_victor")] {
        let token = cloud.control().sign_in(person, hour).unwrap();
        assert_eq!(id(&auth.authenticate_token(&token).await), who);
    }
    assert_eq!(moved.by(), [2, 1]);
    let first = age().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(age().unwrap() > first);
}
