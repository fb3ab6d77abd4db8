//! `mastra-auth dev` for tests of containers and of production builds: other names, other machines, a key of the user's own.

use reqwest::{Method, StatusCode};

use crate::browser::{Browser, Page};
use crate::dev::{Room, dev, refused};
use crate::process::{command, finish};

const TOLD: &str = "--i-know-this-checks-no-password";

fn port(cloud: &str) -> &str {
    cloud.rsplit_once(':').map_or("", |(_, port)| port)
}

/// A page of the Cloud at this address, asked for by this name.
async fn by_name(address: &str, port: &str, name: &str) -> Page {
    let (url, host) = (
        format!("http://{address}:{port}/healthz"),
        format!("{name}:{port}"),
    );
    Browser::new()
        .send(Method::GET, &url, &[("host", &host)], None)
        .await
}

#[test]
fn threat_112_other_machines_are_let_in_only_by_two_words() {
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        let said = refused(&["--bind", address]).stderr;
        assert!(said.contains(TOLD) && said.contains(address), "{said}");
    }
    let alone = finish(command(&["dev", "--port", "0", TOLD]), b"");
    assert_eq!(alone.code, Some(2), "{alone:?}");
    assert!(alone.stderr.contains("--bind"), "{alone:?}");
    // No machine has this address (RFC 5737).
    let said = refused(&["--bind", "192.0.2.1", TOLD]).stderr;
    assert!(said.contains("192.0.2.1:0 cannot be listened at"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_listens_everywhere_is_reached_from_elsewhere_by_its_names_alone() {
    let (open, cloud) = dev(&["--bind", "0.0.0.0", TOLD, "--allow-host", "Cloud"]);
    let port = port(&cloud);
    assert_eq!(cloud, format!("http://cloud:{port}"));
    for (address, name, status) in [
        ("127.0.0.1", "localhost", StatusCode::OK),
        // On Linux a socket of 127.0.0.1 does not listen there.
        ("127.0.0.2", "cloud", StatusCode::OK),
        ("127.0.0.2", "127.0.0.2", StatusCode::FORBIDDEN),
        ("127.0.0.2", "evil.example", StatusCode::FORBIDDEN),
    ] {
        let page = by_name(address, port, name).await;
        assert_eq!(page.status, status, "{address} {name}");
    }
    let ended = open.end("TERM");
    assert!(ended.stderr.contains("for tests alone"), "{ended:?}");
    assert!(!ended.stderr.contains("--allow-host"), "{ended:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_address_is_a_name_of_its_own() {
    // Loopback needs no second word.
    let (_loopback, cloud) = dev(&["--bind", "127.0.0.2"]);
    let port = port(&cloud);
    assert_eq!(cloud, format!("http://127.0.0.2:{port}"));
    for name in ["127.0.0.2", "localhost"] {
        let page = by_name("127.0.0.2", port, name).await;
        assert_eq!(page.status, StatusCode::OK, "{name}");
    }
    let (_named, cloud) = dev(&["--bind", "127.0.0.2", "--allow-host", "cloud"]);
    let port = self::port(&cloud);
    assert_eq!(cloud, format!("http://cloud:{port}"));
    let page = by_name("127.0.0.2", port, "127.0.0.2").await;
    assert_eq!(page.status, StatusCode::OK);
}

#[cfg(unix)]
#[test]
fn every_address_without_a_name_is_warned_of() {
    let (open, cloud) = dev(&["--bind", "0.0.0.0", TOLD]);
    assert!(cloud.starts_with("http://localhost:"), "{cloud}");
    let said = open.end("TERM").stderr;
    assert!(said.contains("other machines get 403"), "{said}");
}

#[tokio::test]
async fn tokens_name_the_cloud_by_the_first_name_it_was_given() {
    let (_dev, cloud) = dev(&["--allow-host", "cloud", "--allow-host", "other"]);
    let port = port(&cloud);
    for name in ["cloud", "other", "localhost"] {
        assert_eq!(by_name("127.0.0.1", port, name).await.status, 200, "{name}");
    }
    let api = format!("http://127.0.0.1:{port}/admin/api/tokens");
    let headers = [("content-type", "application/json")];
    let body = Some(r#"{"person": "member"}"#);
    let issued = Browser::new()
        .send(Method::POST, &api, &headers, body)
        .await;
    let token = issued.json()["token"].as_str().map(str::to_owned);
    assert_eq!(crate::dev::claim(&token.unwrap_or_default(), "iss"), cloud);
    for name in ["http://cloud", "cloud:4300", "*.cloud", "a b", ""] {
        let said = refused(&["--allow-host", name]).stderr;
        assert!(said.contains("no name to answer by"), "{name}: {said}");
    }
}

async fn keys(args: &[&str]) -> String {
    let (_dev, cloud) = dev(args);
    let url = format!("{cloud}/.well-known/jwks.json");
    Browser::new().get(&url).await.text
}

#[tokio::test]
async fn a_pinned_key_is_made_once_for_its_owner_alone_and_signs_from_then_on() {
    let room = Room::new("key");
    let file = room.file("key.pem");
    let missing = refused(&["--signing-key", &file]).stderr;
    assert!(
        missing.contains("--create-signing-key writes one"),
        "{missing}"
    );
    let made = ["--signing-key", file.as_str(), "--create-signing-key"];
    let first = keys(&made).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).map(|file| file.permissions().mode() & 0o777);
        assert_eq!(mode.ok(), Some(0o600));
    }
    assert!(first.contains("\"kid\""), "{first}");
    for again in [&made[..], &made[..2]] {
        assert_eq!(keys(again).await, first);
    }
    // The key of a database that was there before is good for older tokens.
    let db = room.file("cloud.sqlite");
    let kept = keys(&["--db", &db]).await;
    let both = keys(&["--db", &db, "--signing-key", &file]).await;
    for own in [&first, &kept] {
        let key = own
            .trim_start_matches(r#"{"keys":["#)
            .trim_end_matches("]}");
        assert!(both.contains(key), "{both}: {key}");
    }
}

#[test]
fn a_signing_key_that_cannot_be_used_is_one_line_without_it() {
    let room = Room::new("bad-key");
    let file = room.file("key.pem");
    assert!(std::fs::write(&file, "-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n").is_ok());
    let said = refused(&["--signing-key", &file, "--create-signing-key"]).stderr;
    assert!(
        said.contains("cannot be used: it is a public key"),
        "{said}"
    );
    assert!(!said.contains("c2VjcmV0"), "{said}");
    for nowhere in ["", "missing/key.pem"] {
        let said = refused(&["--signing-key", &room.file(nowhere), "--create-signing-key"]).stderr;
        assert!(said.contains("cannot be"), "{said}");
    }
    let alone = finish(command(&["dev", "--create-signing-key"]), b"");
    assert!(alone.stderr.contains("--signing-key"), "{alone:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_could_not_be_written_leaves_no_half_file() {
    let room = Room::new("half-key");
    let file = room.file("key.pem");
    // A file of this process may hold no byte.
    let mut start = std::process::Command::new("sh");
    let own = command(&[]).get_program().to_owned();
    let limits = r#"trap '' XFSZ; ulimit -f 0; exec "$0" dev --port 0 --create-signing-key --signing-key "$1""#;
    start.args(["-c", limits]).arg(own).arg(&file);
    let ended = finish(start, b"");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("cannot be written"), "{ended:?}");
    assert!(std::fs::read_dir(room.file("")).is_ok_and(|mut all| all.next().is_none()));
    assert!(
        keys(&["--signing-key", &file, "--create-signing-key"])
            .await
            .contains("kid")
    );
}

#[tokio::test]
async fn starts_that_make_a_key_at_once_agree_on_it() {
    let room = Room::new("one-key");
    for round in 0..4 {
        let file = room.file(&format!("{round}.pem"));
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let file = file.clone();
                std::thread::spawn(move || dev(&["--signing-key", &file, "--create-signing-key"]))
            })
            .collect();
        let mut all = std::collections::BTreeSet::new();
        for start in starts {
            let (_dev, cloud) = start.join().unwrap();
            let url = format!("{cloud}/.well-known/jwks.json");
            all.insert(Browser::new().get(&url).await.text);
        }
        assert_eq!(all.len(), 1, "{all:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new("open-key");
    let file = room.file("key.pem");
    let args = ["--signing-key", file.as_str(), "--create-signing-key"];
    for (mode, is_open) in [(0o600, false), (0o640, true), (0o604, true)] {
        let (running, _) = dev(&args);
        assert!(std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).is_ok());
        drop(running);
        let said = dev(&args).0.end("TERM").stderr;
        assert_eq!(
            said.contains("others can read the signing key"),
            is_open,
            "{mode:o}: {said}"
        );
    }
}
