//! `mastra-auth jwks lint` and `mastra-auth token explain`: every outcome with its exit status, and the token nowhere.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what stands between the tests is of the tests too"
)]

mod answering;
mod process;

use std::path::PathBuf;
use std::time::Duration;

use answering::{http, server};
use mastra_auth_local_cloud::{LocalCloud, Options};
use process::{Finished, command, finish};

const AN_HOUR: Duration = Duration::from_secs(3600);

async fn cloud() -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    LocalCloud::start(options).await.unwrap()
}

fn keys_of(cloud: &LocalCloud) -> String {
    format!("{}/.well-known/jwks.json", cloud.url())
}

/// A file with this text, for this test alone.
fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mastra-auth-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

fn lint(source: &str) -> Finished {
    finish(command(&["jwks", "lint", source]), b"")
}

fn explain(jwks: &str, token: &str, more: &[&str]) -> Finished {
    let mut arguments = vec!["token", "explain", "--jwks", jwks];
    arguments.extend(more);
    let finished = finish(command(&arguments), token.as_bytes());
    for part in token.split('.').filter(|part| part.len() >= 12) {
        assert!(!finished.stdout.contains(part), "{finished:?}");
        assert!(!finished.stderr.contains(part), "{finished:?}");
    }
    finished
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_whose_keys_can_be_used_is_told_so() {
    let cloud = cloud().await;
    let finished = lint(&keys_of(&cloud));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("usable   EdDSA"), "{finished:?}");
    assert!(
        finished.stdout.ends_with("1 of 1 keys can be used\n"),
        "{finished:?}"
    );
}

#[test]
fn a_key_that_is_refused_is_told_with_its_reason() {
    let path = file(
        "refused.json",
        r#"{"keys":[{"kty":"oct","kid":"s\u001b[2J","alg":"HS256","k":"AA"}]}"#,
    );
    let finished = lint(path.to_str().unwrap());
    std::fs::remove_file(path).unwrap();
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(
        finished.stdout.contains("refused  symmetric: "),
        "{finished:?}"
    );
    assert!(
        finished.stdout.contains("refused  key_set_unusable: "),
        "{finished:?}"
    );
    assert!(
        !finished.stdout.contains('\u{1b}'),
        "a name cannot steer the terminal"
    );
}

#[test]
fn what_is_no_key_set_is_refused_and_what_is_not_there_is_not() {
    let path = file("html.json", "<html>");
    let finished = lint(path.to_str().unwrap());
    std::fs::remove_file(path).unwrap();
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert_eq!(lint("/no/such/file").code, Some(2));
    assert_eq!(
        lint("http://cloud.example/keys").code,
        Some(2),
        "not without TLS"
    );
    let finished = lint("http://127.0.0.1:1/keys");
    assert_eq!(finished.code, Some(4), "{finished:?}");
    assert!(finished.stdout.starts_with("unavailable: "), "{finished:?}");
}

#[test]
fn an_address_without_a_key_set_is_told_by_what_came_from_it() {
    let no_set =
        "unavailable: The key set is not a JSON object with a list of keys. What is there is";
    for (kind, body, says) in [
        (
            "text/html",
            "<!doctype html><p>canary",
            "a page of HTML or XML, 24 bytes",
        ),
        (
            "application/json",
            "<p>canary\u{1b}[2J",
            "a page of HTML or XML",
        ),
        (
            "application/json",
            "{\"error\":\"canary\"}",
            "other JSON, 18 bytes",
        ),
        (
            "text/plain",
            "canary",
            "6 bytes that are neither JSON nor HTML",
        ),
        ("application/json", "", "empty"),
    ] {
        let (url, _) = server(http("200 OK", kind, body));
        let path = file("other.json", body);
        for source in [url.as_str(), path.to_str().unwrap()] {
            let finished = explain(source, "a.b.c", &["--audience", "demo"]);
            assert_eq!(finished.code, Some(4), "{finished:?}");
            let expect = format!("{no_set} {says}");
            assert!(finished.stdout.starts_with(&expect), "{finished:?}");
            let said = finished.stdout + &finished.stderr;
            assert!(
                !said.contains("canary") && !said.contains('\u{1b}'),
                "{said}"
            );
        }
        std::fs::remove_file(path).unwrap();
    }
    let (url, _) = server(http("200 OK", "application/json", r#"{"keys":[]}"#));
    let finished = explain(&url, "a.b.c", &["--audience", "demo"]);
    let expect = "unavailable: The key set has no key that can be used.\n";
    assert_eq!(finished.stdout, expect, "{finished:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_of_a_token_is_told() {
    let cloud = cloud().await;
    let token = cloud.control().sign_in("owner", AN_HOUR).unwrap();
    let keys = keys_of(&cloud);
    let good = explain(
        &keys,
        &token,
        &["--audience", "demo", "--issuer", cloud.url()],
    );
    assert_eq!(good.code, Some(0), "{good:?}");
    assert_eq!(good.stdout.matches(" passed\n").count(), 6, "{good:?}");
    assert!(good.stdout.contains("\"sub\": "), "{good:?}");

    let other = explain(&keys, &token, &["--audience", "other"]);
    assert_eq!(other.code, Some(3), "{other:?}");
    assert!(
        other
            .stdout
            .contains("claims     failed  token_audience_mismatch: "),
        "{other:?}"
    );
    assert!(!other.stdout.contains("sub"), "no claims: {other:?}");

    let (input, _) = token.rsplit_once('.').unwrap();
    let forged = explain(&keys, &format!("{input}.AAAA"), &["--audience", "demo"]);
    assert_eq!(forged.code, Some(3), "{forged:?}");
    assert!(
        forged
            .stdout
            .contains("signature  failed  token_signature_invalid: "),
        "{forged:?}"
    );
    assert!(
        forged.stdout.contains("claims     not looked at"),
        "{forged:?}"
    );

    let opaque = explain(&keys, "two words", &["--audience", "demo"]);
    assert_eq!(opaque.code, Some(3), "{opaque:?}");
    assert!(
        opaque
            .stdout
            .contains("form       failed  token_malformed: "),
        "{opaque:?}"
    );

    let away = explain("http://127.0.0.1:1/keys", &token, &["--audience", "demo"]);
    assert_eq!(away.code, Some(4), "{away:?}");
    let empty = explain(&keys, &token, &["--audience", ""]);
    assert_eq!(empty.code, Some(2), "{empty:?}");
}
