//! `mastra-auth check`: every outcome with its exit status, and the token nowhere.

use crate::process::{Finished, command, finish};
use mastra_auth_local_cloud::{Dialect, Fault, FaultKind, LocalCloud, Options};

/// A port of one of the first services of the internet.
const NOBODY_LISTENS: &str = "http://127.0.0.1:1";

async fn cloud() -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    LocalCloud::start(options).await.unwrap()
}

fn check(url: &str, more: &[&str], stdin: &str) -> Finished {
    let mut arguments = vec!["check", "--base-url", url, "--project-id", "demo"];
    arguments.extend(more);
    finish(command(&arguments), stdin.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_keeps_the_contract_passes_and_says_first_what_is_done() {
    let cloud = cloud().await;
    let passed = check(cloud.url(), &["--destroy-session"], "");
    assert_eq!(passed.code, Some(0), "{passed:?}");
    assert!(
        passed
            .stdout
            .contains(" 0 must, 0 should and 0 note failed"),
        "{passed:?}"
    );
    assert!(passed.stderr.contains("at most 110 requests"), "{passed:?}");
    assert!(
        passed.stderr.contains("(v1)"),
        "the dialect was found: {passed:?}"
    );
    assert!(
        !passed.stdout.contains('\u{1b}'),
        "no colour in a pipe: {passed:?}"
    );
    let gentle = check(cloud.url(), &["--only", "session"], "");
    assert_eq!(gentle.code, Some(0), "{gentle:?}");
    assert!(
        gentle.stdout.contains("allow it with --destroy-session"),
        "{gentle:?}"
    );
    assert!(
        !gentle.stdout.contains("verify"),
        "one group alone: {gentle:?}"
    );
    assert!(
        cloud
            .control()
            .sessions()
            .iter()
            .any(|session| session.ended_at.is_none())
    );
    cloud.stop().await;
}

/// The platform has no project, and its address may hold `/v1`. Only the other dialects want a project.
#[tokio::test(flavor = "multi_thread")]
async fn a_dialect_is_found_before_a_project_is_asked_for() {
    for (dialect, name) in [
        (Dialect::V1, "v1"),
        (Dialect::Pkce, "pkce"),
        (Dialect::Platform, "platform"),
    ] {
        let mut options = Options::default();
        options.port = 0;
        options.dialect = dialect;
        let cloud = LocalCloud::start(options).await.unwrap();
        let prefixes: &[&str] = match dialect {
            Dialect::Platform => &["", "/v1", "/v1/"],
            _ => &[""],
        };
        for prefix in prefixes {
            let url = format!("{}{prefix}", cloud.url());
            let arguments = ["check", "--base-url", &url, "--only", "verify"];
            let finished = finish(command(&arguments), b"");
            let (code, says) = match dialect {
                Dialect::Platform => (0, "(platform)\nat most".to_owned()),
                _ => (
                    2,
                    format!(
                        "--project-id must name the project to sign in to: the Cloud speaks the dialect {name}"
                    ),
                ),
            };
            assert_eq!(finished.code, Some(code), "{url}: {finished:?}");
            assert!(finished.stderr.contains(&says), "{url}: {finished:?}");
        }
        cloud.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_held_to_its_own_rules() {
    let mut options = Options::default();
    options.port = 0;
    options.dialect = Dialect::Platform;
    let cloud = LocalCloud::start(options).await.unwrap();
    let run = |more: &[&str], stdin: &str| {
        let mut arguments = vec!["check", "--dialect", "platform", "--base-url"];
        arguments.push(cloud.url());
        arguments.extend(more);
        finish(command(&arguments), stdin.as_bytes())
    };
    let ended = || {
        let sessions = cloud.control().sessions().into_iter();
        sessions
            .filter(|session| session.ended_at.is_some())
            .count()
    };
    let passed = run(&[], "");
    assert_eq!(passed.code, Some(0), "{passed:?}");
    assert!(passed.stderr.contains("(platform)\nat most"), "{passed:?}");
    assert!(
        passed.stdout.contains("allow it with --destroy-session"),
        "{passed:?}"
    );
    assert_eq!(ended(), 0);
    let passed = run(&["--destroy-session"], "");
    assert_eq!(passed.code, Some(0), "{passed:?}");
    assert!(!passed.stdout.contains("allow it with"), "{passed:?}");
    assert_eq!(ended(), 1);
    // A credential of someone is neither renewed nor ended, and never shown.
    let person = cloud.control().sign_in_as("member").unwrap();
    let sealed = person.sealed_session.unwrap();
    for (credential, tested, untested) in [
        (&person.token, "verify", "session"),
        (&sealed, "session", "verify"),
    ] {
        for format in ["table", "json", "junit", "markdown"] {
            let more = ["--token-stdin", "--destroy-session", "--format", format];
            let passed = run(&more, credential);
            assert_eq!(passed.code, Some(0), "{passed:?}");
            for part in credential.split(['.', '*']).filter(|part| part.len() > 8) {
                assert!(!passed.stdout.contains(part), "{format}: {part}");
            }
        }
        let report = run(&["--token-stdin", "--format", "json"], credential);
        let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        let outcome = |id: &str| {
            let rules = report["rules"].as_array().unwrap();
            rules.iter().find(|rule| rule["id"] == *id).unwrap()["outcome"].clone()
        };
        assert_eq!(outcome(&format!("{tested}.50")), "passed");
        assert_eq!(outcome(&format!("{untested}.50")), "not_tested");
    }
    assert_eq!(ended(), 1);
    assert_eq!(run(&["--only", "session"], &sealed).code, Some(0));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_flag_no_session_ends() {
    let cloud = cloud().await;
    check(cloud.url(), &[], "");
    let sessions = cloud.control().sessions();
    assert!(!sessions.is_empty());
    assert!(sessions.iter().all(|session| session.ended_at.is_none()));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_takes_the_place_of_a_sign_in_and_is_never_shown() {
    let cloud = cloud().await;
    let day = std::time::Duration::from_hours(24);
    let token = cloud.control().sign_in("member", day).unwrap();
    for format in ["table", "json", "junit", "markdown"] {
        let passed = check(cloud.url(), &["--token-stdin", "--format", format], &token);
        assert_eq!(passed.code, Some(0), "{passed:?}");
        assert!(passed.stdout.contains("no sign-in succeeded"), "{passed:?}");
        for part in token.split('.') {
            assert!(!passed.stdout.contains(part), "{format}");
        }
    }
    assert!(
        cloud
            .control()
            .sessions()
            .iter()
            .all(|session| session.ended_at.is_none())
    );
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_rule_fails_and_says_what_to_do() {
    let cloud = cloud().await;
    cloud
        .control()
        .set_fault(Fault::new(FaultKind::Html).on("permissions"));
    let failed = check(cloud.url(), &[], "");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    for text in [
        "FAIL   1  people may read their permissions",
        "sent       GET",
        "mend       answer 2xx",
    ] {
        assert!(failed.stdout.contains(text), "{text}: {failed:?}");
    }
    cloud.stop().await;
}

/// What the picture in the guide shows, without spaces. Its first line is the command.
fn picture(svg: &str) -> String {
    let lines = svg.split("<text ").skip(2);
    let texts = lines.map(|line| {
        let (_, text) = line.split_once('>').unwrap();
        text.split_once("</text>").unwrap().0
    });
    let text = texts.collect::<String>().replace("&#160;", "");
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#x27;", "'");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_picture_is_what_is_printed() {
    let cloud = cloud().await;
    let fault = FaultKind::Status { status: 500 };
    let fault = Fault::new(fault).on("permissions").times(2);
    cloud.control().set_fault(fault);
    let failed = check(cloud.url(), &["--only", "permissions"], "");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let usual = failed.stdout.replace(cloud.url(), "http://localhost:4300");
    let printed = usual.split_whitespace().collect::<String>();
    for svg in [
        include_str!("../../../../docs/guide/shots/check-dark.svg"),
        include_str!("../../../../docs/guide/shots/check-light.svg"),
    ] {
        let shown = picture(svg);
        let shown = shown.split_whitespace().collect::<String>();
        assert!(
            shown.ends_with(&printed),
            "{shown}\n{printed}\ndraw it anew: cargo xtask shots"
        );
    }
}

#[test]
fn nothing_there_is_unreachable_and_a_wrong_call_is_usage() {
    let unreachable = check(NOBODY_LISTENS, &[], "");
    assert_eq!(unreachable.code, Some(4), "{unreachable:?}");
    let unreachable = check(NOBODY_LISTENS, &["--dialect", "v1"], "");
    assert_eq!(unreachable.code, Some(4), "{unreachable:?}");
    for (arguments, says) in [
        (vec!["check", "--dialect", "v1"], "--project-id"),
        (
            vec![
                "check",
                "--project-id",
                "demo",
                "--base-url",
                "http://cloud.example",
            ],
            "--base-url must",
        ),
        (vec!["check", "--explain", "login.99"], "there is no rule"),
        (
            vec![
                "check",
                "--project-id",
                "demo",
                "--redirect-uri",
                "http://localhost:1/callback",
            ],
            "--redirect-uri must",
        ),
        (
            vec!["check", "--project-id", "demo", "--api-prefix", "/a?b"],
            "--api-prefix must",
        ),
        (
            vec![
                "check",
                "--project-id",
                "demo",
                "--interactive",
                "--token-stdin",
            ],
            "cannot be used with",
        ),
    ] {
        let usage = finish(command(&arguments), b"");
        assert_eq!(usage.code, Some(2), "{usage:?}");
        assert!(usage.stderr.contains(says), "{usage:?}");
    }
    let unreachable = [
        "check",
        "--dialect",
        "platform",
        "--base-url",
        &format!("{NOBODY_LISTENS}/v1"),
    ];
    assert_eq!(finish(command(&unreachable), b"").code, Some(4));
    let list = finish(command(&["check", "--list"]), b"");
    assert!(list.stdout.lines().count() > 100, "{list:?}");
    let explained = finish(command(&["check", "--explain", "exchange.2"]), b"");
    assert!(
        explained
            .stdout
            .contains("mend      put the session token into data.jwt"),
        "{explained:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_goes_on_is_put_into_no_address_and_the_record_is_private() {
    let cloud = cloud().await;
    let file = std::env::temp_dir().join(format!("mastra-auth-{}-check.json", std::process::id()));
    let record = file.display().to_string();
    let passed = check(cloud.url(), &["--record", &record], "");
    assert_eq!(passed.code, Some(0), "{passed:?}");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains("access_token="), "{kept}");
    #[cfg(unix)]
    assert_eq!(mode(&file), 0o600);
    // An earlier record stays where no new one is written; a new one takes its place, for its owner alone.
    let earlier = format!("{kept}{}", " ".repeat(kept.len()));
    std::fs::write(&file, &earlier).unwrap();
    let unreachable = check(
        NOBODY_LISTENS,
        &["--dialect", "v1", "--record", &record],
        "",
    );
    assert_eq!(unreachable.code, Some(4), "{unreachable:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), earlier);
    #[cfg(unix)]
    set_mode(&file, 0o644);
    let passed = check(cloud.url(), &["--record", &record], "");
    assert_eq!(passed.code, Some(0), "{passed:?}");
    let kept = std::fs::read_to_string(&file).unwrap();
    let read: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(read["dialect"], "v1");
    assert!(
        kept.len() < earlier.len(),
        "nothing of the earlier one is left"
    );
    #[cfg(unix)]
    assert_eq!(mode(&file), 0o600);
    std::fs::remove_file(file).unwrap();
    cloud.stop().await;
}

#[cfg(unix)]
fn mode(file: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
fn set_mode(file: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_written_is_an_error_with_its_place() {
    let cloud = cloud().await;
    let failed = check(cloud.url(), &["--record", "/nowhere/at/all.json"], "");
    assert_eq!(failed.code, Some(2), "{failed:?}");
    assert!(
        failed
            .stderr
            .contains("/nowhere/at/all.json cannot be written"),
        "{failed:?}"
    );
    cloud.stop().await;
}
