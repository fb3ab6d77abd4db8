//! `mastra-auth jwks lint` and `mastra-auth token explain`: every outcome with its exit status, and the token nowhere.

use std::path::PathBuf;
use std::time::Duration;

use crate::answering::{http, server};
use crate::process::{Finished, command, finish};
use mastra_auth_local_cloud::{LocalCloud, Options};

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

/// The key of RFC 8037, and another one.
const KEYS: [&str; 2] = [
    r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}"#,
];

#[test]
fn an_entry_that_is_no_object_is_told_and_the_rest_can_be_used() {
    let set = format!(r#"{{"keys":[null,7,{}]}}"#, KEYS[0]);
    let path = file("odd.json", &set);
    let finished = lint(path.to_str().unwrap());
    std::fs::remove_file(path).unwrap();
    assert_eq!(finished.code, Some(3), "{finished:?}");
    let nameless = "kid=- kty=- alg=-\n  refused  not_an_object: ";
    assert_eq!(finished.stdout.matches(nameless).count(), 2, "{finished:?}");
    let end = "kid=k kty=OKP alg=-\n  usable   EdDSA\n1 of 3 keys can be used\n";
    assert!(finished.stdout.ends_with(end), "{finished:?}");
}

#[test]
fn a_key_id_that_comes_twice_is_told_by_what_it_names() {
    for (second, code, rows, says) in [
        // The same key: either is meant.
        (
            KEYS[0],
            Some(0),
            "  warning  repeated: ",
            "2 of 2 keys can be used\n",
        ),
        // Two keys: a token could mean either.
        (
            KEYS[1],
            Some(3),
            "  refused  duplicate_key_id: ",
            "0 of 2 keys can be used\n",
        ),
    ] {
        let path = file(
            "twice.json",
            &format!(r#"{{"keys":[{},{second}]}}"#, KEYS[0]),
        );
        let finished = lint(path.to_str().unwrap());
        std::fs::remove_file(path).unwrap();
        assert_eq!(finished.code, code, "{finished:?}");
        assert!(finished.stdout.contains(rows), "{finished:?}");
        assert!(finished.stdout.contains(says), "{finished:?}");
    }
}

#[test]
fn a_token_may_call_its_algorithm_by_either_name() {
    // Signed with that key, and good until the year 9999.
    let claims = "eyJhdWQiOiJkZW1vIiwic3ViIjoidXNyXzEiLCJleHAiOjI1MzQwMjMwMDc5OX0";
    for (header, signature) in [
        (
            "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ",
            "bJNEdqzEPv22AKaIjq4D8NTABAac3kb971_99QJudsE-lRDfcUlzsehorlnRbIU1c0Es1XZwMwqEEYfV_T6MBw",
        ),
        (
            "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiayJ9",
            "6kS54M8_YkZ58CLN7n7IEb7k4T4Jout3_-NnDX_a3FdUmBVOu-O-5DFdoIKcW9ML_NmN-WyOOAHexM_2f8qXDw",
        ),
    ] {
        let path = file("ed25519.json", &format!(r#"{{"keys":[{}]}}"#, KEYS[0]));
        let token = format!("{header}.{claims}.{signature}");
        let finished = explain(path.to_str().unwrap(), &token, &["--audience", "demo"]);
        std::fs::remove_file(path).unwrap();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert_eq!(
            finished.stdout.matches(" passed\n").count(),
            6,
            "{finished:?}"
        );
        assert!(
            finished.stdout.contains("\"sub\": \"usr_1\""),
            "{finished:?}"
        );
    }
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
            let linted = lint(source);
            assert_eq!(linted.code, Some(3), "{linted:?}");
            let refused = format!("0 of 0 keys can be used\nrefused  key_set_malformed: {expect}");
            assert!(
                linted
                    .stdout
                    .starts_with(&refused.replace("unavailable: ", "")),
                "{linted:?}"
            );
            let said = finished.stdout + &finished.stderr + &linted.stdout + &linted.stderr;
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

/// What both commands say of an address from which no key set came.
fn unanswered(url: &str) -> String {
    let (linted, explained) = (lint(url), explain(url, "a.b.c", &["--audience", "demo"]));
    for finished in [&linted, &explained] {
        assert_eq!(finished.code, Some(4), "{finished:?}");
        assert_eq!(finished.stdout.lines().count(), 1, "{finished:?}");
        assert!(!finished.stdout.contains("canary"), "{finished:?}");
        assert!(!finished.stdout.contains('\u{1b}'), "{finished:?}");
    }
    assert_eq!(linted.stdout, explained.stdout);
    linted.stdout
}

#[test]
fn an_address_that_does_not_answer_is_told_by_its_cause() {
    let nobody = unanswered("http://127.0.0.1:1/keys?key=canary");
    assert!(nobody.contains("the connection was refused"), "{nobody}");
    // No TLS is spoken there.
    let (plain, _) = server("220 canary ESMTP\r\n".to_owned());
    let plain = unanswered(&plain.replace("http:", "https:"));
    assert!(plain.contains("No connection to that address"), "{plain}");

    let moved = |to: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let large = format!("{{\"keys\":[\"{}\"]}}", "canary".repeat(11 * 1024));
    for (answer, says) in [
        (
            http("404 Not Found", "text/html", "canary"),
            "status 404 Not Found,",
        ),
        (
            http("503 Unwell", "text/html", "canary"),
            "status 503 Service Unavailable,",
        ),
        (
            http("204 No Content", "text/html", ""),
            "status 204 No Content,",
        ),
        (
            moved("https://login.example/canary?code=canary"),
            "status 302 Found and leads to the host login.example;",
        ),
        (moved("/canary"), "leads elsewhere on the same host;"),
        (moved("canary:canary"), "leads nowhere;"),
        (
            moved("https://user:canary@login.example/"),
            "to the host login.example;",
        ),
        (
            http("200 OK", "application/json", &large),
            "larger than 64 KiB",
        ),
        ("220 canary ESMTP\r\n".to_owned(), "is no whole answer: "),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncanary".to_owned(),
            "is no whole answer: ",
        ),
    ] {
        let (url, _) = server(answer);
        let said = unanswered(&url);
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn an_address_that_does_not_answer_in_time_is_told_so() {
    // The system accepts connections, and no program reads from them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let finished = lint(&format!("http://{}/", silent.local_addr().unwrap()));
    assert_eq!(finished.code, Some(4), "{finished:?}");
    assert!(finished.stdout.contains("within 3s"), "{finished:?}");
}

#[test]
fn an_address_is_asked_once_and_told_in_the_log() {
    let (url, asked) = server(http("404 Not Found", "text/html", "canary"));
    let finished = finish(
        command(&["-vv", "jwks", "lint", &format!("{url}/once")]),
        b"",
    );
    let asked = asked.lock().unwrap();
    let ours = asked.iter().filter(|line| line.contains("/once")).count();
    assert_eq!(ours, 1, "{asked:?} {finished:?}");
    assert!(finished.stderr.contains("status 404"), "{finished:?}");
}

#[test]
fn what_is_no_file_is_told_how_an_address_begins() {
    for source in ["localhost:4300/x", "ftp://x/y", "/no/such/file", "-"] {
        for finished in [
            lint(source),
            explain(source, "a.b.c", &["--audience", "demo"]),
        ] {
            assert_eq!(finished.code, Some(2), "{finished:?}");
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
            assert!(
                finished
                    .stderr
                    .ends_with("begins with http:// or https://\n"),
                "{finished:?}"
            );
        }
    }
    let dash = lint("-").stderr;
    assert!(dash.contains("does not come on standard input"), "{dash}");
    let shouted = lint("HTTP://127.0.0.1:1/keys");
    assert_eq!(
        shouted.code,
        Some(4),
        "an address all the same: {shouted:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claims_are_those_of_the_token() {
    let cloud = cloud().await;
    let token = cloud.control().sign_in("owner", AN_HOUR).unwrap();
    let good = explain(&keys_of(&cloud), &token, &["--audience", "demo"]);
    let (_, claims) = good.stdout.split_once("\n\n").unwrap();
    let claims: serde_json::Value = serde_json::from_str(claims).unwrap();
    assert_eq!(claims["iss"], cloud.url(), "{claims}");
    assert_eq!(claims["aud"], "demo", "{claims}");
    assert_eq!(claims["role"], "owner", "{claims}");
    assert!(claims["exp"].is_string(), "{claims}");
    let inspected = finish(command(&["token", "inspect"]), token.as_bytes()).stdout;
    for (name, value) in claims.as_object().unwrap() {
        assert!(!value.is_null(), "{name}: {claims}");
        assert!(
            inspected.contains(&format!("\"{name}\": ")),
            "{name}: {inspected}"
        );
    }
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
