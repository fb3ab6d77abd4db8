//! Programs that a person signed in: their file, and tokens that are refreshed once.

mod kept;
mod killed;
mod platform;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mastra_auth_cloud::SessionToken;
use mastra_auth_cloud::program::{
    Credentials, CredentialsFile, Platform as Client, TokenOrigin, TokenSource,
};
use mastra_auth_cloud_core::ids::OrganizationId;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::common::until;
use platform::Platform;

/// A folder that goes with its test.
pub(super) struct Home(PathBuf);

impl Home {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mastra-program-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.join(".mastra").join("credentials.json")
    }

    pub(super) fn file(&self) -> CredentialsFile {
        CredentialsFile::at(self.path())
    }

    fn write(&self, text: &str) {
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        fs::write(self.path(), text).unwrap();
    }

    /// A sign-in as Mastra's command line writes it, with what a later version of it may add.
    fn sign_in(&self, generation: u32) {
        self.write(&signed_in(generation));
    }

    fn read(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap()
    }

    /// The names in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path().parent().unwrap()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn signed_in(generation: u32) -> String {
    json!({
        "token": format!("access-{generation}"),
        "refreshToken": format!("refresh-{generation}"),
        "user": { "id": "user_1", "email": "ada@example.com", "firstName": "Ada", "lastName": null },
        "organizationId": "org_1",
        "theme": { "dark": [true, null, 1.5] },
    })
    .to_string()
}

fn source(platform: &Platform, home: &Home) -> TokenSource {
    TokenSource::new(Client::new(&platform.url).unwrap(), home.file())
}

fn texts(tokens: Vec<Result<SessionToken, mastra_auth_cloud::CloudApiError>>) -> Vec<String> {
    tokens
        .into_iter()
        .map(|token| token.unwrap().expose().to_owned())
        .collect()
}

#[tokio::test]
async fn a_good_token_is_verified_once_and_no_file_is_written() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    let before = fs::read(home.path()).unwrap();
    let source = source(&platform, &home);
    assert_eq!(source.origin(), TokenOrigin::File);
    assert_eq!(source.organization().unwrap().unwrap().as_str(), "org_1");
    let tokens = join_all((0..20).map(|_| source.token())).await;
    assert_eq!(texts(tokens), vec!["access-1"; 20]);
    assert_eq!(source.token().await.unwrap().expose(), "access-1");
    assert_eq!(
        platform.record(|record| (record.verifications, record.refreshes)),
        (1, 0)
    );
    assert_eq!(fs::read(home.path()).unwrap(), before);
}

#[tokio::test]
async fn however_many_callers_and_processes_refresh_once() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    // They share nothing but the file, as two processes do.
    let (one, other) = (source(&platform, &home), source(&platform, &home));
    let asking = (0..40).map(|n| {
        if n % 2 == 0 {
            one.token()
        } else {
            other.token()
        }
    });
    assert_eq!(texts(join_all(asking).await), vec!["access-2"; 40]);
    assert_eq!(platform.record(|record| record.refreshes), 1);
    let file = home.read();
    assert_eq!(
        (&file["token"], &file["refreshToken"]),
        (&json!("access-2"), &json!("refresh-2"))
    );
    // What another program wrote is as it was.
    let before: Value = serde_json::from_str(&signed_in(1)).unwrap();
    for member in ["user", "organizationId", "theme"] {
        assert_eq!(file[member], before[member], "{member}");
    }
    assert_eq!(home.names(), ["credentials.json"]);
}

#[cfg(unix)]
#[tokio::test]
async fn folder_and_file_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(home.path().parent().unwrap().to_owned(), 0o755);
    open(home.path(), 0o644);
    platform.expire();
    source(&platform, &home).token().await.unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path()), 0o600);
    assert_eq!(mode(home.path().parent().unwrap().to_owned()), 0o700);
}

#[tokio::test]
async fn a_refusal_is_followed_by_one_refresh_and_one_retry() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    let source = source(&platform, &home);
    source.token().await.unwrap();
    platform.expire();
    let calls = AtomicU32::new(0);
    let call = |token: SessionToken| {
        calls.fetch_add(1, Ordering::Relaxed);
        let client = source.platform().clone();
        async move { client.verify(&token).await.map(|user| user.user_id) }
    };
    let is_refused = |answer: &Result<String, mastra_auth_cloud::CloudApiError>| {
        answer.as_ref().is_err_and(|error| error.status() == 401)
    };
    let answers = join_all((0..10).map(|_| source.call(call, is_refused))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().unwrap(), "user_1");
    }
    assert_eq!(platform.record(|record| record.refreshes), 1);
    assert_eq!(calls.load(Ordering::Relaxed), 20);
    // Where the second answer is a refusal too, that is the answer.
    let answer = source
        .call(|_| async { 401 }, |status| *status == 401)
        .await;
    assert_eq!(answer.unwrap_err().code(), "session_expired");
}

#[tokio::test]
async fn a_refused_refresh_ends_the_session_and_leaves_the_file() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.record(|record| record.generation = 7);
    let before = fs::read(home.path()).unwrap();
    let error = source(&platform, &home).token().await.unwrap_err();
    assert_eq!(error.code(), "session_expired");
    assert_eq!(fs::read(home.path()).unwrap(), before);
    assert_eq!(home.names(), ["credentials.json"]);
}

#[tokio::test]
async fn what_a_program_without_a_lock_writes_meanwhile_counts() {
    let (platform, home) = (Platform::start().await, Home::new());
    for status in [Some(StatusCode::UNAUTHORIZED), None] {
        home.sign_in(1);
        platform.record(|record| record.generation = 2);
        let path = home.path();
        platform.record(|record| {
            record.meanwhile = Some(Box::new(move || {
                fs::write(&path, signed_in(9)).unwrap();
                status
            }));
        });
        let token = source(&platform, &home).token().await.unwrap();
        assert_eq!(token.expose(), "access-9", "{status:?}");
        assert_eq!(home.read()["refreshToken"], "refresh-9");
    }
}

#[tokio::test]
async fn a_sign_out_meanwhile_is_not_undone() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    let path = home.path();
    platform.record(|record| {
        record.meanwhile = Some(Box::new(move || {
            fs::remove_file(&path).unwrap();
            None
        }));
    });
    let error = source(&platform, &home).token().await.unwrap_err();
    assert_eq!(error.code(), "not_signed_in");
    assert_eq!(home.names(), [""; 0]);
}

#[tokio::test]
async fn an_outage_is_no_refusal_and_spends_nothing() {
    let home = Home::new();
    home.sign_in(1);
    let before = fs::read(home.path()).unwrap();
    let nowhere = Client::new("http://127.0.0.1:1").unwrap();
    let source = TokenSource::new(nowhere, home.file());
    for error in [
        source.token().await.unwrap_err(),
        source
            .refreshed(&SessionToken::parse("access-1").unwrap())
            .await
            .unwrap_err(),
    ] {
        assert_eq!((error.code(), error.is_refusal()), ("network_error", false));
    }
    assert_eq!(fs::read(home.path()).unwrap(), before);
    assert_eq!(home.names(), ["credentials.json"]);
}

#[tokio::test]
async fn a_platform_that_cannot_answer_a_verification_is_asked_for_no_refresh() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    for status in [408, 425, 429, 500, 503] {
        platform.record(|record| record.outage = Some(StatusCode::from_u16(status).unwrap()));
        let error = source(&platform, &home).token().await.unwrap_err();
        assert_eq!((error.status(), error.is_refusal()), (status, false));
    }
    assert_eq!(platform.record(|record| record.refreshes), 0);
}

#[tokio::test]
async fn a_refusal_that_joins_an_older_look_is_not_answered_with_the_same_token() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    let hold = Arc::new(Notify::new());
    platform.record(|record| record.hold = Some(Arc::clone(&hold)));
    let source = source(&platform, &home);
    let older = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    until("it is asked", || async {
        platform.record(|record| record.verifications) == 1
    })
    .await;
    // It was good when the platform looked, and is refused before the answer comes.
    platform.expire();
    let refused = SessionToken::parse("access-1").unwrap();
    let mut newer = Box::pin(source.refreshed(&refused));
    assert!((&mut newer).now_or_never().is_none());
    hold.notify_one();
    assert_eq!(older.await.unwrap().unwrap().expose(), "access-1");
    assert_eq!(newer.await.unwrap().expose(), "access-2");
    assert_eq!(
        platform.record(|record| (record.verifications, record.refreshes)),
        (1, 1)
    );
}

#[tokio::test]
async fn nothing_is_spent_where_the_answer_could_not_be_kept() {
    let (platform, home) = (Platform::start().await, Home::new());
    home.sign_in(1);
    platform.expire();
    let mut in_the_way = home.path().into_os_string();
    in_the_way.push(format!(".{}.tmp", std::process::id()));
    fs::create_dir_all(PathBuf::from(in_the_way).join("full")).unwrap();
    let error = source(&platform, &home).token().await.unwrap_err();
    assert_eq!(error.code(), "invalid_configuration");
    assert!(
        error
            .message()
            .contains("credentials.json cannot be written"),
        "{error}"
    );
    assert_eq!(platform.record(|record| record.refreshes), 0);
}

#[test]
fn a_broken_file_is_named_and_nothing_of_it_is_told() {
    let home = Home::new();
    assert!(home.file().read().unwrap().is_none());
    for (text, member) in [
        ("s3cret", "the whole"),
        (r#"{"token":"s3cret""#, "the whole"),
        (r#"["s3cret"]"#, "the whole"),
        (r#"{"token":"s3cret","token":"s3cret"}"#, "the whole"),
        (r#"{"token":["s3cret"]}"#, "token"),
        (r#"{"token":"s3cret s3cret"}"#, "token"),
        (
            r#"{"token":"t","refreshToken":"s3cret s3cret"}"#,
            "refreshToken",
        ),
    ] {
        home.write(text);
        let error = home.file().read().unwrap_err();
        assert_eq!(error.code(), "invalid_configuration");
        let path = home.path().display().to_string();
        assert!(
            error
                .message()
                .starts_with(&format!("{path} is no credentials file: {member} ")),
            "{error}"
        );
        assert!(
            !format!("{error} {error:?}").contains("s3cret"),
            "{error:?}"
        );
    }
    // Another program's members alone are no sign-in.
    home.write(r#"{"theme":"dark"}"#);
    assert!(home.file().read().unwrap().is_none());
}

#[tokio::test]
async fn a_sign_out_leaves_what_another_program_keeps_there() {
    let home = Home::new();
    home.sign_in(1);
    home.file().lock().await.unwrap().remove().unwrap();
    assert_eq!(
        home.read(),
        json!({ "theme": { "dark": [true, null, 1.5] } })
    );
    home.write(r#"{"token":"t","currentOrgId":"org_2"}"#);
    home.file().lock().await.unwrap().remove().unwrap();
    assert_eq!(home.names(), [""; 0]);
    home.file().lock().await.unwrap().remove().unwrap();
}

#[tokio::test]
async fn a_new_sign_in_keeps_another_programs_members_and_nothing_of_the_old_one() {
    let home = Home::new();
    home.write(r#"{"token":"t","refreshToken":"r","currentOrgId":"org_2","theme":"dark"}"#);
    let held = home.file().read().unwrap().unwrap();
    assert_eq!(held.organization().unwrap().as_str(), "org_2");
    let locked = home.file().lock().await.unwrap();
    let token = SessionToken::parse("new").unwrap();
    let new = Credentials::new(
        token,
        None,
        json!({ "id": "user_2" }),
        &OrganizationId::parse("org_3").unwrap(),
    );
    locked.new_file().unwrap().write(&new).unwrap();
    let expected = json!({ "token": "new", "user": { "id": "user_2" }, "organizationId": "org_3", "theme": "dark" });
    assert_eq!(home.read(), expected);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_the_file_stays_a_link() {
    let (platform, home, elsewhere) = (Platform::start().await, Home::new(), Home::new());
    elsewhere.sign_in(1);
    fs::create_dir_all(home.path().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), home.path()).unwrap();
    platform.expire();
    source(&platform, &home).token().await.unwrap();
    assert!(fs::symlink_metadata(home.path()).unwrap().is_symlink());
    assert_eq!(elsewhere.read()["token"], "access-2");
}

/// The lock as another process writes it.
fn foreign_lock(home: &Home, text: &str, age: Duration) -> PathBuf {
    let mut path = home.path().into_os_string();
    path.push(".lock");
    let path = PathBuf::from(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
    path
}

#[tokio::test]
async fn a_lock_is_taken_over_from_a_process_that_is_gone() {
    let home = Home::new();
    let other_machine = r#"{"pid":1,"host":"another machine","nonce":"n"}"#;
    for (text, age) in [(other_machine, 61), ("", 3), ("?", 61)] {
        let path = foreign_lock(&home, text, Duration::from_secs(age));
        let locked = home.file().lock().await.unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), text);
        drop(locked);
        assert_eq!(home.names(), [""; 0], "{text}");
    }
}

#[tokio::test]
async fn a_lock_of_a_process_at_work_is_waited_for() {
    let home = Home::new();
    let held = home.file().lock().await.unwrap();
    let other_machine = r#"{"pid":1,"host":"another machine","nonce":"n"}"#;
    let file = home.file();
    let mut waiting = Box::pin(file.lock());
    assert!((&mut waiting).now_or_never().is_none());
    drop(held);
    drop(waiting.await.unwrap());
    // Its process may be alive, for all that this machine knows.
    let path = foreign_lock(&home, other_machine, Duration::from_secs(30));
    let mut waiting = Box::pin(file.lock());
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(fs::read_to_string(&path).unwrap(), other_machine);
    fs::remove_file(path).unwrap();
    drop(waiting.await.unwrap());
}
