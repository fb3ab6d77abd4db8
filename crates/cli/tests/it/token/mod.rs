//! `mastra-auth token`: every outcome with its exit status, one JSON line, and the token nowhere.

mod input;
mod inspect;
mod new;

use std::net::TcpListener;
use std::time::Duration;

use crate::answering::{http, server};
use crate::process::{Finished, command, finish};
use mastra_auth_local_cloud::{Dialect, Fault, FaultKind, LocalCloud, Options};
use serde_json::{Value, json};

const DIALECTS: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];
const ALL: [Dialect; 3] = [Dialect::V1, Dialect::Pkce, Dialect::Platform];
const AN_HOUR: Duration = Duration::from_secs(3600);

async fn cloud(dialect: Dialect) -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    options.dialect = dialect;
    LocalCloud::start(options).await.unwrap()
}

fn signed_in(cloud: &LocalCloud, person: &str) -> String {
    cloud.control().sign_in(person, AN_HOUR).unwrap()
}

/// Asks about a token at the loudest; whatever comes of it, the token is not in it.
fn verify(url: &str, dialect: Dialect, token: &str) -> Finished {
    let mut command = command(&[
        "token",
        "verify",
        "--base-url",
        url,
        "--project-id",
        "demo",
        "--dialect",
        dialect.as_str(),
    ]);
    command.env("RUST_LOG", "trace");
    let finished = finish(command, token.as_bytes());
    for part in token.trim().split('.').filter(|part| part.len() >= 12) {
        assert!(!finished.stdout.contains(part), "{}", finished.stdout);
        assert!(!finished.stderr.contains(part), "{}", finished.stderr);
    }
    finished
}

/// The one line on standard output.
fn report(finished: &Finished) -> Value {
    assert_eq!(finished.stdout.lines().count(), 1, "{finished:?}");
    assert!(finished.stdout.ends_with('\n'), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let mut members: Vec<&String> = report.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["code", "outcome", "status", "user"]);
    report
}

#[track_caller]
fn assert_refused(finished: &Finished, outcome: &str, what: &str) -> Value {
    let report = report(finished);
    assert_eq!(report["outcome"], outcome, "{what}: {report}");
    assert_eq!(report["user"], Value::Null, "{what}: {report}");
    assert!(report["code"].is_string(), "{what}: {report}");
    let exit = if outcome == "rejected" { 3 } else { 4 };
    assert_eq!(finished.code, Some(exit), "{what}: {report}");
    report
}

#[tokio::test]
async fn a_good_token_is_authenticated() {
    for dialect in ALL {
        let cloud = cloud(dialect).await;
        let token = signed_in(&cloud, "member");
        // With a line end, as a file has one.
        let finished = verify(cloud.url(), dialect, &format!("{token}\n"));
        assert_eq!(finished.code, Some(0), "{dialect:?}: {finished:?}");
        let report = report(&finished);
        assert_eq!(report["outcome"], "authenticated");
        assert_eq!(report["status"], 200);
        assert_eq!(report["code"], Value::Null);
        assert_eq!(report["user"]["id"], "usr_mei", "{dialect:?}");
        assert_eq!(report["user"]["roles"], json!(["member"]), "{dialect:?}");
    }
}

/// Without a project, which the platform does not have.
fn verify_at_platform(url: &str, text: &str) -> Finished {
    let args = [
        "token",
        "verify",
        "--base-url",
        url,
        "--dialect",
        "platform",
    ];
    let finished = finish(command(&args), text.as_bytes());
    for part in text.split(['.', '*']).filter(|part| part.len() >= 12) {
        assert!(!finished.stdout.contains(part), "{finished:?}");
        assert!(!finished.stderr.contains(part), "{finished:?}");
    }
    finished
}

#[tokio::test]
async fn the_platform_is_asked_about_each_credential_where_it_belongs() {
    let cloud = cloud(Dialect::Platform).await;
    let control = cloud.control();
    let person = control.sign_in_as("admin").unwrap();
    let sealed = person.sealed_session.unwrap();
    let key = control.issue_api_key("org_acme", "member").unwrap();
    for (text, [verify, me]) in [(&person.token, [1, 0]), (&key, [1, 0]), (&sealed, [0, 1])] {
        let before = ["verify", "me"].map(|endpoint| cloud.requests(endpoint));
        let finished = verify_at_platform(cloud.url(), text);
        assert_eq!(
            (finished.code, &*finished.stderr),
            (Some(0), ""),
            "{finished:?}"
        );
        let user = &report(&finished)["user"];
        assert_eq!(user["organizationId"], "org_acme", "{user}");
        let after = ["verify", "me"].map(|endpoint| cloud.requests(endpoint));
        assert_eq!(after, [before[0] + verify, before[1] + me]);
    }
    // A session that is due is replaced by the question.
    control.change_platform(|options| options.rotate_after = Duration::ZERO);
    let finished = verify_at_platform(cloud.url(), &sealed);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stderr.contains("replaced this session"),
        "{finished:?}"
    );
    control.end_session(&person.session_id);
    for text in [&person.token, &sealed] {
        assert_refused(&verify_at_platform(cloud.url(), text), "rejected", "ended");
    }
    // Neither a token nor a cookie's value, and two cookies.
    let before = cloud.requests("any");
    for text in [
        "planted canary",
        "planted-canary; other=1",
        "planted,canary",
    ] {
        assert_refused(&verify_at_platform(cloud.url(), text), "rejected", text);
    }
    assert_eq!(cloud.requests("any"), before);
    control.set_fault(Fault::new(FaultKind::Status { status: 503 }));
    for text in [&person.token, &sealed] {
        assert_refused(&verify_at_platform(cloud.url(), text), "unavailable", "503");
    }
}

#[tokio::test]
async fn a_project_token_is_a_user_of_its_own() {
    let cloud = cloud(Dialect::Pkce).await;
    let token = cloud.control().issue_project_token("admin").unwrap();
    let finished = verify(cloud.url(), Dialect::Pkce, &token);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let report = report(&finished);
    let id = report["user"]["id"].as_str().unwrap();
    assert!(id.starts_with("project-token:"), "{id}");
}

#[tokio::test]
async fn what_the_cloud_refuses_is_rejected() {
    for dialect in ALL {
        let cloud = cloud(dialect).await;
        let control = cloud.control();
        let (mine, ended, forged) = (
            signed_in(&cloud, "owner"),
            signed_in(&cloud, "member"),
            signed_in(&cloud, "viewer"),
        );
        control.end_sessions_of("usr_mei");
        let expired = control.sign_in("admin", Duration::ZERO).unwrap();
        let forged = format!("{}A", &forged[..forged.len() - 2]);
        for (what, token) in [
            ("opaque", "no-token-of-this-cloud-0123456789"),
            ("ended", &ended),
            ("expired", &expired),
            ("forged", &forged),
        ] {
            let report = assert_refused(&verify(cloud.url(), dialect, token), "rejected", what);
            assert_eq!(report["status"], 401, "{what}");
        }
        let asked = cloud.requests("verify");
        assert_eq!(verify(cloud.url(), dialect, &mine).code, Some(0));
        assert_eq!(cloud.requests("verify"), asked + 1);
    }
}

#[tokio::test]
async fn what_cannot_be_a_token_is_rejected_without_a_call() {
    let cloud = cloud(Dialect::V1).await;
    let token = signed_in(&cloud, "member");
    let padded = format!("{token}{}x", " ".repeat(64 * 1024));
    let too_long = "a".repeat(8 * 1024 + 1);
    let endless = "a".repeat(1024 * 1024);
    for (what, token) in [
        ("two words", "planted-canary planted-canary"),
        ("two lines", "planted-canary\nplanted-canary"),
        ("a header", "planted-canary\r\nX-Role: owner"),
        ("not ASCII", "planted-canary-\u{e9}"),
        ("over the cap", &too_long),
        ("endless", &endless),
        ("a good one, then more than is read", &padded),
    ] {
        let finished = verify(cloud.url(), Dialect::V1, token);
        assert_refused(&finished, "rejected", what);
    }
    assert_eq!(cloud.requests("any"), 0);
}

#[tokio::test]
async fn every_fault_that_is_no_refusal_is_unavailable() {
    let redirect = |status| FaultKind::Redirect {
        status,
        location: "https://example.com/".into(),
    };
    let status = |status| FaultKind::Status { status };
    // All at once: some of them take their time.
    let kinds = [
        FaultKind::Delay { ms: 60_000 },
        FaultKind::Drop,
        FaultKind::OkFalse,
        FaultKind::Html,
        FaultKind::HtmlOk,
        FaultKind::Truncated,
        FaultKind::Cut,
        FaultKind::Empty,
        FaultKind::Huge,
        FaultKind::WrongTypes,
        FaultKind::Drip,
        redirect(301),
        redirect(302),
        redirect(303),
        redirect(307),
        redirect(308),
        status(408),
        status(425),
        status(429),
        status(500),
        status(502),
        status(503),
    ];
    let cases: Vec<_> = ALL
        .into_iter()
        .flat_map(|dialect| kinds.iter().map(move |kind| (dialect, kind.clone())))
        .map(|(dialect, kind)| {
            tokio::spawn(async move {
                let cloud = cloud(dialect).await;
                let token = signed_in(&cloud, "member");
                cloud.control().set_fault(Fault::new(kind.clone()));
                let url = cloud.url().to_owned();
                let finished =
                    tokio::task::spawn_blocking(move || verify(&url, dialect, &token)).await;
                (format!("{kind:?} {dialect:?}"), finished.unwrap())
            })
        })
        .collect();
    for case in cases {
        let (what, finished) = case.await.unwrap();
        assert_refused(&finished, "unavailable", &what);
    }
}

#[tokio::test]
async fn a_refusal_is_rejected_by_its_status_alone() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let token = signed_in(&cloud, "member");
        for status in [400, 401, 403, 404, 410, 422, 451] {
            cloud.control().clear_faults();
            cloud
                .control()
                .set_fault(Fault::new(FaultKind::Status { status }));
            let finished = verify(cloud.url(), dialect, &token);
            let report = assert_refused(&finished, "rejected", &format!("{status} {dialect:?}"));
            assert_eq!(report["status"], status);
        }
        cloud.control().clear_faults();
        cloud.control().set_fault(Fault::new(FaultKind::EchoSecret));
        let finished = verify(cloud.url(), dialect, &token);
        assert_refused(&finished, "rejected", "a message that repeats the token");
        cloud.control().clear_faults();
        let late = Fault::new(FaultKind::Delay { ms: 100 });
        cloud.control().set_fault(late);
        assert_eq!(verify(cloud.url(), dialect, &token).code, Some(0), "late");
    }
}

#[test]
fn threat_073_an_answer_that_is_not_the_apis_says_nothing_of_the_token() {
    let refusal = r#"{"ok":false,"error":{"message":"m","code":"invalid_token","status":401}}"#;
    let user = r#"{"ok":true,"data":{"user":{"id":"u","email":"e@example.com","created_at":"2026-01-01T00:00:00Z"}}}"#;
    let json = "application/json";
    for (what, answer, outcome) in [
        (
            "a refusal",
            http("401 Unauthorized", json, refusal),
            "rejected",
        ),
        (
            "a refusal in the envelope",
            http("200 OK", json, refusal),
            "rejected",
        ),
        (
            "a page",
            http("401 Unauthorized", "text/html", "<h1>Sign in</h1>"),
            "unavailable",
        ),
        ("nothing", http("401 Unauthorized", json, ""), "unavailable"),
        (
            "half",
            http("401 Unauthorized", json, &refusal[..40]),
            "unavailable",
        ),
        (
            "a yes with a 500",
            http("500 Error", json, user),
            "unavailable",
        ),
        (
            "no data",
            http("200 OK", json, r#"{"ok":true}"#),
            "unavailable",
        ),
        (
            "`ok` as text",
            http("200 OK", json, &user.replace("true", "\"true\"")),
            "unavailable",
        ),
        (
            "`ok` twice",
            http(
                "200 OK",
                json,
                &user.replace("{\"ok\"", "{\"ok\":false,\"ok\""),
            ),
            "unavailable",
        ),
        ("a list", http("200 OK", json, "[]"), "unavailable"),
        (
            "no HTTP",
            "220 mail.example.com ESMTP\r\n".to_owned(),
            "unavailable",
        ),
    ] {
        let (url, _) = server(answer);
        let finished = verify(&url, Dialect::V1, "planted-canary-0123456789");
        assert_refused(&finished, outcome, what);
    }
    let (url, _) = server(http("200 OK", json, user));
    let finished = verify(&url, Dialect::V1, "planted-canary-0123456789");
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn threat_069_a_redirect_takes_the_token_nowhere() {
    let (elsewhere, arrived) = server(http("200 OK", "application/json", "{}"));
    for status in [301, 302, 303, 307, 308] {
        let (url, asked) = server(format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {elsewhere}/arrived\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
        let finished = verify(&url, Dialect::V1, "planted-canary-0123456789");
        assert_refused(&finished, "unavailable", &status.to_string());
        assert!(!asked.lock().unwrap().is_empty());
    }
    let arrived = arrived.lock().unwrap();
    assert!(
        !arrived.iter().any(|line| line.contains("/arrived")),
        "{arrived:?}"
    );
}

#[test]
fn where_nobody_listens_it_is_unavailable() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for dialect in DIALECTS {
        let finished = verify(&url, dialect, "planted-canary-0123456789");
        let report = assert_refused(&finished, "unavailable", "nobody");
        assert_eq!(report["status"], 503);
        assert_eq!(report["code"], "network_error");
    }
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    for (url, project) in [
        ("http://cloud.example.com", "demo"),
        ("nowhere", "demo"),
        ("ftp://localhost", "demo"),
        ("http://localhost:1", ""),
        ("http://localhost:1", "a b"),
    ] {
        let args = [
            "token",
            "verify",
            "--base-url",
            url,
            "--project-id",
            project,
        ];
        let finished = finish(command(&args), b"planted-canary-0123456789");
        assert_eq!(finished.code, Some(2), "{url} {project}: {finished:?}");
        assert_eq!(finished.stdout, "");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        let option = if project == "demo" {
            "--base-url"
        } else {
            "--project-id"
        };
        let named = format!("error: {option} must ");
        assert!(finished.stderr.starts_with(&named), "{finished:?}");
        assert!(!finished.stderr.contains("canary"));
    }
}

#[test]
fn a_project_is_wanted_where_the_dialect_has_one() {
    for dialect in ["v1", "pkce"] {
        let args = ["token", "verify", "--dialect", dialect];
        let finished = finish(command(&args), b"planted-canary-0123456789");
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(
            finished.stderr.starts_with("error: --project-id must "),
            "{finished:?}"
        );
    }
}

#[test]
fn address_and_project_may_come_from_the_environment() {
    let mut command = command(&["token", "verify"]);
    command.env("MASTRA_CLOUD_URL", "http://127.0.0.1:1");
    command.env("MASTRA_PROJECT_ID", "demo");
    assert_refused(&finish(command, b"opaque"), "unavailable", "environment");
}

#[tokio::test]
async fn the_dialect_may_come_from_the_environment_and_the_option_goes_before_it() {
    let cloud = cloud(Dialect::Pkce).await;
    let token = signed_in(&cloud, "member");
    let args = [
        "token",
        "verify",
        "--base-url",
        cloud.url(),
        "--project-id",
        "demo",
    ];
    let mut by_variable = command(&args);
    by_variable.env("MASTRA_CLOUD_DIALECT", "pkce");
    let finished = finish(by_variable, token.as_bytes());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let mut by_option = command(&[&args[..], &["--dialect", "pkce"]].concat());
    by_option.env("MASTRA_CLOUD_DIALECT", "v1");
    assert_eq!(finish(by_option, token.as_bytes()).code, Some(0));
    let mut bad = command(&args);
    bad.env("MASTRA_CLOUD_DIALECT", "v2");
    let finished = finish(bad, token.as_bytes());
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("--dialect"), "{finished:?}");
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let mut without_project = command(&["token", "verify"]);
    without_project.env("MASTRA_PROJECT_ID", "");
    let finished = finish(without_project, b"opaque");
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("--project-id"), "{finished:?}");
    // Nothing is asked: what is no token is refused before.
    let mut empty = command(&["token", "verify", "--project-id", "demo"]);
    empty.env("MASTRA_CLOUD_URL", "");
    empty.env("MASTRA_CLOUD_DIALECT", "");
    empty.env("RUST_LOG", "");
    assert_refused(&finish(empty, b"two words"), "rejected", "empty variables");
}

#[test]
fn members_come_in_the_documented_order() {
    let args = ["--base-url", "http://localhost:1", "--project-id", "demo"];
    let call = [&["token", "verify"], &args[..]].concat();
    let refused = finish(command(&call), b"two words");
    assert_eq!(
        refused.stdout,
        "{\"outcome\":\"rejected\",\"code\":\"invalid_token\",\"status\":401,\"user\":null}\n"
    );
}

#[tokio::test]
async fn the_loudest_log_is_of_our_own_crates() {
    let cloud = cloud(Dialect::V1).await;
    let token = signed_in(&cloud, "member");
    let args = ["--base-url", cloud.url(), "--project-id", "demo"];
    let loud = command(&[&["-vvv", "token", "verify"], &args[..]].concat());
    let finished = finish(loud, token.as_bytes());
    assert!(finished.stderr.contains("mastra_auth"), "{finished:?}");
    for other in ["hyper", "reqwest", "rustls"] {
        assert!(!finished.stderr.contains(other), "{other}: {finished:?}");
    }
}
