//! A process that is killed while it writes the file leaves one of two whole contents, and its lock is no obstacle.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mastra_auth_cloud::SessionToken;
use mastra_auth_cloud::program::{Credentials, CredentialsFile, RefreshToken};
use mastra_auth_cloud_core::ids::OrganizationId;
use serde_json::json;

use super::Home;

const HOME: &str = "MASTRA_TEST_WRITES_UNTIL_KILLED";
const FIRST: &str = "the first line";

fn credentials(one: bool) -> Credentials {
    let (letter, length) = if one { ("a", 4000) } else { ("b", 40) };
    let token = SessionToken::parse(&letter.repeat(length)).unwrap();
    let refresh_token = RefreshToken::parse(&letter.repeat(length)).unwrap();
    let organization = OrganizationId::parse(letter).unwrap();
    Credentials::new(
        token,
        Some(refresh_token),
        json!({ "id": letter }),
        &organization,
    )
}

/// What the processes below run: it writes one content and the other, until it is killed. Without the variable it does nothing.
#[tokio::test]
async fn writes_until_killed() {
    let Some(path) = std::env::var_os(HOME) else {
        return;
    };
    let file = CredentialsFile::at(path);
    let mut is_one = true;
    loop {
        let locked = file.lock().await.unwrap();
        locked
            .new_file()
            .unwrap()
            .write(&credentials(is_one))
            .unwrap();
        drop(locked);
        println!("{FIRST}");
        is_one = !is_one;
    }
}

fn writer(home: &Home) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "program::killed::writes_until_killed",
            "--nocapture",
        ])
        .env(HOME, home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a process at its work, this many times, at another moment each time.
fn kill(times: u32) {
    let home = Home::new();
    let mut whole = Vec::new();
    for is_one in [true, false] {
        let expected = Home::new();
        let locked = tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(expected.file().lock())
            .unwrap();
        locked
            .new_file()
            .unwrap()
            .write(&credentials(is_one))
            .unwrap();
        whole.push(fs::read(expected.path()).unwrap());
    }
    let mut left = [0, 0];
    let (mut locks, mut unfinished) = (0, 0);
    for n in 0..times {
        let mut child = writer(&home);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(FIRST) {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended by itself");
        }
        // Where the moment falls is chance; that it differs is enough.
        std::thread::sleep(Duration::from_micros(u64::from(n * 7919 % 4000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = fs::read(home.path()).unwrap();
        let which = whole.iter().position(|one| *one == found);
        assert!(
            which.is_some(),
            "not one of the two whole contents: {found:?}"
        );
        left[which.unwrap()] += 1;
        assert!(home.file().read().unwrap().is_some());
        let count = |end: &str| {
            home.names()
                .iter()
                .filter(|name| name.ends_with(end))
                .count()
        };
        assert!(
            count(".tmp") <= 1,
            "each process clears up behind the one before"
        );
        locks += count(".lock");
        unfinished += count(".tmp");
    }
    println!(
        "{times} kills: {left:?} of the two contents, {locks} held the lock, {unfinished} were writing"
    );
}

#[test]
fn a_killed_writer_leaves_one_of_two_whole_contents() {
    kill(40);
}

#[test]
#[ignore = "a thousand processes: cargo xtask soak killed"]
fn soak_killed() {
    kill(1000);
}
