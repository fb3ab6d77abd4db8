//! Events and spans: each comes from its cause, with its fields, and the guide lists the spans.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::common::{App, Browser, app, ask, cloud, headers, patient, with_parameter};
use crate::ear::{Ear, Told};
use mastra_auth_cloud::axum::CurrentUser;
use mastra_auth_cloud::login::{RedirectUri, State, Verifier};
use mastra_auth_cloud::{
    Dialect, MastraCloudAuth, SessionToken, VerificationMode, VerificationOptions,
};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::Method;

/// Every event: level, target, name, outcome, and the fields that it may have. Changing one breaks dashboards and alerts.
const EVENTS: &str = "\
DEBUG mastra_auth::cloud mastra_auth.cloud_call answered: duration_seconds endpoint operation status
ERROR mastra_auth::setup mastra_auth.layer_missing -: code
INFO mastra_auth::audit mastra_auth.already_signed_in -: code request_id session_id status user_id
INFO mastra_auth::audit mastra_auth.credential_rejected rejected: code duration_seconds endpoint request_id source status
INFO mastra_auth::audit mastra_auth.permission_denied -: code permission request_id user_id
INFO mastra_auth::audit mastra_auth.signed_in succeeded: request_id session_id user_id
INFO mastra_auth::audit mastra_auth.signed_out already_gone: request_id session_id user_id
INFO mastra_auth::audit mastra_auth.signed_out ended: request_id session_id user_id
INFO mastra_auth::request mastra_auth.error_page_shown -: code reference request_id
TRACE mastra_auth::request mastra_auth.request_anonymous anonymous: duration_seconds request_id source
TRACE mastra_auth::request mastra_auth.request_authenticated authenticated: duration_seconds request_id source user_id
WARN mastra_auth::audit mastra_auth.cross_origin_rejected -: code request_id
WARN mastra_auth::audit mastra_auth.return_path_truncated -: bytes limit
WARN mastra_auth::audit mastra_auth.sign_in_failed failed: code endpoint reference request_id status
WARN mastra_auth::audit mastra_auth.sign_out_not_confirmed not_confirmed: code endpoint request_id session_id status user_id
WARN mastra_auth::cloud mastra_auth.cloud_call_failed closed: duration_seconds endpoint operation
WARN mastra_auth::cloud mastra_auth.key_set_fetch_failed -: code endpoint status
WARN mastra_auth::cloud mastra_auth.key_set_invalid_entries -: count
WARN mastra_auth::cloud mastra_auth.unexpected_rejection -: code endpoint status
WARN mastra_auth::request mastra_auth.authentication_unavailable unavailable: code duration_seconds endpoint request_id source status
WARN mastra_auth::request mastra_auth.permissions_unavailable unavailable: code endpoint permission request_id status
";

const SPANS: &str = "\
DEBUG mastra_auth::audit mastra_auth.login:
DEBUG mastra_auth::audit mastra_auth.sign_out:
DEBUG mastra_auth::cloud mastra_auth.cloud_call: operation status
DEBUG mastra_auth::request mastra_auth.authenticate: code outcome source
";

/// Does something and looks for the one event that must come of it.
struct Desk {
    ear: Ear,
    all: Vec<Told>,
    cloud: LocalCloud,
    app: App,
}

impl Desk {
    /// Exactly one of these was told since the last time.
    #[track_caller]
    fn told(&mut self, event: &str, pairs: &[(&str, &str)]) -> Told {
        let new = self.ear.take();
        self.all.extend(new.clone());
        let mut found = new.iter().filter(|told| told.is(event, pairs));
        match (found.next(), found.next()) {
            (Some(told), None) => told.clone(),
            _ => panic!("{event} {pairs:?} in {new:#?}"),
        }
    }

    fn fault(&self, kind: FaultKind, endpoint: &str) {
        self.cloud.control().clear_faults();
        self.cloud
            .control()
            .set_fault(Fault::new(kind).on(endpoint));
    }
}

#[tokio::test]
async fn threat_108_events_hold_still_and_tell_inside_what_the_outside_is_not_told() {
    let (ear, _listens) = Ear::listen();
    let mut policy = patient();
    policy.breaker_failures = 1_000;
    policy.stale_if_error = Duration::ZERO;
    let cloud = cloud(Dialect::V1).await;
    let app = app(&cloud, Dialect::V1, policy).await;
    let mut desk = Desk {
        ear,
        all: Vec::new(),
        cloud,
        app,
    };
    sign_ins(&mut desk).await;
    requests(&mut desk).await;
    sign_outs(&mut desk).await;
    the_set_up(&mut desk).await;

    let lines: BTreeSet<String> = desk.all.iter().map(Told::line).collect();
    assert_eq!(lines.iter().map(String::as_str).collect::<String>(), EVENTS);
    assert_eq!(desk.ear.spans(), SPANS);
}

/// Two people sign in, and one of them tries a link again.
async fn sign_ins(desk: &mut Desk) {
    for (person, id) in [("owner", "usr_olivia"), ("viewer", "usr_victor")] {
        let mut browser = Browser::default();
        let callback = browser.almost(&desk.app, &desk.cloud, person).await;
        let mut unanswered = browser.clone();
        browser.open(&callback).await;
        // The same browser before the answer arrived: one sign-in is told of once.
        assert_eq!(unanswered.open(&callback).await.status, 303);
        let told = desk.told("signed_in", &[("outcome", "succeeded"), ("user_id", id)]);
        assert!(told.values["session_id"].starts_with("ses_"), "{told:?}");
        browser.open(&callback).await;
        let pairs = [("code", "callback_replayed")];
        assert_eq!(desk.told("already_signed_in", &pairs).values["user_id"], id);
        let page = Browser::default().open(&callback).await;
        assert_eq!(page.code(), "callback_replayed");
        let told = desk.told(
            "sign_in_failed",
            &[("outcome", "failed"), ("code", "callback_replayed")],
        );
        let reference = &told.values["reference"];
        assert!(
            page.body.contains(&format!("<code>{reference}</code>")),
            "{told:?}"
        );
    }
    let mut browser = Browser::default();
    let callback = browser.almost(&desk.app, &desk.cloud, "admin").await;
    let mut with_id = headers(&[("x-request-id", "req-1")]);
    with_id.insert("accept", "application/json".parse().unwrap());
    let elsewhere = with_parameter(&callback, "state", "another-state-of-nobody");
    browser.send(Method::GET, &elsewhere, with_id, &[]).await;
    desk.told(
        "sign_in_failed",
        &[("code", "state_mismatch"), ("request_id", "req-1")],
    );
    desk.fault(FaultKind::Status { status: 500 }, "exchange");
    browser.open(&callback).await;
    desk.told(
        "sign_in_failed",
        &[
            ("outcome", "failed"),
            ("endpoint", "/api/v1/auth/callback"),
            ("status", "500"),
        ],
    );
    desk.cloud.control().clear_faults();
}

async fn requests(desk: &mut Desk) {
    let hour = Duration::from_hours(1);
    let viewer = desk.cloud.control().sign_in("viewer", hour).unwrap();
    let bearer = format!("Bearer {viewer}");
    for source in ["cloud", "cache"] {
        let page = ask(
            &desk.app,
            "/agents",
            &[("authorization", &bearer), ("x-request-id", "req-2")],
        )
        .await;
        assert_eq!(page.status, 200);
        let told = desk.told(
            "request_authenticated",
            &[
                ("outcome", "authenticated"),
                ("source", source),
                ("user_id", "usr_victor"),
                ("request_id", "req-2"),
            ],
        );
        assert!(told.values["duration_seconds"].parse::<f64>().unwrap() < 60.0);
    }
    let call = desk
        .all
        .iter()
        .rev()
        .find(|told| told.is("cloud_call", &[("operation", "verify_token")]));
    let call = call.unwrap();
    assert_eq!(
        call.within,
        ["mastra_auth.authenticate"],
        "it belongs to the request that made it"
    );
    assert_eq!(call.values["status"], "200");

    ask(&desk.app, "/agents", &[]).await;
    desk.told(
        "request_anonymous",
        &[("outcome", "anonymous"), ("source", "none")],
    );

    // The outside is told that a token is not accepted, the inside why.
    let ended = desk.cloud.control().sign_in("admin", hour).unwrap();
    desk.cloud.control().end_sessions_of("usr_anders");
    for (token, source, code) in [
        (ended.as_str(), "cloud", "session_ended"),
        (ended.as_str(), "cache", "session_ended"),
        ("a,b", "none", "invalid_token"),
    ] {
        let bearer = format!("Bearer {token}");
        let page = ask(
            &desk.app,
            "/agents",
            &[("authorization", &bearer), ("x-request-id", "req-3")],
        )
        .await;
        assert_eq!(
            (page.status.as_u16(), page.code().as_str()),
            (401, "invalid_token")
        );
        desk.told(
            "credential_rejected",
            &[
                ("outcome", "rejected"),
                ("code", code),
                ("source", source),
                ("request_id", "req-3"),
            ],
        );
    }

    let long = format!("/agents?filter={}", "x".repeat(7000));
    for path in [long.clone(), format!("/auth/login?return_to={long}")] {
        ask(&desk.app, &path, &[("sec-fetch-mode", "navigate")]).await;
        desk.told(
            "return_path_truncated",
            &[("bytes", "7027"), ("limit", "6144")],
        );
    }
    let state = State::parse(&format!("id|{long}"), None).unwrap();
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .build()
        .unwrap();
    let redirect_uri = RedirectUri::parse("https://app.example.com/cb").unwrap();
    let verifier = Verifier::parse(&"v".repeat(43)).unwrap();
    let _ = auth.client().login_url(&redirect_uri, &state, &verifier);
    desk.told(
        "return_path_truncated",
        &[("bytes", "7027"), ("limit", "6144")],
    );

    let with_bearer = || headers(&[("authorization", &bearer), ("x-request-id", "req-4")]);
    let url = desk.app.at("/agents/demo");
    let page = Browser::default()
        .send(Method::DELETE, &url, with_bearer(), &[])
        .await;
    assert_eq!(page.code(), "permission_denied");
    desk.told(
        "permission_denied",
        &[
            ("code", "permission_denied"),
            ("user_id", "usr_victor"),
            ("permission", "agents:delete"),
            ("request_id", "req-4"),
        ],
    );

    let owner = desk.cloud.control().sign_in("owner", hour).unwrap();
    desk.fault(FaultKind::Status { status: 503 }, "permissions");
    let with_bearer = headers(&[("authorization", &format!("Bearer {owner}"))]);
    let page = Browser::default()
        .send(Method::DELETE, &url, with_bearer, &[])
        .await;
    assert_eq!(page.code(), "unavailable");
    desk.told(
        "permissions_unavailable",
        &[("outcome", "unavailable"), ("code", "fault")],
    );
    desk.fault(FaultKind::Cut, "verify");
    let page = ask(
        &desk.app,
        "/agents",
        &[
            ("authorization", "Bearer new-one"),
            ("x-request-id", "req-5"),
        ],
    )
    .await;
    assert_eq!(page.code(), "unavailable");
    desk.told(
        "authentication_unavailable",
        &[
            ("outcome", "unavailable"),
            ("code", "network_error"),
            ("source", "cloud"),
            ("request_id", "req-5"),
        ],
    );
    desk.cloud.control().clear_faults();
}

async fn sign_outs(desk: &mut Desk) {
    let mut one = Browser::default();
    one.sign_in(&desk.app, &desk.cloud, "owner").await;
    desk.told("signed_in", &[("user_id", "usr_olivia")]);
    let token = SessionToken::parse(one.session().unwrap()).unwrap();
    one.sign_out(&desk.app).await;
    let told = desk.told(
        "signed_out",
        &[("outcome", "ended"), ("user_id", "usr_olivia")],
    );
    assert!(told.values["session_id"].starts_with("ses_"), "{told:?}");
    let _ = desk.app.auth.sign_out(&token).await;
    desk.told("signed_out", &[("outcome", "already_gone")]);
    let mut two = Browser::default();
    two.sign_in(&desk.app, &desk.cloud, "viewer").await;
    desk.fault(FaultKind::Status { status: 500 }, "destroy");
    let page = two.sign_out(&desk.app).await;
    let told = desk.told("error_page_shown", &[]);
    let reference = &told.values["reference"];
    assert!(
        page.body.contains(&format!("<code>{reference}</code>")),
        "{told:?}"
    );
    let ends = desk
        .all
        .iter()
        .filter(|told| told.is("sign_out_not_confirmed", &[("outcome", "not_confirmed")]));
    let whose: Vec<_> = ends.map(|told| told.values["user_id"].as_str()).collect();
    assert_eq!(whose, ["usr_victor"]);
    desk.cloud.control().clear_faults();

    let foreign = headers(&[
        ("origin", "https://evil.example"),
        ("x-request-id", "req-6"),
    ]);
    let url = desk.app.at("/auth/logout");
    Browser::default()
        .send(Method::POST, &url, foreign, &[])
        .await;
    desk.told(
        "cross_origin_rejected",
        &[("code", "cross_origin"), ("request_id", "req-6")],
    );
}

async fn the_set_up(desk: &mut Desk) {
    let router = axum::Router::new().route("/", axum::routing::get(|_: CurrentUser| async {}));
    let request = axum::extract::Request::new(axum::body::Body::empty());
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!(answer.status(), 500);
    desk.told("layer_missing", &[("code", "layer_missing")]);

    desk.fault(FaultKind::Status { status: 418 }, "verify");
    let token = SessionToken::parse("odd").unwrap();
    assert!(
        desk.app
            .auth
            .client()
            .verify_token(&token)
            .await
            .unwrap()
            .is_none()
    );
    desk.told("unexpected_rejection", &[("status", "418")]);

    let verification = VerificationOptions {
        mode: VerificationMode::Keys,
        ..VerificationOptions::default()
    };
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(desk.cloud.url())
        .verification(verification)
        .build()
        .unwrap();
    desk.fault(FaultKind::Html, "jwks");
    let hour = Duration::from_hours(1);
    let token = desk.cloud.control().sign_in("owner", hour).unwrap();
    let _ = auth.authenticate_token(&token).await;
    desk.told("key_set_fetch_failed", &[("endpoint", "jwks")]);
    let told = desk
        .all
        .iter()
        .rev()
        .find(|told| told.name == "mastra_auth.authentication_unavailable");
    assert!(told.unwrap().is(
        "authentication_unavailable",
        &[("outcome", "unavailable"), ("source", "keys")]
    ));
    desk.cloud.control().clear_faults();

    let set = r#"{"keys":[null,7,{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().route("/", axum::routing::get(move || async move { set }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let verification = VerificationOptions {
        mode: VerificationMode::Keys,
        key_set_url: Some(format!("http://{address}/")),
        ..VerificationOptions::default()
    };
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(desk.cloud.url())
        .verification(verification)
        .build()
        .unwrap();
    let _ = auth.authenticate_token(&token).await;
    desk.told("key_set_invalid_entries", &[("count", "2")]);
}

/// The guide's table of events is generated from the list.
#[test]
fn the_guide_lists_every_span() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/observability.md");
    let guide = fs::read_to_string(path).unwrap();
    for line in SPANS.lines() {
        let name = line.split(' ').nth(2).unwrap().trim_end_matches(':');
        assert!(guide.contains(&format!("`{name}`")), "{line}");
    }
}
