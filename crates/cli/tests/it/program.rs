//! `mastra-auth login`, `logout`, `whoami` and `tokens` at a local platform: what they print, what they keep, and no token anywhere.

mod certificates;
mod faults;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mastra_auth_local_cloud::{Dialect, Fault, FaultKind, LocalCloud, Options};
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;
use url::Url;

use crate::process::{Finished, command, finish, wait};
use crate::tls::{Authority, Front};

/// The home folder of one person, and the platform.
struct Desk {
    cloud: LocalCloud,
    home: PathBuf,
    /// What commands ask in place of the platform. They trust its authority alone.
    front: Option<Front>,
}

impl Desk {
    async fn new() -> Self {
        Self::of("admin").await
    }

    /// Of this person.
    async fn of(person: &str) -> Self {
        Self::with(|options| options.auto_approve = Some(person.to_owned())).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mastra-cli-program-{}-{number}", std::process::id());
        let home = std::env::temp_dir().join(name);
        fs::create_dir(&home).unwrap();
        let mut options = Options::default();
        options.port = 0;
        options.dialect = Dialect::Platform;
        change(&mut options);
        let cloud = LocalCloud::start(options).await.unwrap();
        Self {
            cloud,
            home,
            front: None,
        }
    }

    async fn over_tls(change: impl FnOnce(&mut Options)) -> Self {
        let mut desk = Self::with(change).await;
        let key = desk.home.join("key.pem");
        Authority::create(&desk.authority(), &key);
        let authority = Arc::new(Authority::read(&key));
        desk.front = Some(Front::start(&authority, desk.cloud.port()));
        desk
    }

    fn authority(&self) -> PathBuf {
        self.home.join("authority.pem")
    }

    fn url(&self) -> &str {
        self.front.as_ref().map_or(self.cloud.url(), Front::url)
    }

    fn file(&self) -> PathBuf {
        self.home.join(".mastra").join("credentials.json")
    }

    fn kept(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    fn secret(&self, name: &str) -> String {
        self.kept()[name].as_str().unwrap().to_owned()
    }

    /// The names in the folder of the file.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file().parent().unwrap());
        let names = entries.into_iter().flatten();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("HOME", &self.home);
        command.env("MASTRA_PLATFORM_API_URL", self.url());
        if self.front.is_some() {
            command.env("SSL_CERT_FILE", self.authority());
        }
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        finish(self.command(args), b"")
    }

    async fn sign_in(&self) {
        let login = Login::start(self.command(&["login", "--no-browser"]));
        assert_eq!(login.come_back().await.status(), 200);
        assert_eq!(login.end().code, Some(0));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.home));
        // It has a runtime of its own.
        tokio::task::block_in_place(|| drop(self.front.take()));
    }
}

/// A `login` that waits for the browser.
struct Login {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
    url: Url,
}

impl Login {
    fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let mut url = None;
        while !said.contains("Ctrl-C ends that") {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended: {said}");
            url = url.or_else(|| Url::parse(line.trim().strip_prefix("Sign in at ")?).ok());
            said.push_str(&line);
        }
        let url = url.unwrap();
        Self {
            child,
            stderr,
            said,
            url,
        }
    }

    fn parameter(&self, name: &str) -> String {
        let mut pairs = self.url.query_pairs();
        pairs.find(|(own, _)| own == name).unwrap().1.into_owned()
    }

    fn callback(&self, query: &str) -> String {
        format!(
            "http://127.0.0.1:{}/callback?{query}",
            self.parameter("cli_port")
        )
    }

    /// A person signs in, and the browser comes back.
    async fn come_back(&self) -> Response {
        get(&self.back().await).await
    }

    /// A person signs in: where the browser comes back to.
    async fn back(&self) -> String {
        let answer = browser().get(self.url.clone()).send().await.unwrap();
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    fn end(mut self) -> Finished {
        let status = wait(&mut self.child);
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        self.stderr.read_to_string(&mut self.said).unwrap();
        Finished {
            code: status.code(),
            stdout,
            stderr: self.said.clone(),
        }
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn browser() -> Client {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

async fn get(url: &str) -> Response {
    browser().get(url).send().await.unwrap()
}

/// Nothing printed holds a part of a secret.
fn tells_nothing(finished: &Finished, secrets: &[&str]) {
    let all = format!("{}{}", finished.stdout, finished.stderr);
    for part in secrets.iter().flat_map(|secret| secret.split('.')) {
        assert!(!all.contains(part), "{finished:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_keeps_keys_and_signs_out() {
    let desk = Desk::new().await;
    let login = Login::start(desk.command(&["login", "--no-browser"]));
    assert!(login.said.contains("forward its port"), "{}", login.said);
    assert_eq!(login.parameter("product"), "cli");
    let state = login.parameter("state");
    assert!(
        state.len() == 32 && state.bytes().all(|b| b.is_ascii_hexdigit()),
        "{state}"
    );
    // What belongs to no sign-in of this run is refused, and the run goes on waiting.
    for query in [
        "",
        "state=",
        "state=0&token=t",
        &format!("state={state}&state={state}&token=t"),
    ] {
        assert_eq!(get(&login.callback(query)).await.status(), 400, "{query}");
    }
    assert!(desk.names().is_empty());
    let page = login.come_back().await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let page = page.text().await.unwrap();
    assert!(page.contains("You can close this page"), "{page}");
    let done = login.end();
    assert_eq!(done.code, Some(0), "{done:?}");
    let (token, refresh_token) = (desk.secret("token"), desk.secret("refreshToken"));
    assert!(!page.contains(&token) && !page.contains(&refresh_token));
    tells_nothing(&done, &[&token, &refresh_token]);
    let email = desk.kept()["user"]["email"].as_str().unwrap().to_owned();
    let organization = desk.secret("organizationId");
    assert_eq!(
        done.stdout,
        format!("signed in as {email}, organization {organization}\n")
    );
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(desk.file()), mode(desk.home.join(".mastra"))),
        (0o600, 0o700)
    );
    assert_eq!(desk.names(), ["credentials.json"]);

    let who = desk.run(&["whoami"]);
    assert_eq!((who.code, who.stderr.as_str()), (Some(0), ""), "{who:?}");
    assert!(
        who.stdout.contains(&email) && who.stdout.contains("role          admin"),
        "{who:?}"
    );
    tells_nothing(&who, &[&token, &refresh_token]);
    let who: Value =
        serde_json::from_str(&desk.run(&["whoami", "--format", "json"]).stdout).unwrap();
    assert_eq!(
        (&who["user"]["email"], &who["organizationId"]),
        (&email.into(), &organization.into())
    );

    let made = desk.run(&["tokens", "create", "ci"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let secret = made.stdout.trim_end();
    assert!(
        secret.starts_with("sk_") && !secret.contains(char::is_whitespace),
        "{made:?}"
    );
    assert!(!made.stderr.contains(secret), "{made:?}");
    let listed = desk.run(&["tokens", "list", "--format", "json"]);
    let keys: Value = serde_json::from_str(&listed.stdout).unwrap();
    let id = keys["tokens"][0]["id"].as_str().unwrap();
    let table = desk.run(&["tokens", "list"]);
    assert!(
        table.stdout.starts_with("id ") && table.stdout.contains(id),
        "{table:?}"
    );
    tells_nothing(&listed, &[&token, secret]);
    let mut robot = desk.command(&["whoami"]);
    robot.env("MASTRA_API_TOKEN", secret);
    let robot = finish(robot, b"");
    assert!(
        robot.stdout.contains("MASTRA_API_TOKEN") && robot.stdout.contains("api-key"),
        "{robot:?}"
    );
    assert_eq!(
        desk.run(&["tokens", "revoke", id]).stdout,
        format!("revoked {id}\n")
    );
    assert_eq!(desk.run(&["tokens", "list"]).stdout, "no keys\n");
    let again = desk.run(&["tokens", "revoke", id]);
    assert_eq!(again.code, Some(3), "{again:?}");
    assert!(
        again.stderr.contains("There is no such token."),
        "{again:?}"
    );
    let mut robot = desk.command(&["whoami"]);
    robot.env("MASTRA_API_TOKEN", secret);
    let robot = finish(robot, b"");
    assert!(
        robot.code == Some(3) && robot.stderr.contains("MASTRA_API_TOKEN is refused"),
        "{robot:?}"
    );

    let out = desk.run(&["logout"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    assert!(
        out.stdout
            .starts_with("signed out of this machine\nrefresh token  spent"),
        "{out:?}"
    );
    tells_nothing(&out, &[&token, &refresh_token]);
    assert!(desk.names().is_empty());
    // It is spent indeed.
    let spent = browser()
        .post(format!("{}/v1/auth/refresh-token", desk.cloud.url()))
        .header("content-type", "application/json")
        .body(format!(r#"{{"refreshToken":"{refresh_token}"}}"#));
    assert_eq!(spent.send().await.unwrap().status(), 401);
    let who = desk.run(&["whoami"]);
    assert!(
        who.code == Some(3) && who.stderr.contains("not signed in: `mastra-auth login`"),
        "{who:?}"
    );
    assert_eq!(
        desk.run(&["logout"]).stdout,
        "there was no sign-in on this machine\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refreshed_and_the_file_kept_whole() {
    let desk = Desk::new().await;
    desk.sign_in().await;
    let mut file = desk.kept();
    let before = file["token"].clone();
    // An access token that the platform does not know stands for one that has expired.
    file["token"] = "expired".into();
    file["theme"] = "dark".into();
    fs::write(desk.file(), file.to_string()).unwrap();
    let who = desk.run(&["whoami"]);
    assert_eq!(who.code, Some(0), "{who:?}");
    let after = desk.kept();
    assert_ne!(after["token"], before);
    assert_ne!(after["refreshToken"], file["refreshToken"]);
    assert_eq!(
        (&after["theme"], &after["user"]),
        (&file["theme"], &file["user"])
    );
    // A sign-out leaves what another program keeps there.
    assert_eq!(desk.run(&["logout"]).code, Some(0));
    assert_eq!(desk.kept(), serde_json::json!({ "theme": "dark" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_still_keeps_the_answer_to_its_refresh() {
    let desk = Desk::new().await;
    desk.sign_in().await;
    let mut file = desk.kept();
    let spent = desk.secret("refreshToken");
    file["token"] = "expired".into();
    fs::write(desk.file(), file.to_string()).unwrap();
    let slow = Fault::new(FaultKind::Delay { ms: 1000 });
    desk.cloud.control().set_fault(slow.on("refresh-token"));
    let mut command = desk.command(&["whoami"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let deadline = std::time::Instant::now() + crate::process::PATIENCE;
    // The new file is made right before the refresh is sent.
    while desk.names().len() < 3 {
        assert!(std::time::Instant::now() < deadline, "it does not refresh");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    // Where this machine is so slow that the answer came first, there was nothing to interrupt.
    assert!(matches!(wait(&mut child).code(), Some(0 | 1)));
    assert_ne!(desk.secret("refreshToken"), spent);
    assert_eq!(desk.names(), ["credentials.json"]);
    assert_eq!(desk.run(&["whoami"]).code, Some(0));
}

/// With every library's most talkative log.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_log() {
    let desk = Desk::new().await;
    let logged = |args: &[&str]| {
        let mut command = desk.command(args);
        command.env("RUST_LOG", "trace");
        command
    };
    let login = Login::start(logged(&["login", "--no-browser"]));
    assert_eq!(login.come_back().await.status(), 200);
    let mut told = vec![login.end()];
    let mut secrets = vec![desk.secret("token"), desk.secret("refreshToken")];
    let mut file = desk.kept();
    file["token"] = "expired.expired.expired".into();
    fs::write(desk.file(), file.to_string()).unwrap();
    secrets.push(desk.secret("token"));
    told.push(finish(logged(&["whoami"]), b""));
    secrets.extend([desk.secret("token"), desk.secret("refreshToken")]);
    let mut made = finish(logged(&["tokens", "create", "ci"]), b"");
    secrets.push(std::mem::take(&mut made.stdout).trim_end().to_owned());
    told.push(made);
    told.push(finish(logged(&["tokens", "list"]), b""));
    told.push(finish(logged(&["logout"]), b""));
    for finished in &told {
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stderr.contains("TRACE"), "{finished:?}");
        for secret in &secrets {
            // The head of a signed token says only how it is signed.
            let own = secret.split_once('.').map_or(&**secret, |(_, rest)| rest);
            tells_nothing(finished, &[own]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_at_the_platform_ends_the_login() {
    let desk = Desk::new().await;
    desk.sign_in().await;
    let before = fs::read(desk.file()).unwrap();
    let login = Login::start(desk.command(&["login", "--no-browser"]));
    let denied = login.callback(&format!(
        "error=access_denied&state={}",
        login.parameter("state")
    ));
    let page = get(&denied).await;
    assert_eq!(page.status(), 400);
    assert!(page.text().await.unwrap().contains("The terminal says why"));
    let done = login.end();
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.stderr
            .contains("the platform ended the sign-in: access_denied"),
        "{done:?}"
    );
    assert_eq!(fs::read(desk.file()).unwrap(), before);
}

/// Whether the platform takes the refresh token of this address. That spends it.
async fn is_refresh_token_good(desk: &Desk, back: &str) -> bool {
    let back = Url::parse(back).unwrap();
    let mut pairs = back.query_pairs();
    let (_, token) = pairs.find(|(name, _)| name == "refresh_token").unwrap();
    let spent = browser()
        .post(format!("{}/v1/auth/refresh-token", desk.cloud.url()))
        .header("content-type", "application/json")
        .body(format!(r#"{{"refreshToken":"{token}"}}"#));
    spent.send().await.unwrap().status() == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_an_organization_is_told_so_and_its_tokens_are_ended() {
    let desk = Desk::of("newcomer").await;
    let login = Login::start(desk.command(&["login", "--no-browser"]));
    let back = login.back().await;
    let page = get(&back).await;
    assert_eq!(page.status(), 400);
    assert!(page.text().await.unwrap().contains("The terminal says why"));
    let done = login.end();
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""), "{done:?}");
    let why = "this account has no organization: create or join one";
    assert!(done.stderr.contains(why), "{done:?}");
    assert!(!is_refresh_token_good(&desk, &back).await);
    assert!(desk.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_cannot_be_kept_is_ended() {
    let desk = Desk::new().await;
    // A part of it alone is usable.
    let login = Login::start(desk.command(&["login", "--no-browser"]));
    let back = login.back().await.replace("user=", "person=");
    assert_eq!(get(&back).await.status(), 400);
    let done = login.end();
    assert!(
        done.code == Some(1) && done.stderr.contains("usable user"),
        "{done:?}"
    );
    assert!(!is_refresh_token_good(&desk, &back).await);
    // The file has no room.
    let login = Login::start(desk.command(&["login", "--no-browser"]));
    let back = login.back().await;
    fs::write(desk.home.join(".mastra"), "in the way").unwrap();
    assert_eq!(get(&back).await.status(), 500);
    let done = login.end();
    assert!(
        done.code == Some(1) && done.stderr.contains("credentials.json"),
        "{done:?}"
    );
    assert!(!is_refresh_token_good(&desk, &back).await);
    // What cannot be ended is told.
    let login = Login::start(desk.command(&["login", "--no-browser"]));
    let back = login.back().await;
    desk.cloud
        .control()
        .set_fault(Fault::new(FaultKind::Status { status: 503 }).on("refresh-token"));
    assert_eq!(get(&back).await.status(), 500);
    let done = login.end();
    assert!(done.stderr.contains("NOT revoked"), "{done:?}");
    desk.cloud.control().clear_faults();
    assert!(is_refresh_token_good(&desk, &back).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_other_than_401_is_no_end_of_a_token() {
    let desk = Desk::new().await;
    desk.sign_in().await;
    let refresh_token = desk.secret("refreshToken");
    let control = desk.cloud.control();
    control.set_fault(Fault::new(FaultKind::Status { status: 403 }).on("verify"));
    let who = desk.run(&["whoami"]);
    assert!(
        who.code == Some(3) && who.stderr.contains("refused: "),
        "{who:?}"
    );
    assert_eq!(desk.secret("refreshToken"), refresh_token);
    control.set_fault(Fault::new(FaultKind::Status { status: 404 }).on("verify"));
    let who = desk.run(&["whoami"]);
    assert!(
        who.code == Some(4) && who.stderr.contains("unreachable: "),
        "{who:?}"
    );
    assert_eq!(desk.secret("refreshToken"), refresh_token);
    control.set_fault(Fault::new(FaultKind::Status { status: 403 }).on("verify"));
    let out = desk.run(&["logout"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    assert!(
        out.stdout.contains("access token   NOT revoked: "),
        "{out:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_login_leaves_everything_as_it_was() {
    let desk = Desk::new().await;
    for signal in ["-INT", "-TERM"] {
        let login = Login::start(desk.command(&["login", "--no-browser"]));
        let sent = Command::new("kill")
            .args([signal, &login.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let done = login.end();
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{done:?}");
        assert!(
            done.stderr.contains("interrupted: no sign-in was made"),
            "{done:?}"
        );
        assert!(!desk.home.join(".mastra").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_terminals_sign_in_at_once_and_one_file_is_whole() {
    let desk = Desk::new().await;
    let logins = [(); 2].map(|()| Login::start(desk.command(&["login", "--no-browser"])));
    // The state of one is no good for the other.
    let crossed = logins[0].callback(&format!("token=t&state={}", logins[1].parameter("state")));
    assert_eq!(get(&crossed).await.status(), 400);
    let (one, other) = tokio::join!(logins[0].come_back(), logins[1].come_back());
    assert_eq!(
        (one.status(), other.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    for login in logins {
        let done = login.end();
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    assert_eq!(desk.names(), ["credentials.json"]);
    assert_eq!(desk.run(&["whoami"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_every_command_says_so_and_none_waits_for_a_browser() {
    let desk = Desk::new().await;
    desk.sign_in().await;
    let (token, refresh_token) = (desk.secret("token"), desk.secret("refreshToken"));
    let offline = |args: &[&str]| {
        let mut command = desk.command(args);
        command.env("MASTRA_PLATFORM_API_URL", "http://127.0.0.1:1");
        let finished = finish(command, b"");
        assert_eq!(finished.code, Some(4), "{finished:?}");
        assert!(
            finished.stderr.contains("http://127.0.0.1:1"),
            "{finished:?}"
        );
        tells_nothing(&finished, &[&token, &refresh_token]);
        finished
    };
    for args in [
        &["login"][..],
        &["whoami"],
        &["tokens", "list"],
        &["tokens", "create", "ci"],
        &["tokens", "revoke", "id"],
    ] {
        let finished = offline(args);
        assert_eq!(finished.stdout, "", "{finished:?}");
        assert!(
            finished.stderr.starts_with("error: unreachable: "),
            "{finished:?}"
        );
    }
    assert_eq!(desk.secret("refreshToken"), refresh_token);
    let out = offline(&["logout"]);
    assert_eq!(out.stdout.matches("NOT revoked").count(), 2, "{out:?}");
    assert!(desk.names().is_empty());
}

/// What a command prints at a terminal, where `xdg-open` only writes down what it is asked to open.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_opens_at_a_terminal_alone_and_the_address_is_printed_anyway() {
    let desk = Desk::new().await;
    let tools = desk.home.join("bin");
    fs::create_dir(&tools).unwrap();
    let opened = desk.home.join("opened");
    let browser = tools.join("xdg-open");
    let script = format!(
        "#!/bin/sh\nprintf '%s' \"$1\" > {0}.part && mv {0}.part {0}\n",
        opened.display()
    );
    let path = format!("{}:/usr/bin:/bin", tools.display());
    for (args, ci, has_browser) in [
        ("login", "", true),
        ("login", "true", true),
        ("login --no-browser", "", true),
        ("login", "", false),
    ] {
        drop(fs::remove_file(&opened));
        fs::write(
            &browser,
            if has_browser {
                &script
            } else {
                "#!/bin/sh\nexit 3\n"
            },
        )
        .unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("script");
        let call = format!("{} {args}", env!("CARGO_BIN_EXE_mastra-auth"));
        command
            .args(["-qefc", &call, "/dev/null"])
            .env("PATH", &path)
            .env("CI", ci);
        command
            .env("HOME", &desk.home)
            .env("MASTRA_PLATFORM_API_URL", desk.cloud.url());
        for name in ["MASTRA_API_TOKEN", "BROWSER", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C ends that") {
            assert!(out.read_line(&mut said).unwrap() > 0, "it ended: {said}");
        }
        let url = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("Sign in at "))
            .unwrap();
        let answer = get(url).await;
        assert_eq!(
            get(answer.headers()[LOCATION].to_str().unwrap())
                .await
                .status(),
            200
        );
        assert!(wait(&mut child).success(), "{said}");
        if args == "login" && ci.is_empty() && has_browser {
            let deadline = std::time::Instant::now() + crate::process::PATIENCE;
            while !opened.exists() {
                assert!(
                    std::time::Instant::now() < deadline,
                    "no browser was opened: {said}"
                );
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            assert_eq!(fs::read_to_string(&opened).unwrap(), url);
        } else {
            assert!(!opened.exists(), "{args} CI={ci}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_and_broken_files_are_told_and_no_secret_is() {
    let desk = Desk::new().await;
    let secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl";
    for args in [
        &["login", secret][..],
        &["logout", secret],
        &["whoami", secret],
        &["tokens", secret],
        &["tokens", "list", secret],
        &["tokens", "revoke", secret],
        &["tokens", "revoke", "sk_eyJhbGciOiJIUzI1NiJ9"],
        &["whoami", "--base-url", "http://platform.mastra.ai"],
        &[
            "login",
            "--base-url",
            "https://user:secret@platform.mastra.ai",
        ],
        &["tokens"],
        &["tokens", "create"],
    ] {
        let finished = desk.run(args);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(2), ""),
            "{args:?}: {finished:?}"
        );
        tells_nothing(&finished, &[secret, "user:secret"]);
    }
    let mut malformed = desk.command(&["whoami"]);
    malformed.env("MASTRA_API_TOKEN", "s3cret s3cret");
    let malformed = finish(malformed, b"");
    assert!(
        malformed.code == Some(2) && malformed.stderr.contains("MASTRA_API_TOKEN"),
        "{malformed:?}"
    );
    tells_nothing(&malformed, &["s3cret"]);
    fs::create_dir(desk.home.join(".mastra")).unwrap();
    fs::write(desk.file(), r#"{"token":"s3cret"#).unwrap();
    for args in [&["whoami"][..], &["tokens", "list"], &["logout"]] {
        let finished = desk.run(args);
        let path = desk.file().display().to_string();
        assert!(finished.stderr.contains(&path), "{finished:?}");
        tells_nothing(&finished, &["s3cret"]);
        // A sign-out clears it away; the others leave it to the person.
        assert_eq!(
            finished.code,
            Some(i32::from(args[0] != "logout")),
            "{finished:?}"
        );
    }
    assert!(desk.names().is_empty());
    fs::write(desk.file(), "broken").unwrap();
    desk.sign_in().await;
    assert_eq!(desk.run(&["whoami"]).code, Some(0));
}
