//! `mastra-auth token inspect`: what a token says, which nothing vouches for; and text that must not steer a terminal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mastra_auth_local_cloud::Dialect;

use super::{cloud, report, signed_in, verify};
use crate::answering::{http, server};
use crate::process::{Finished, command, finish};

fn inspect(stdin: &[u8]) -> Finished {
    finish(command(&["token", "inspect"]), stdin)
}

fn token(header: &str, claims: &str) -> String {
    let (header, claims) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims),
    );
    format!("{header}.{claims}.c2lnbmF0dXJlLWNhbmFyeQ")
}

#[tokio::test]
async fn inspect_shows_what_a_token_says_and_that_nothing_was_verified() {
    let cloud = cloud(Dialect::V1).await;
    let token = signed_in(&cloud, "member");
    let finished = inspect(token.as_bytes());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(finished.stderr, "");
    let first = finished.stdout.lines().next().unwrap();
    assert!(first.starts_with("NOT VERIFIED"), "{first}");
    assert_eq!(first, first.to_uppercase());
    for part in [
        "\"alg\": \"EdDSA\"",
        "\"sub\": \"usr_mei\"",
        "expires",
        "issued",
    ] {
        assert!(finished.stdout.contains(part), "{part}: {finished:?}");
    }
    for part in token.split('.') {
        assert!(!finished.stdout.contains(part), "it cannot be used again");
    }
    assert_eq!(cloud.requests("any"), 0, "nobody is asked");
}

#[test]
fn inspect_says_in_one_line_what_is_no_token() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep = token("{}", &format!("{{\"a\":{deep}}}"));
    let endless = token("{}", &format!("{{\"a\":\"{}\"}}", "a".repeat(1024 * 1024)));
    for (what, stdin) in [
        ("garbage", b"garbage".as_slice()),
        ("bytes", b"\x00\xff\x1b[2J"),
        ("dots", &b".".repeat(60_000)),
        ("two parts", b"e30.e30"),
        ("five parts", b"e30.e30.e30.e30.e30"),
        ("no object", b"W10.W10.e30"),
        ("padding", b"e30=.e30.e30"),
        ("deep", deep.as_bytes()),
        ("endless", endless.as_bytes()),
        ("a megabyte", &b"a".repeat(1024 * 1024)),
    ] {
        let finished = inspect(stdin);
        assert_eq!(finished.code, Some(1), "{what}: {finished:?}");
        assert_eq!(finished.stdout, "", "{what}");
        assert_eq!(finished.stderr.lines().count(), 1, "{what}: {finished:?}");
        assert!(!finished.stderr.contains('\u{1b}'), "{what}");
    }
    assert_eq!(
        inspect(b"garbage").stderr,
        "error: not a JWT (three parts with dots): nothing to show\n"
    );
    let said = inspect(endless.as_bytes()).stderr;
    assert_eq!(said, "error: not a token: it is longer than 64 KiB\n");
}

#[test]
fn inspect_takes_a_large_token_under_the_cap() {
    let large = token("{}", &format!("{{\"a\":\"{}\"}}", "a".repeat(40_000)));
    assert!(large.len() < 64 * 1024);
    assert_eq!(inspect(large.as_bytes()).code, Some(0));
}

#[test]
fn threat_105_no_text_of_a_token_or_a_cloud_steers_the_terminal() {
    // Escape, bell, backspace, DEL, a C1 sequence, a line separator, right to left.
    let nasty = "a\\u001b[2J\\u0007\\b\u{7f}\u{9b}31m\u{2028}\u{202e}z";
    let (text, key) = (format!("\"{nasty}\""), format!("\"k{nasty}\""));
    let finished =
        inspect(token(&format!("{{{key}:1}}"), &format!("{{\"sub\":{text}}}")).as_bytes());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let steers = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{202e}');
    assert!(!finished.stdout.contains(steers), "{finished:?}");
    for part in ["\\u001b[2J", "\\u0007", "\\u007f", "\\u009b31m", "\\u202e"] {
        assert_eq!(
            finished.stdout.matches(part).count(),
            2,
            "{part}: {finished:?}"
        );
    }

    let body = format!(
        "{{\"ok\":true,\"data\":{{\"user\":{{\"id\":\"u\",\"email\":\"e@example.com\",\"name\":{text},\"created_at\":\"2026-01-01T00:00:00Z\"}}}}}}"
    );
    let (url, _) = server(http("200 OK", "application/json", &body));
    let finished = verify(&url, Dialect::V1, "planted-canary-0123456789");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(!finished.stdout.contains(steers), "{finished:?}");
    let name = report(&finished)["user"]["name"].clone();
    assert_eq!(
        name, "a\u{1b}[2J\u{7}\u{8}\u{7f}\u{9b}31m\u{2028}\u{202e}z",
        "it reads back as it was"
    );
}
