//! What is spent, and what becomes of the answer where the file cannot take it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use axum::http::StatusCode;
use mastra_auth_cloud::SessionToken;
use mastra_auth_cloud::program::RefreshToken;

use super::platform::Platform;
use super::{Home, source};
use crate::ear::{Ear, Told};

/// Where this process makes what replaces the file.
fn unfinished(home: &Home) -> PathBuf {
    let mut path = home.path().into_os_string();
    path.push(format!(".{}.tmp", std::process::id()));
    path.into()
}

#[tokio::test]
async fn no_refusal_but_401_spends_the_refresh_token() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    let before = fs::read(home.path()).unwrap();
    for (status, code, is_refusal) in [
        (StatusCode::FORBIDDEN, "request_failed", true),
        // A proxy knows nothing of tokens.
        (StatusCode::NOT_FOUND, "invalid_response", false),
        (StatusCode::METHOD_NOT_ALLOWED, "invalid_response", false),
    ] {
        platform.record(|record| record.outage = Some(status));
        let error = source(&platform, &home).token().await.unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), (code, is_refusal));
    }
    assert_eq!(platform.record(|record| record.refreshes), 0);
    // Nor is any other the end of the session.
    platform.record(|record| record.outage = None);
    platform.expire();
    for (status, code, is_refusal) in [
        (StatusCode::BAD_REQUEST, "unauthorized", true),
        (StatusCode::FORBIDDEN, "invalid_response", false),
        (StatusCode::NOT_FOUND, "invalid_response", false),
    ] {
        platform.record(|record| record.meanwhile = Some(Box::new(move || Some(status))));
        let error = source(&platform, &home).token().await.unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), (code, is_refusal));
    }
    assert_eq!(fs::read(home.path()).unwrap(), before);
    assert_eq!(home.names(), ["credentials.json"]);
}

const HOME: &str = "MASTRA_TEST_REFRESHES_ON_A_FULL_DISK";
const URL: &str = "MASTRA_TEST_PLATFORM";

/// What the process below runs. Without the variables it does nothing.
#[tokio::test]
async fn refreshes_on_a_full_disk() {
    let (Some(path), Ok(url)) = (std::env::var_os(HOME), std::env::var(URL)) else {
        return;
    };
    let platform = mastra_auth_cloud::program::Platform::new(&url).unwrap();
    let file = mastra_auth_cloud::program::CredentialsFile::at(path);
    let source = mastra_auth_cloud::program::TokenSource::new(platform, file);
    println!("CODE {}", source.token().await.unwrap_err().code());
}

/// A limit on the size of files stands for the disk: an empty file fits, and a sign-in of the longest tokens does not.
#[cfg(unix)]
#[tokio::test]
async fn on_a_full_disk_nothing_is_spent() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    let before = fs::read(home.path()).unwrap();
    let limited = r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#;
    let mut child = Command::new("sh");
    child
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "program::kept::refreshes_on_a_full_disk"])
        .arg("--nocapture")
        .env(HOME, home.path())
        .env(URL, &platform.url);
    let output = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("CODE invalid_configuration"), "{said}");
    assert_eq!(
        platform.record(|record| (record.verifications, record.refreshes)),
        (1, 0)
    );
    assert_eq!(fs::read(home.path()).unwrap(), before);
    assert_eq!(home.names(), ["credentials.json"]);
}

#[tokio::test]
async fn the_new_file_has_room_for_the_longest_tokens() {
    let home = Home::new();
    // Indented it is longer than it is here.
    home.write(r#"{"token":"t","theme":[[[[1,2],[3]],[{"a":[{"b":[1,2,3,4,5]}]}]]]}"#);
    let locked = home.file().lock().await.unwrap();
    let held = locked.read().unwrap().unwrap();
    let new = locked.new_file().unwrap();
    let room = fs::metadata(unfinished(&home)).unwrap().len();
    let token = SessionToken::parse(&"t".repeat(8192)).unwrap();
    let refresh_token = RefreshToken::parse(&"\"".repeat(8192)).unwrap();
    new.write(&held.refreshed(token, refresh_token)).unwrap();
    let length = fs::metadata(home.path()).unwrap().len();
    assert!(length > 3 * 8192 && length <= room, "{length} of {room}");
    home.read();
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_not_lost() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    let (ear, _listens) = Ear::listen();
    let temporary = unfinished(&home);
    let lose = move || {
        fs::remove_file(&temporary).unwrap();
        None
    };
    platform.record(|record| record.meanwhile = Some(Box::new(lose.clone())));
    let source = source(&platform, &home);
    assert_eq!(source.token().await.unwrap().expose(), "access-2");
    assert_eq!(home.read()["refreshToken"], "refresh-1");
    let is_told = |told: &Told| told.is("sign_in_not_kept", &[("code", "invalid_configuration")]);
    let times = || ear.take().iter().filter(|told| is_told(told)).count();
    assert_eq!(times(), 1);
    // This process goes on with it, and tries again to write it with the next one.
    assert_eq!(source.token().await.unwrap().expose(), "access-2");
    for generation in [3, 4] {
        platform.expire();
        let refused = source.token().await.unwrap();
        let newer = source.refreshed(&refused).await.unwrap();
        assert_eq!(newer.expose(), format!("access-{generation}"));
        platform.record(|record| record.meanwhile = None);
    }
    assert_eq!(home.read()["refreshToken"], "refresh-4");
    assert_eq!(times(), 1);
    assert_eq!(platform.record(|record| record.refreshes), 3);
    // A sign-out or a new sign-in counts more.
    platform.record(|record| record.meanwhile = Some(Box::new(lose)));
    platform.expire();
    source
        .refreshed(&source.token().await.unwrap())
        .await
        .unwrap();
    fs::remove_file(home.path()).unwrap();
    assert_eq!(source.token().await.unwrap_err().code(), "not_signed_in");
    home.sign_in(5);
    assert_eq!(source.token().await.unwrap().expose(), "access-5");
}

#[tokio::test]
async fn a_file_that_another_program_is_writing_loses_no_answer() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    let (_, _listens) = Ear::listen();
    let path = home.path();
    platform.record(|record| {
        record.meanwhile = Some(Box::new(move || {
            fs::write(&path, r#"{"token":"acc"#).unwrap();
            None
        }));
    });
    let source = source(&platform, &home);
    assert_eq!(source.token().await.unwrap().expose(), "access-2");
    home.sign_in(1);
    assert_eq!(source.token().await.unwrap().expose(), "access-2");
    assert_eq!(platform.record(|record| record.refreshes), 1);
}
