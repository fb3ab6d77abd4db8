//! A Cloud, a provider and a clock of their own. One run after another.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mastra_auth_cloud::login::ReturnPath;
use mastra_auth_cloud::program::Platform;
use mastra_auth_cloud::transport::{BaseUrl, ReqwestTransport};
use mastra_auth_cloud::{
    AuthBuilder, Authentication, Dialect, MastraCloudAuth, Policy, SessionToken, VerificationMode,
    VerificationOptions,
};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud, Options, Place, WireFault};
use tokio::runtime::{Builder, Runtime};

use crate::common::{Browser, cloud_with, headers, parameter, session_of, state_name, until};
use crate::logs;
use crate::operations::{Login, Operation, redirect_uri, verifier};
use crate::tls::{Authority, Certificate, Front};

/// The time-out of each call. No test waits for it: the clock is moved on.
const TIMEOUT: Duration = Duration::from_hours(10);
/// More calls than any operation makes one after another.
const CALLS: usize = 12;

pub(crate) struct Lane {
    runtime: Runtime,
    pub(crate) scene: Scene,
}

/// What breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    /// An answer of an endpoint, or a request to it.
    Wire(&'static str, Place, WireFault),
    /// As one that halts, and goes on before the time-out.
    Delay(&'static str, Place),
    /// The certificate of the Cloud.
    Certificate(Certificate),
}

pub(crate) struct Scene {
    pub(crate) dialect: Dialect,
    pub(crate) cloud: LocalCloud,
    front: Option<Front>,
    pub(crate) auth: MastraCloudAuth,
    pub(crate) platform: Platform,
    transport: ReqwestTransport,
    browser: Browser,
}

impl Lane {
    /// With TLS, the process trusts the authority alone.
    pub(crate) fn new(dialect: Dialect, tls: Option<&Arc<Authority>>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let scene = runtime.block_on(async {
            // An answer that rotates a session and breaks ends it, unless the platform takes the old one for a moment.
            let leeway = Duration::from_mins(10);
            let change = |options: &mut Options| options.platform.rotation_leeway = leeway;
            let cloud = cloud_with(dialect, change).await;
            let front = tls.map(|authority| Front::start(authority, cloud.port()));
            let url = front.as_ref().map_or(cloud.url(), Front::url);
            let transport = ReqwestTransport::new(&BaseUrl::parse(url).unwrap()).unwrap();
            let auth = builder(url, dialect, &transport).build().unwrap();
            let platform = Platform::new(url).unwrap();
            let browser = Browser::default();
            Scene {
                dialect,
                cloud,
                front,
                auth,
                platform,
                transport,
                browser,
            }
        });
        Self { runtime, scene }
    }

    /// Runs one operation under one fault, and answers how it ended.
    pub(crate) fn run(&self, what: &str, operation: Operation, broken: Broken) -> &'static str {
        self.runtime
            .block_on(self.scene.run(what, operation, broken))
    }
}

fn builder(url: &str, dialect: Dialect, transport: &ReqwestTransport) -> AuthBuilder {
    let mut policy = Policy::of(dialect);
    policy.call_timeout = TIMEOUT;
    policy.exchange_timeout = TIMEOUT;
    policy.fresh = Duration::ZERO;
    policy.stale_if_error = Duration::ZERO;
    policy.refused = Duration::ZERO;
    policy.breaker_failures = u32::MAX;
    let options = MastraCloudAuth::builder()
        .base_url(url)
        .dialect(dialect)
        .policy(policy)
        .transport(transport.clone());
    match dialect {
        // It has no projects.
        Dialect::Platform => options,
        _ => options.project_id("demo"),
    }
}

/// Moves the clock of this thread's timers.
async fn move_on(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

impl Scene {
    async fn run(&self, what: &str, operation: Operation, broken: Broken) -> &'static str {
        let control = self.cloud.control();
        control.reset();
        let session = session_of(&self.cloud, "member");
        let ready = operation.prepare(self, &session).await;
        match broken {
            Broken::Wire(endpoint, at, fault) => {
                control.set_fault(Fault::new(FaultKind::Wire { at, fault }).on(endpoint));
            }
            Broken::Delay(endpoint, at) => {
                let fault = WireFault::Hold;
                control.set_fault(Fault::new(FaultKind::Wire { at, fault }).on(endpoint));
            }
            Broken::Certificate(certificate) => self.front().present(certificate).await,
        }
        let struck = self.struck();
        let working = operation.work(self, &session, &ready);
        let end = self.ended(what, broken, working).await;
        assert!(self.struck() > struck, "{what}: was not struck");
        control.clear_faults();
        if let Broken::Certificate(_) = broken {
            self.front().present(Certificate::Good).await;
        }
        let whole = match broken {
            // The newer session had arrived with the headers.
            Broken::Wire(
                _,
                Place::Body(_),
                WireFault::Hold | WireFault::Cut | WireFault::Reset,
            ) if operation == Operation::Refresh && self.dialect == Dialect::Platform => {
                &["good", "unavailable"][..]
            }
            Broken::Wire(_, _, WireFault::Hold | WireFault::Cut | WireFault::Reset)
            | Broken::Certificate(_) => &["unavailable"][..],
            Broken::Wire(_, _, WireFault::Repeat) | Broken::Delay(..) => &["good"],
            Broken::Wire(..) => &["good", "unavailable"],
        };
        // The first call ended the session, and its answer broke: the second one is told so.
        let is_gone = end.what == "gone" && whole.len() == 2 && operation.ends_session();
        assert!(whole.contains(&end.what) || is_gone, "{what}: {end:?}");
        self.after(what, operation, &session, end.what).await;
        if let Some(program) = &ready.program {
            program.goes_on(what, operation).await;
        }
        let (said, log) = (format!("{end:?}"), logs::take());
        let is_told = log.contains("sign-in failed") || end.what == "good";
        assert!(is_told || !operation.is_callback(), "{what}: not told");
        let verifier = verifier();
        let secrets = ready.secrets().chain([session.expose(), verifier.expose()]);
        says_no_secret(what, &said, secrets.clone());
        says_no_secret(what, &log, secrets);
        end.what
    }

    fn front(&self) -> &Front {
        self.front.as_ref().unwrap()
    }

    /// How often a fault struck.
    fn struck(&self) -> u64 {
        self.cloud.requests("wire") + self.front.as_ref().map_or(0, Front::wrong)
    }

    /// The result of the work. While an answer halts, the clock is moved on past the time-out of its call.
    async fn ended<T>(&self, what: &str, broken: Broken, work: impl Future<Output = T>) -> T {
        let (mut work, begun) = (pin!(work), Instant::now());
        let first = self.struck();
        let mut seen = first;
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
            let struck = self.struck();
            if struck > seen {
                seen = struck;
                match broken {
                    Broken::Wire(_, _, WireFault::Hold) => {
                        move_on(TIMEOUT + Duration::from_secs(1)).await;
                    }
                    Broken::Delay(..) => self.cloud.control().clear_faults(),
                    _ => {}
                }
            }
            // The waits between two calls end soon too.
            move_on(Duration::from_millis(20)).await;
            let calls = usize::try_from(struck - first).unwrap();
            assert!(calls <= CALLS, "{what}: still calls");
            let is_over = begun.elapsed() > Duration::from_mins(1);
            assert!(!is_over, "{what}: not within its time-out");
        }
    }

    /// The session that was there is good, unless the operation ends it, and another person is that person.
    async fn after(&self, what: &str, operation: Operation, session: &SessionToken, end: &str) {
        if operation.ends_session() {
            if end != "unavailable" {
                let sessions = self.cloud.control().sessions();
                assert!(sessions.iter().all(|one| one.ended_at.is_some()), "{what}");
            }
        } else {
            self.is("usr_mei", session, what).await;
        }
        if end != "good" && operation.leaves_session(self.dialect) {
            let alive = || async {
                let sessions = self.cloud.control().sessions();
                sessions.iter().filter(|one| one.ended_at.is_none()).count()
            };
            until("the session that no browser got has ended", || async {
                alive().await == 1
            })
            .await;
        }
        let other = session_of(&self.cloud, "viewer");
        self.is("usr_victor", &other, what).await;
    }

    async fn is(&self, id: &str, session: &SessionToken, what: &str) {
        let answer = self.authenticate(session).await;
        let Authentication::Authenticated(identity) = &answer else {
            panic!("{what}: afterwards {answer:?}")
        };
        assert_eq!(identity.user().id().as_str(), id, "{what}");
    }

    /// As a request of a browser that has this session.
    pub(crate) async fn authenticate(&self, session: &SessionToken) -> Authentication {
        let cookie = format!("{}={}", self.auth.cookie_name(), session.expose());
        let request = headers(&[("cookie", &cookie)]);
        self.auth.authenticate_and_renew(&request).await.0
    }

    /// A provider that has fetched no key.
    pub(crate) fn by_keys(&self) -> MastraCloudAuth {
        let url = self.front.as_ref().map_or(self.cloud.url(), Front::url);
        let options = builder(url, self.dialect, &self.transport);
        let options = options.verification(VerificationOptions {
            mode: VerificationMode::Keys,
            issuer: Some(self.cloud.url().to_owned()),
            ..VerificationOptions::default()
        });
        options.build().unwrap()
    }

    /// The address of the callback, once the member was picked.
    pub(crate) async fn callback(&self, login: &str) -> String {
        let mut browser = self.browser.clone();
        browser.pick(&self.cloud, login, "member").await
    }

    /// From the login page to the callback, which is not opened.
    pub(crate) async fn almost(&self) -> Login {
        let start = self
            .auth
            .begin_login(&redirect_uri(), ReturnPath::default(), None);
        let start = start.unwrap();
        let callback = self.callback(start.location.expose()).await;
        let cookie = start.cookies[0].expose().split(';').next().unwrap();
        Login {
            code: parameter(&callback, "code"),
            state: parameter(&callback, state_name(self.dialect)),
            cookie: cookie.to_owned(),
        }
    }
}

/// Looks for the beginning, the middle and the end of each secret, for an address, and for whatever looks as a secret of the Cloud.
fn says_no_secret<'a>(what: &str, said: &str, secrets: impl Iterator<Item = &'a str>) {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    for prefix in ["eyJ", "Fe26.2*1*", "rt_", "sk_", "code_"] {
        let found = said.match_indices(prefix).any(|(at, _)| {
            let rest = &said.as_bytes()[at + prefix.len()..];
            rest.iter().take_while(|byte| is_token(byte)).count() > 16
        });
        assert!(!found, "{what}: a secret ({prefix}) in {said}");
    }
    assert!(
        !said.contains("@example.com"),
        "{what}: an address in {said}"
    );
    for secret in secrets {
        let secret = secret.as_bytes();
        let size = secret.len().min(16);
        for from in [0, (secret.len() - size) / 2, secret.len() - size] {
            let part = std::str::from_utf8(&secret[from..from + size]).unwrap();
            assert!(!said.contains(part), "{what}: a secret in {said}");
        }
    }
}
