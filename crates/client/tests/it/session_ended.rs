//! A stream goes on as long as its session does, and no longer.

use std::convert::Infallible;
use std::time::Duration;

use crate::common::{App, Browser, brisk, cloud, cloud_with, headers, provider};
use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
use mastra_auth_cloud::{
    Authentication, Dialect, Identity, MastraCloudAuth, Policy, SessionEnd, SessionToken, UserId,
};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use tokio::time::timeout;

const HOUR: Duration = Duration::from_hours(1);
/// Nothing here takes nearly as long, on however slow a machine.
const EVER: Duration = Duration::from_secs(60);

/// Nothing is looked at again by itself for so long that only what wakes it ends a stream.
fn patient() -> Policy {
    let mut policy = Policy::default();
    policy.fresh = HOUR;
    policy
}

/// First who it is, and at the end of the session why.
async fn events(user: CurrentUser) -> Sse<impl stream::Stream<Item = Result<Event, Infallible>>> {
    let hello = Event::default().data(user.id().as_str());
    let end = user
        .ended()
        .map(|end| Ok(Event::default().data(format!("{end:?}"))));
    Sse::new(stream::iter([Ok(hello)]).chain(end.into_stream()))
}

fn app_of(auth: &MastraCloudAuth) -> Router {
    Router::new()
        .route("/events", get(events))
        .layer(AuthLayer::required(auth.clone()))
        .merge(routes(auth).unwrap())
}

async fn app(cloud: &LocalCloud, policy: Policy) -> App {
    App::built(
        |url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
                .policy(policy)
        },
        app_of,
    )
    .await
}

/// A stream of events that was begun.
struct Listening(reqwest::Response);

impl Listening {
    async fn to(app: &App, browser: &Browser) -> Self {
        let cookie = browser.cookie_header();
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request
            .get(app.at("/events"))
            .headers(headers(&[("cookie", &cookie)]));
        let mut listening = Self(request.send().await.unwrap());
        assert!(listening.hears("usr_").await.starts_with("data: usr_"));
        listening
    }

    /// The next thing that is heard, with this in it.
    async fn hears(&mut self, text: &str) -> String {
        let chunk = timeout(EVER, self.0.chunk()).await.unwrap();
        let chunk = chunk.unwrap().unwrap();
        let chunk = String::from_utf8(chunk.to_vec()).unwrap();
        assert!(chunk.contains(text), "{chunk}");
        chunk
    }

    /// It ends, and says so.
    async fn ends(mut self, why: &str) {
        self.hears(why).await;
        let rest = timeout(EVER, self.0.chunk()).await.unwrap();
        assert!(rest.unwrap().is_none(), "the connection's body is over");
    }
}

async fn signed_in(app: &App, cloud: &LocalCloud, person: &str) -> Browser {
    let mut browser = Browser::default();
    browser.sign_in(app, cloud, person).await;
    browser
}

#[tokio::test]
async fn a_stream_ends_with_a_sign_out_and_no_other_one_does() {
    let cloud = cloud(Dialect::V1).await;
    let app = app(&cloud, patient()).await;
    let mut one = signed_in(&app, &cloud, "member").await;
    let mut other = signed_in(&app, &cloud, "owner").await;
    let (first, second) = (
        Listening::to(&app, &one).await,
        Listening::to(&app, &other).await,
    );
    one.sign_out(&app).await;
    first.ends("SignedOut").await;
    other.sign_out(&app).await;
    second.ends("SignedOut").await;
}

#[tokio::test]
async fn a_stream_ends_when_an_operator_ends_its_user() {
    let cloud = cloud(Dialect::V1).await;
    let app = app(&cloud, patient()).await;
    let browser = signed_in(&app, &cloud, "member").await;
    let stream = Listening::to(&app, &browser).await;
    // Sessions that began within this second are not over by it.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    app.auth.end_user(&UserId::parse("usr_mei").unwrap());
    stream.ends("SignedOut").await;
}

#[tokio::test]
async fn a_stream_ends_when_the_cloud_ends_its_session() {
    let cloud = cloud(Dialect::V1).await;
    let app = app(&cloud, brisk()).await;
    let browser = signed_in(&app, &cloud, "member").await;
    let stream = Listening::to(&app, &browser).await;
    cloud.control().end_sessions_of("usr_mei");
    stream.ends("Refused").await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session_where_that_is_not_renewed() {
    let cloud = cloud(Dialect::V1).await;
    let auth = provider(&cloud, Dialect::V1, Policy::default());
    let token = cloud
        .control()
        .sign_in("viewer", Duration::from_secs(2))
        .unwrap();
    let identity = identity(&auth, &token).await;
    let end = timeout(EVER, auth.session_ended(&identity)).await.unwrap();
    assert_eq!(end, SessionEnd::Expired);
}

#[tokio::test]
async fn a_stream_outlives_the_token_of_a_session_that_is_renewed() {
    let cloud = cloud_with(Dialect::V1, |options| {
        options.token_lifetime = Some(Duration::from_secs(6));
        options.session_lifetime = HOUR;
    })
    .await;
    let mut policy = brisk();
    policy.renew_before = Duration::from_secs(2);
    let app = app(&cloud, policy).await;
    let mut browser = signed_in(&app, &cloud, "member").await;
    let first = browser.session().unwrap().to_owned();
    let stream = Listening::to(&app, &browser).await;
    crate::common::until("the token was renewed", || {
        let mut browser = browser.clone();
        let (app, first) = (&app, &first);
        async move {
            assert_eq!(browser.me(app).await, "usr_mei");
            browser.session().unwrap() != *first
        }
    })
    .await;
    // Past the end of the first token, by the Cloud's own clock.
    crate::common::until("the first token is past its end", || async {
        let auth = provider(&cloud, Dialect::V1, Policy::default());
        matches!(
            auth.authenticate_token(&first).await,
            Authentication::Rejected(_)
        )
    })
    .await;
    assert_eq!(browser.me(&app).await, "usr_mei");
    browser.sign_out(&app).await;
    stream.ends("SignedOut").await;
}

#[tokio::test]
async fn an_outage_ends_a_stream_only_when_nothing_counts_any_more() {
    let cloud = cloud(Dialect::V1).await;
    let app = app(&cloud, brisk()).await;
    let mut browser = signed_in(&app, &cloud, "member").await;
    let stream = Listening::to(&app, &browser).await;
    cloud.control().set_fault(Fault::new(FaultKind::Drop));
    stream.ends("Unavailable").await;
    // What ended it is what a request gets: it could not be found out.
    let page = browser.fetch(&app.at("/events")).await;
    assert_eq!(page.status, 503);
    cloud.control().clear_faults();
    crate::common::until("the Cloud is asked again", || {
        let mut browser = browser.clone();
        let app = &app;
        async move { browser.fetch(&app.at("/auth/me")).await.status == 200 }
    })
    .await;
    Listening::to(&app, &browser).await;
}

async fn identity(auth: &MastraCloudAuth, token: &str) -> Identity {
    match auth.authenticate_token(token).await {
        Authentication::Authenticated(identity) => identity.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ten_thousand_streams_ask_the_cloud_once_and_leave_nothing_behind() {
    let cloud = cloud(Dialect::V1).await;
    let auth = provider(&cloud, Dialect::V1, patient());
    let token = cloud.control().sign_in("owner", HOUR).unwrap();
    let identity = identity(&auth, &token).await;
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let mut waiting: Vec<_> = (0..10_000)
        .map(|_| Box::pin(auth.session_ended(&identity)))
        .collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    assert_eq!(cloud.requests("verify"), 1);
    let alive = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(alive, tasks, "none has a task of its own");
    // Half of them disconnect.
    waiting.truncate(5_000);
    let _ = auth.sign_out(&SessionToken::parse(&token).unwrap()).await;
    for one in waiting {
        let end = timeout(EVER, one).await.unwrap();
        assert_eq!(end, SessionEnd::SignedOut);
    }
}
