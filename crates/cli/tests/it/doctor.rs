//! `mastra-auth doctor` as a process: a server in order, a server that is not, and none.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use mastra_auth_local_cloud::{LocalCloud, Options};
use serde_json::{Value, json};

use crate::answering;
use crate::process::{Finished, command, finish};

/// Stands for the state of a sign-in and the value of its cookie.
const SECRET: &str = "5e1f-state-and-cookie";
const LATE: &str = "no whole answer came within 10 s";

/// Again where it gave up waiting, for that a busy machine does.
fn doctor(server: &str, more: &[&str]) -> Finished {
    let mut arguments = vec!["doctor", "--server", server];
    arguments.extend(more);
    for _ in 0..10 {
        let finished = finish(command(&arguments), b"");
        if !format!("{finished:?}").contains(LATE) {
            return finished;
        }
    }
    finish(command(&arguments), b"")
}

/// A server that answers as a Mastra server does, with its requests; `project` is its provider's.
async fn mastra(cloud: &str, project: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let callback = format!("{url}/api/auth/sso/callback");
    let page =
        format!("{cloud}/auth/oss?project_id={project}&redirect_uri={callback}&state={SECRET}");
    let home = url.clone();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&asked);
    let app = Router::new().fallback(async move |request: Request| -> Response {
        let path = request.uri().path().to_owned();
        lines
            .lock()
            .unwrap()
            .push(format!("{} {path}", request.method()));
        let cookie = format!("mastra_login={SECRET}; HttpOnly; SameSite=Lax; Path=/");
        match path.as_str() {
            "/api/auth/capabilities" => {
                Json(json!({ "enabled": true, "login": { "sso": { "text": "Sign in" } } }))
                    .into_response()
            }
            "/api/auth/sso/login" => {
                ([("set-cookie", cookie)], Json(json!({ "url": page }))).into_response()
            }
            "/api/auth/sso/callback" => {
                // As the plugin: what does not belong to the login that was begun is refused without a call.
                let query = request.uri().query().unwrap_or_default();
                let brought = request.headers().get("cookie").map(HeaderValue::as_bytes);
                let is_own = brought == Some(format!("mastra_login={SECRET}").as_bytes())
                    && query.contains("code=made-up")
                    && query.contains(&format!("state={SECRET}"));
                let why = if is_own {
                    "It%20is%20not%20valid."
                } else {
                    "Unknown%20error"
                };
                (
                    StatusCode::FOUND,
                    [("location", format!("{home}/?error={why}"))],
                )
                    .into_response()
            }
            "/api/auth/me" => Json(Value::Null).into_response(),
            "/api/agents" => StatusCode::UNAUTHORIZED.into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

async fn cloud() -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    LocalCloud::start(options).await.unwrap()
}

/// The codes that are red or yellow, in a report for scripts. A busy machine may make the Cloud slow.
fn wrong(finished: &Finished) -> Vec<String> {
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|one| one["light"] == "red" || one["light"] == "yellow");
    let codes = wrong.map(|one| one["code"].as_str().unwrap().to_owned());
    codes.filter(|code| code != "cloud-speed").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_order_is_green_and_is_asked_little() {
    let cloud = cloud().await;
    let (url, asked) = mastra(cloud.url(), "demo").await;
    let json = doctor(&url, &["--json"]);
    assert_eq!((json.code, wrong(&json)), (Some(0), vec![]), "{json:?}");
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(
        asked.iter().all(|line| line.starts_with("GET ")),
        "{asked:?}"
    );

    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let mut findings = report["findings"].as_array().unwrap().iter();
    let way = findings
        .find(|one| one["code"] == "server-to-cloud")
        .unwrap();
    assert_eq!(way["light"], "green", "{way}");

    let table = doctor(&url, &[]);
    let who = format!("\"Sign in\" at {}, project demo", cloud.url());
    assert!(table.stdout.contains(&who), "{table:?}");
    assert_eq!(table.stderr, "");
    for finished in [&json, &table] {
        assert!(!finished.stdout.contains(SECRET), "{finished:?}");
        assert!(!finished.stdout.contains('\u{1b}'), "no colour in a pipe");
    }
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_red_with_what_to_do() {
    let cloud = cloud().await;
    let (url, _) = mastra(cloud.url(), "unknown").await;
    let json = doctor(&url, &["--json"]);
    assert_eq!(
        (json.code, wrong(&json)),
        (Some(1), vec!["login-page".to_owned()]),
        "{json:?}"
    );
    let table = doctor(&url, &[]);
    assert_eq!(table.code, Some(1));
    assert!(table.stdout.contains("FAIL  login-page"), "{table:?}");
    assert!(
        table.stdout.contains("Use a project id that exists there"),
        "{table:?}"
    );

    let other = url.replace("localhost", "127.0.0.1");
    assert_eq!(
        wrong(&doctor(&other, &["--json"])),
        ["login-page", "loopback-name"]
    );
    let elsewhere = doctor(&url, &["--json", "--api-prefix", "/other/"]);
    assert_eq!(
        (elsewhere.code, wrong(&elsewhere)),
        (Some(1), vec!["server".to_owned()])
    );
    cloud.stop().await;
}

#[test]
fn a_server_that_is_none_is_named_so() {
    for answer in ["", "nonsense\r\n\r\n"] {
        let (url, _) = answering::server(answer.to_owned());
        let finished = doctor(&url, &[]);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(4), ""),
            "{finished:?}"
        );
        assert!(finished.stderr.starts_with("unreachable: "), "{finished:?}");
    }
    let (url, asked) = answering::server(answering::http("200 OK", "text/html", "<html>"));
    let finished = doctor(&url, &["--json"]);
    assert_eq!(
        (finished.code, wrong(&finished)),
        (Some(1), vec!["server".to_owned()])
    );
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[test]
fn a_silent_server_is_given_up() {
    // It takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let finished = finish(command(&["doctor", "--server", &url]), b"");
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(4), ""),
        "{finished:?}"
    );
    assert!(finished.stderr.contains(LATE), "{finished:?}");
}

#[test]
fn an_address_that_is_none_is_wrong_usage_and_repeats_no_password() {
    for server in [
        "",
        "app",
        "ftp://a",
        "http://a/x",
        "http://a?x",
        "http://u:pw@a",
        "http://a#x",
    ] {
        let finished = doctor(server, &[]);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(2), ""),
            "{server}: {finished:?}"
        );
        assert!(!finished.stderr.contains("pw"), "{finished:?}");
    }
    for prefix in ["api", "/a?b", "/a b"] {
        assert_eq!(
            doctor("http://a", &["--api-prefix", prefix]).code,
            Some(2),
            "{prefix}"
        );
    }
}

#[test]
fn the_guide_lists_what_is_looked_at() {
    let guide = include_str!("../../../../docs/guide/doctor.md");
    let list = finish(command(&["doctor", "--list", "--json"]), b"").stdout;
    let rules: Value = serde_json::from_str(&list).unwrap();
    let mut rows = String::new();
    for rule in rules.as_array().unwrap() {
        let text = |name: &str| rule[name].as_str().unwrap().to_owned();
        let (code, light, holds, mend) = (text("code"), text("light"), text("holds"), text("do"));
        rows.push_str(&format!("| `{code}` | {light} | {holds} | {mend} |\n"));
    }
    assert!(
        guide.contains(&rows),
        "the guide's first table must be:\n{rows}"
    );
}
