//! `mastra-auth dev`: the ready line, the seed file, the database, sign-ins without a click.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::browser::{Browser, Page};
use crate::process::{Finished, Running, command, finish};
use reqwest::{Method, StatusCode};
use serde_json::json;

const RETURN: &str = "http://localhost:9/callback";
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/seed.toml");

/// A directory of the test's own, gone with it.
pub(crate) struct Room(PathBuf);

impl Room {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("dev-{name}-{}", std::process::id()));
        assert!(std::fs::create_dir_all(&path).is_ok());
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn dev(args: &[&str]) -> (Running, String) {
    let mut all = vec!["dev", "--port", "0"];
    all.extend(args);
    let dev = Running::start(&all);
    let cloud = dev.url("cloud");
    (dev, cloud)
}

/// A start that fails: what it says.
pub(crate) fn refused(args: &[&str]) -> Finished {
    let mut all = vec!["dev", "--port", "0"];
    all.extend(args);
    let finished = finish(command(&all), b"");
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    assert!(finished.stderr.starts_with("error: "), "{finished:?}");
    finished
}

fn login_page(cloud: &str, project: &str) -> String {
    format!("{cloud}/auth/oss?project_id={project}&redirect_uri={RETURN}&state=s")
}

/// The token of the person that `--auto-approve` signs in.
async fn token(cloud: &str) -> String {
    let mut browser = Browser::new();
    let approved = browser.get(&login_page(cloud, "demo")).await;
    let back = url::Url::parse(approved.location());
    let code = back.ok().and_then(|url| {
        url.query_pairs()
            .find(|(name, _)| name == "code")
            .map(|(_, code)| code.into_owned())
    });
    let body = json!({ "code": code }).to_string();
    let page = api(cloud, "callback", None, &body).await;
    page.json()
        .pointer("/data/jwt")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

async fn verify(cloud: &str, token: &str) -> Page {
    let body = json!({ "token": token }).to_string();
    api(cloud, "verify", Some(token), &body).await
}

async fn api(cloud: &str, endpoint: &str, bearer: Option<&str>, body: &str) -> Page {
    let authorization = bearer.map(|token| format!("Bearer {token}"));
    let mut headers = vec![
        ("content-type", "application/json"),
        ("x-project-id", "demo"),
    ];
    if let Some(authorization) = &authorization {
        headers.push(("authorization", authorization));
    }
    let url = format!("{cloud}/api/v1/auth/{endpoint}");
    Browser::new()
        .send(Method::POST, &url, &headers, Some(body))
        .await
}

#[tokio::test]
async fn the_ready_line_is_true_and_the_only_one() {
    for signal in ["INT", "TERM"] {
        let (dev, cloud) = dev(&[]);
        let line = format!("ready cloud={cloud}\n");
        assert_eq!(dev.ready(), line);
        assert!(cloud.starts_with("http://localhost:"), "{cloud}");
        let page = Browser::new().get(&login_page(&cloud, "demo")).await;
        assert_eq!(page.status, StatusCode::OK, "the project `demo` is there");
        let finished = dev.end(signal);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert_eq!(finished.stdout, line);
        assert_eq!(finished.stderr, "");
    }
}

#[tokio::test]
async fn each_dialect_answers_at_its_own_paths() {
    for (args, v1, pkce) in [
        (&[][..], StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND),
        (
            &["--dialect", "pkce"][..],
            StatusCode::NOT_FOUND,
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let (_dev, cloud) = dev(args);
        for (path, expect) in [("/api/v1/auth/verify", v1), ("/auth/verify", pkce)] {
            let headers = [
                ("content-type", "application/json"),
                ("x-project-id", "demo"),
                ("authorization", "Bearer bad"),
            ];
            let page = Browser::new()
                .send(
                    Method::POST,
                    &format!("{cloud}{path}"),
                    &headers,
                    Some(r#"{"token":"bad"}"#),
                )
                .await;
            assert_eq!(page.status, expect, "{args:?} {path}");
        }
    }
}

#[tokio::test]
async fn the_example_seed_is_what_the_login_page_shows() {
    let (_dev, cloud) = dev(&["--seed", EXAMPLE]);
    let mut browser = Browser::new();
    for project in ["demo", "shop"] {
        let page = browser.get(&login_page(&cloud, project)).await;
        for part in ["Olivia Okafor", "Omar Said", "usr_op_1", "Victor Reyes"] {
            assert!(page.text.contains(part), "{project}: {part}");
        }
        assert!(
            !page.text.contains("Mei Tanaka"),
            "who is built in is replaced"
        );
    }
    let page = browser.get(&login_page(&cloud, "other")).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_broken_seed_is_one_line_that_names_the_place() {
    let room = Room::new("seed");
    let king = "[[people]]\nhandle = \"a\"\nname = \"A\"\nemail = \"a@b\"\nrole = \"king\"\n";
    for (text, parts) in [
        ("[[people]]\nhandle = \n", &["line 2, column 10"][..]),
        ("\n\nsurprise = true\n", &["line 3, column 1", "surprise"]),
        ("people = 7\n", &["line 1, column 10", "`7`"]),
        (
            "[[people]]\nhandle = \"a\"\n",
            &["people[0] (\"a\"): name is missing"],
        ),
        (king, &["people", "king"]),
        ("people = []\n", &["at least one person"]),
        ("\"\\u001b[2J\" = 1\n", &["line 1, column 1", "\\u001b[2J"]),
    ] {
        let path = room.file("seed.toml");
        assert!(std::fs::write(&path, text).is_ok());
        let finished = refused(&["--seed", &path]);
        let said = finished.stderr.strip_prefix(&format!("error: {path}: "));
        assert!(said.is_some(), "{finished:?}");
        for part in parts {
            assert!(finished.stderr.contains(part), "{part}: {finished:?}");
        }
        assert!(!finished.stderr.contains('\u{1b}') && !finished.stderr.contains(" | "));
    }
    let missing = refused(&["--seed", &room.file("none.toml")]);
    assert!(missing.stderr.contains("none.toml cannot be read"));
    assert!(std::fs::write(room.file("latin"), b"\xff\xfe").is_ok());
    assert!(
        refused(&["--seed", &room.file("latin")])
            .stderr
            .contains("cannot be read")
    );
}

#[tokio::test]
async fn a_database_keeps_sessions_over_a_restart() {
    let room = Room::new("db");
    let db = room.file("cloud.sqlite");
    let args = ["--db", db.as_str(), "--auto-approve", "member"];
    let (first, cloud) = dev(&args);
    let (alive, ended) = (token(&cloud).await, token(&cloud).await);
    assert_eq!(verify(&cloud, &alive).await.status, StatusCode::OK);
    let out = api(
        &cloud,
        "session/destroy",
        Some(&ended),
        &json!({ "sessionId": sid(&ended) }).to_string(),
    )
    .await;
    assert_eq!(out.status, StatusCode::OK, "{}", out.text);
    assert_eq!(first.end("TERM").code, Some(0));

    let (second, cloud) = dev(&args);
    assert_eq!(verify(&cloud, &alive).await.status, StatusCode::OK);
    let over = verify(&cloud, &ended).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED, "what ended stays so");
    assert_eq!(second.end("INT").code, Some(0));

    let (_third, cloud) = dev(&["--auto-approve", "member"]);
    let forgotten = verify(&cloud, &alive).await;
    assert_eq!(forgotten.status, StatusCode::UNAUTHORIZED);
}

/// The session's id, as the token tells it.
fn sid(token: &str) -> String {
    claim(token, "sid")
}

/// A claim of a token, unverified.
pub(crate) fn claim(token: &str, name: &str) -> String {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).unwrap_or_default();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap_or_default();
    claims
        .get(name)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_database_that_cannot_be_used_is_one_line() {
    let room = Room::new("bad-db");
    assert!(std::fs::write(room.file("text"), "no database ".repeat(200)).is_ok());
    for name in ["text", "missing/cloud.sqlite", "."] {
        let said = refused(&["--db", &room.file(name)]);
        assert!(said.stderr.contains("database"), "{said:?}");
    }
}

#[tokio::test]
async fn the_front_page_names_every_variable_that_an_app_needs() {
    let (_dev, cloud) = dev(&[]);
    let page = Browser::new().get(&cloud).await;
    let address = format!("MASTRA_CLOUD_URL={cloud}\n");
    for part in [&address, "MASTRA_PROJECT_ID=demo\n", "MASTRA_PUBLIC_URL"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
}

#[tokio::test]
async fn a_person_is_approved_by_any_of_their_names() {
    for name in ["member", "usr_mei", "MEI@example.com", "Mei Tanaka"] {
        let (_dev, cloud) = dev(&["--auto-approve", name]);
        let page = verify(&cloud, &token(&cloud).await).await;
        let id = page.json().pointer("/data/user/id").cloned();
        assert_eq!(id, Some(json!("usr_mei")), "{name}");
    }
}

#[tokio::test]
async fn nobody_is_signed_in_without_a_click_unless_asked_for() {
    let (_dev, cloud) = dev(&[]);
    let mut browser = Browser::new();
    for _ in 0..2 {
        let page = browser.get(&login_page(&cloud, "demo")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("location"), "");
    }
    let sessions = browser.get(&format!("{cloud}/admin/api/sessions")).await;
    assert_eq!(sessions.json(), json!({ "sessions": [] }));
}

#[test]
fn a_person_who_is_not_there_is_one_line_with_those_who_are() {
    let said = refused(&["--auto-approve", "nobody\u{1b}"]);
    assert_eq!(
        said.stderr,
        "error: there is no person \"nobody\\u{1b}\" to approve; there are: owner, admin, member, viewer\n"
    );
    let said = refused(&["--seed", EXAMPLE, "--auto-approve", "member"]);
    assert!(said.stderr.contains("owner, operator, viewer"), "{said:?}");
}

#[test]
fn a_port_in_use_is_one_line_and_status_2() {
    let taken = TcpListener::bind("127.0.0.1:0");
    let port = taken
        .as_ref()
        .ok()
        .and_then(|taken| taken.local_addr().ok())
        .map_or(0, |address| address.port())
        .to_string();
    let finished = finish(command(&["dev", "--port", &port]), b"");
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert_eq!(
        finished.stderr,
        format!("error: port {port} is in use; choose another with --port, or --port 0 for any\n")
    );
}

#[test]
fn it_ends_with_the_program_that_started_it_where_it_is_told_to() {
    let over = finish(command(&["dev", "--port", "0", "--end-with-stdin"]), b"");
    assert_eq!(over.code, Some(0), "{over:?}");
    assert!(
        over.stdout.starts_with("ready cloud=http://localhost:"),
        "{over:?}"
    );
}

#[tokio::test]
async fn the_dialect_platform_has_options_of_its_own() {
    let (_running, cloud) = dev(&[
        "--dialect",
        "platform",
        "--auto-approve",
        "outsider",
        "--rotate-after",
        "0",
        "--rotation-leeway",
        "60",
        "--drop-redirect-query",
        "--echo-state",
        "--redirect-host",
        "app.example.com",
    ]);
    let mut browser = Browser::new();
    let login = "product=deploy&redirect_uri=https://app.example.com/callback?nonce=n&state=s";
    let page = browser.get(&format!("{cloud}/v1/auth/login?{login}")).await;
    let back = url::Url::parse(page.header("location")).unwrap();
    let query: Vec<_> = back.query_pairs().into_owned().collect();
    assert_eq!(query.len(), 2, "{back}");
    assert_eq!(query[1], ("state".into(), "s".into()));
    let cookie = format!("wos-session={}", query[0].1);
    let me = format!("{cloud}/v1/auth/me");
    for _ in 0..2 {
        let page = browser
            .send(Method::GET, &me, &[("cookie", &cookie)], None)
            .await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.json()["memberOrgIds"], json!(["org_globex"]));
    }
    let used = browser.get(&format!("{cloud}/admin/api/platform")).await;
    assert_eq!(used.json()["rotateAfter"], 0);
}
