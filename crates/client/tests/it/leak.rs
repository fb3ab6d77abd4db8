//! Nothing secret is told: a whole life of sessions, with every fault, under a log that keeps everything.
//!
//! One test in a process of its own, since the log is the process's: it hears every crate, the local Cloud's and the HTTP
//! client's too.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Browser, DIALECTS, cloud, cookie_name, parameter, patient, with_parameter};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, SessionToken};
use mastra_auth_cloud_core::encoding::{base64url, encode_component, hex};
use mastra_auth_local_cloud::{Fault, FaultKind};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Shortest part of a secret that counts as told.
const PART: usize = 12;

/// What must not be told, and what was.
#[derive(Default)]
struct Watch {
    secrets: Vec<(&'static str, String)>,
    /// Too short to be looked for in parts.
    words: Vec<&'static str>,
    told: String,
}

impl Watch {
    fn secret(&mut self, what: &'static str, text: impl Into<String>) {
        let text = text.into();
        assert!(
            text.len() >= PART,
            "{what} is too short to be looked for: {text}"
        );
        self.secrets.push((what, text));
    }

    fn tell(&mut self, what: impl std::fmt::Debug) {
        write!(self.told, "{what:?} {what:#?} ").unwrap();
    }

    /// Looks for every part of every secret, in one pass over what was said.
    fn finish(&self, log: &str) {
        let mut parts = HashMap::new();
        for (what, secret) in &self.secrets {
            // The first segment of a signed token is the same in all of them: it says only how it is signed.
            let own = match secret.split_once('.') {
                Some((_, rest)) if secret.starts_with("eyJ") => rest,
                _ => secret,
            };
            for form in forms(own) {
                let windows = form.as_bytes().windows(PART);
                parts.extend(windows.map(|part| (part.to_vec(), what)));
            }
        }
        for (place, text) in [("log", log), ("output", &self.told)] {
            for word in &self.words {
                assert!(!text.contains(word), "{word} stands in the {place}");
            }
            for (at, window) in text.as_bytes().windows(PART).enumerate() {
                if let Some(what) = parts.get(window) {
                    let line = text.as_bytes()[..at]
                        .iter()
                        .rposition(|byte| *byte == b'\n')
                        .map_or(0, |end| end + 1);
                    let line =
                        String::from_utf8_lossy(&text.as_bytes()[line..at + PART]).into_owned();
                    panic!("a part of the {what} stands in the {place}: {line}");
                }
            }
        }
    }
}

/// A secret as it is, and as it would stand in a header, a URL or a dump: base64 at each of the three places where it may begin.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        encode_component(secret),
        hex(secret.as_bytes()),
    ];
    for skip in 0..3 {
        let rest = &secret.as_bytes()[skip..];
        // Whole groups only: how the last one ends depends on what follows.
        let url = base64url(&rest[..rest.len() / 3 * 3]);
        forms.push(url.replace('-', "+").replace('_', "/"));
        forms.push(url);
    }
    forms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_104_no_log_at_any_level_holds_a_secret() {
    let kept = Kept::default();
    let logs = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(kept.clone());
    tracing::subscriber::set_global_default(logs.finish()).unwrap();
    let mut watch = Watch::default();
    for dialect in DIALECTS {
        live(dialect, &mut watch).await;
    }
    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    for word in [
        "TRACE",
        "the Cloud answered",
        "sign-in failed",
        "sign-out not confirmed",
        "hyper",
        "mastra_auth::audit",
        "mastra_auth.authenticate",
        "event=\"credential_rejected\"",
        "request-of-a-test",
    ] {
        assert!(log.contains(word), "the log keeps everything: {word}");
    }
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    assert!(!log.contains(steers), "a value steers the terminal");
    watch.finish(&log);
}

async fn live(dialect: Dialect, watch: &mut Watch) {
    let cloud = cloud(dialect).await;
    let mut policy = patient();
    policy.fresh = Duration::ZERO;
    policy.stale_if_error = Duration::ZERO;
    policy.refused = Duration::ZERO;
    policy.breaker_failures = 1_000;
    let app = crate::common::app(&cloud, dialect, policy.clone()).await;
    // For what never comes to an end.
    policy.call_timeout = Duration::from_millis(300);
    policy.exchange_timeout = Duration::from_millis(500);
    let hasty = crate::common::app(&cloud, dialect, policy).await;
    for person in [
        "olivia@example.com",
        "anders@example.com",
        "mei@example.com",
        "victor@example.com",
    ] {
        watch.secret("e-mail", person);
    }
    for name in ["Olivia Okafor", "Anders Holm", "Mei Tanaka", "Victor Reyes"] {
        watch.words.push(name);
    }

    // A sign-in, and what it leaves in the browser.
    let mut browser = Browser::default();
    let login = browser.begin(&app.url, "/agents").await;
    watch.secret("state", parameter(&login, "state"));
    // What programs bring.
    let mut bearers = vec![
        cloud
            .control()
            .sign_in("member", Duration::from_hours(1))
            .unwrap(),
    ];
    bearers.extend(cloud.control().issue_api_key("org_acme", "member"));
    for bearer in bearers {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {bearer}").parse().unwrap());
        watch.secret("bearer", bearer);
        let page = Browser::default()
            .send(Method::GET, &app.at("/agents"), headers, &[])
            .await;
        assert_eq!(page.status, 200, "{page:?}");
    }
    let cookie = browser.cookie_header();
    for (place, part) in cookie.split_once('=').unwrap().1.split('.').enumerate() {
        // Version, time and the digests of project and Cloud are no secrets.
        if place >= 4 && part.len() >= PART {
            watch.secret("login cookie", part);
        }
    }
    let callback = browser.pick(&cloud, &login, "owner").await;
    watch.secret("code", parameter(&callback, "code"));
    let state = State {
        auth: &app.auth,
        dialect,
    };
    watch.tell(state.login());
    browser
        .open(&with_parameter(
            &callback,
            "state",
            "another-state-of-nobody",
        ))
        .await;
    browser.open(&callback).await;
    browser.open(&callback).await;
    let token = browser.session().unwrap().to_owned();
    watch.secret("token", token.clone());
    browser.fetch(&app.at("/agents")).await;
    browser.fetch(&app.at("/auth/me")).await;
    browser
        .send(
            Method::DELETE,
            &app.at("/agents/demo"),
            HeaderMap::new(),
            &[],
        )
        .await;

    // What the Cloud says wrong, it may say with the secret in it.
    let parsed = match dialect {
        Dialect::Platform => SessionToken::sealed(&token).unwrap(),
        _ => SessionToken::parse(&token).unwrap(),
    };
    for kind in [
        FaultKind::EchoSecret,
        FaultKind::Status { status: 500 },
        FaultKind::OkFalse,
        FaultKind::Html,
        FaultKind::Truncated,
        FaultKind::WrongTypes,
        FaultKind::Cut,
        FaultKind::Drop,
        FaultKind::Drip,
        FaultKind::Redirect {
            status: 307,
            location: format!("/elsewhere?token={token}"),
        },
    ] {
        let app = match kind {
            FaultKind::Drip => &hasty,
            _ => &app,
        };
        cloud.control().clear_faults();
        // On the platform a fault of any endpoint would keep the browser from the sign-in's page.
        let at = match dialect {
            Dialect::Platform => &["me", "refresh", "verify", "logout"][..],
            _ => &["any"],
        };
        for endpoint in at {
            let fault = Fault::new(kind.clone()).on(endpoint);
            cloud.control().set_fault(fault);
        }
        let client = app.auth.client();
        watch.tell(client.verify_token(&parsed).await.err());
        watch.tell(client.validate_session(&parsed).await.err());
        watch.tell(app.auth.authenticate_token(&token).await);
        let page = browser.clone().fetch(&app.at("/agents")).await;
        // A sealed session outlives a refusal for a moment.
        let is_good = dialect == Dialect::Platform && page.status == 200;
        assert!(
            is_good || matches!(page.status.as_u16(), 401 | 503),
            "{page:?}"
        );
        watch.told += &format!("{page:?}");
        let mut other = Browser::default();
        let callback = other.almost(app, &cloud, "viewer").await;
        watch.secret("code", parameter(&callback, "code"));
        let page = other.open(&callback).await;
        watch.told += &format!("{page:?}");
    }
    let left = browser.clone().sign_out(&app).await;
    assert_eq!(left.status, 503, "{left:?}");
    cloud.control().clear_faults();

    // Credentials that are none.
    for junk in [
        "Bearer canary-one-that-is-no-token",
        "Basic Y2FuYXJ5LXR3by10aGF0LWlzLW5v",
        "canary-three-alone-in-its-header",
    ] {
        watch.secret("credential", junk.rsplit(' ').next().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, junk.parse().unwrap());
        Browser::default()
            .send(Method::GET, &app.at("/agents"), headers, &[])
            .await;
    }
    let mut planted = Browser::default();
    planted.jar.insert(
        cookie_name(dialect).into(),
        "canary-four-in-a-session-cookie".into(),
    );
    planted.jar.insert(
        "mastra_login_0123456789abcdef".into(),
        "canary-five-in-a-login-cookie".into(),
    );
    watch.secret("cookie", "canary-four-in-a-session-cookie");
    watch.secret("cookie", "canary-five-in-a-login-cookie");
    planted.fetch(&app.at("/agents")).await;
    for id in ["request-of-a-test", "canary-six\tin a request's id"] {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", id.parse().unwrap());
        Browser::default()
            .send(Method::GET, &app.at("/agents"), headers, &[])
            .await;
    }
    planted.open(&callback).await;
    planted.sign_out(&app).await;
    browser.sign_out(&app).await;
    #[cfg(feature = "metrics")]
    {
        watch.tell(app.auth.metrics());
        watch.told += &app.auth.metrics().render().unwrap();
    }
}

struct State<'a> {
    auth: &'a MastraCloudAuth,
    dialect: Dialect,
}

impl State<'_> {
    /// Everything that is printable about a login.
    fn login(&self) -> impl std::fmt::Debug {
        let cookie = self
            .auth
            .login_cookie("http://localhost:9/cb", "0123456789abcdef0123456789abcdef")
            .unwrap();
        (self.dialect, cookie, self.auth.clone(), self.auth.client())
    }
}
