//! The commands of a program, while an answer of the platform or a request to it breaks at a byte.
//!
//! An outage is told as one: no sign-in is lost by it, and what is still good at the platform is said to be so.

use std::fs;
use std::time::Duration;

use mastra_auth_local_cloud::{Fault, FaultKind, Options, Place, SignedIn, WireFault};
use serde_json::json;

use super::{Desk, Login, browser, get, tells_nothing};
use crate::process::finish;

#[derive(serde::Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    at: Place,
    faults: Vec<WireFault>,
}

/// The vectors, without the fault that takes the time-out of a call.
fn cases() -> Vec<(Place, Vec<WireFault>)> {
    let file: File =
        serde_json::from_str(include_str!("../../../../../vectors/faults.json")).unwrap();
    let quick = |case: Case| {
        let faults = case.faults.into_iter();
        let faults = faults.filter(|fault| *fault != WireFault::Hold);
        (case.at, faults.collect())
    };
    file.cases.into_iter().map(quick).collect()
}

/// Some of them: every other place, and each fault.
fn faults() -> Vec<FaultKind> {
    let cases = cases().into_iter().enumerate().skip(1).step_by(2);
    let some = cases.map(|(number, (at, faults))| FaultKind::Wire {
        at,
        fault: faults[(number + 1) % faults.len()],
    });
    some.collect()
}

fn every() -> impl Iterator<Item = FaultKind> {
    let of = |(at, faults): (Place, Vec<WireFault>)| {
        let kind = move |fault| FaultKind::Wire { at, fault };
        faults.into_iter().map(kind)
    };
    cases().into_iter().flat_map(of)
}

impl Desk {
    /// Signs in anew, without a browser. The access token of the file is this one.
    pub(super) fn signed_in(&self, token: Option<&str>) -> SignedIn {
        self.cloud.control().reset();
        let signed_in = self.cloud.control().sign_in_as("admin").unwrap();
        let token = token.unwrap_or(&signed_in.token);
        let file = json!({
            "token": token, "refreshToken": signed_in.refresh_token, "user": { "id": signed_in.user_id },
        });
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), file.to_string()).unwrap();
        signed_in
    }

    fn breaks(&self, endpoint: &str, kind: &FaultKind) {
        let fault = Fault::new(kind.clone()).on(endpoint);
        self.cloud.control().set_fault(fault);
    }

    /// Whether the platform takes the access token, and the refresh token.
    pub(super) async fn takes(&self, signed_in: &SignedIn) -> (bool, bool) {
        let at = |path: &str| format!("{}/v1/auth/{path}", self.cloud.url());
        let verify = browser().get(at("verify")).bearer_auth(&signed_in.token);
        let refresh = browser()
            .post(at("refresh-token"))
            .header("content-type", "application/json")
            .body(json!({ "refreshToken": signed_in.refresh_token }).to_string());
        let is_good = async |request: reqwest::RequestBuilder| {
            request.send().await.unwrap().status().is_success()
        };
        (is_good(verify).await, is_good(refresh).await)
    }
}

/// An answer that broke is asked for again.
fn forgiving(options: &mut Options) {
    options.platform.rotation_leeway = Duration::from_mins(10);
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_073_no_byte_at_which_an_answer_breaks_loses_a_sign_in() {
    lose_no_sign_in(&Desk::with(forgiving).await, faults());
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_073_no_byte_at_which_an_answer_breaks_over_tls_loses_a_sign_in() {
    let some = faults().into_iter().step_by(4);
    lose_no_sign_in(&Desk::over_tls(forgiving).await, some);
}

/// `cargo xtask soak bytes`: each fault at each place, of those that take the time-out of a call some.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn soak_bytes() {
    let held = |at| FaultKind::Wire {
        at,
        fault: WireFault::Hold,
    };
    let all =
        || every().chain([Place::Request(500), Place::Headers(500), Place::Body(500)].map(held));
    let mut count = 0;
    for desk in [Desk::with(forgiving).await, Desk::over_tls(forgiving).await] {
        count += lose_no_sign_in(&desk, all());
    }
    println!("In {count} runs of commands of a program no sign-in was lost.");
}

fn lose_no_sign_in(desk: &Desk, faults: impl IntoIterator<Item = FaultKind>) -> usize {
    let mut count = 0;
    for kind in faults {
        for (endpoint, token, command) in [
            ("verify", None, &["whoami"][..]),
            ("refresh-token", Some("expired"), &["whoami"]),
            ("tokens", None, &["tokens", "list"]),
        ] {
            let what = format!("{command:?} {endpoint} {kind:?}");
            let signed_in = desk.signed_in(token);
            desk.breaks(endpoint, &kind);
            let done = desk.run(command);
            assert!(desk.cloud.requests("wire") > 0, "{what}");
            desk.cloud.control().clear_faults();
            let is_lost = matches!(
                kind,
                FaultKind::Wire {
                    fault: WireFault::Cut | WireFault::Reset | WireFault::Hold,
                    ..
                }
            );
            let is_right = matches!(done.code, Some(0 | 1) if !is_lost) || done.code == Some(4);
            assert!(is_right, "{what}: {done:?}");
            tells_nothing(&done, &[signed_in.refresh_token.as_ref().unwrap()]);
            let who = desk.run(&["whoami"]);
            assert_eq!(who.code, Some(0), "{what}: {who:?}");
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_032_no_byte_at_which_an_answer_breaks_makes_a_sign_out_of_none() {
    let desk = Desk::with(|_| {}).await;
    for kind in faults() {
        for endpoint in ["refresh-token", "logout", "verify"] {
            let what = format!("{endpoint} {kind:?}");
            let signed_in = desk.signed_in(None);
            desk.breaks(endpoint, &kind);
            let done = desk.run(&["logout"]);
            assert!(desk.cloud.requests("wire") > 0, "{what}");
            desk.cloud.control().clear_faults();
            assert!(matches!(done.code, Some(0 | 4)), "{what}: {done:?}");
            assert!(desk.names().is_empty(), "{what}");
            let (is_token_good, is_refresh_token_good) = desk.takes(&signed_in).await;
            let said = |line: &str| done.stdout.contains(line);
            assert!(
                !is_token_good
                    || said("access token   NOT revoked")
                    || said("access token   not known"),
                "{what}: {done:?}"
            );
            assert!(
                !is_refresh_token_good || said("refresh token  NOT revoked"),
                "{what}: {done:?}"
            );
            let is_told = done.code == Some(4);
            assert!(!is_refresh_token_good || is_told, "{what}: {done:?}");
        }
    }
}

/// A sign-in that cannot be kept: its tokens are ended, or said to be good.
#[tokio::test(flavor = "multi_thread")]
async fn no_byte_at_which_an_answer_breaks_leaves_a_sign_in_behind_unsaid() {
    let desk = Desk::with(|_| {}).await;
    for kind in faults() {
        desk.cloud.control().reset();
        let signed_in = desk.cloud.control().sign_in_as("admin").unwrap();
        let login = Login::start(desk.command(&["login", "--no-browser"]));
        desk.breaks("refresh-token", &kind);
        let refresh_token = signed_in.refresh_token.as_deref().unwrap();
        let (token, state) = (&signed_in.token, login.parameter("state"));
        let query = format!("state={state}&token={token}&refresh_token={refresh_token}&org=org_1");
        assert_eq!(get(&login.callback(&query)).await.status(), 400);
        let done = login.end();
        assert!(desk.cloud.requests("wire") > 0, "{kind:?}");
        desk.cloud.control().clear_faults();
        assert_eq!(done.code, Some(1), "{kind:?}: {done:?}");
        assert!(desk.names().is_empty(), "{kind:?}");
        let (_, is_good) = desk.takes(&signed_in).await;
        let is_said = done.stderr.contains("is NOT revoked");
        assert!(!is_good || is_said, "{kind:?}: {done:?}");
        tells_nothing(&done, &[refresh_token]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_begins_where_the_platform_does_not_answer() {
    let desk = Desk::with(|_| {}).await;
    for fault in [WireFault::Cut, WireFault::Reset] {
        for at in [Place::Request(500), Place::Headers(500), Place::Body(500)] {
            desk.breaks("verify", &FaultKind::Wire { at, fault });
            let done = finish(desk.command(&["login", "--no-browser"]), b"");
            assert_eq!(done.code, Some(4), "{at:?} {fault:?}: {done:?}");
            assert!(desk.names().is_empty());
            desk.cloud.control().clear_faults();
        }
    }
}
