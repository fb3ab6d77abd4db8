//! A deployment, a clock and a Cloud whose answers are written beforehand, all in memory.

#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod host;
pub(crate) mod signer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec, SetCookie};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::engine::{CheckedSignature, Engine, SignatureCheck, SignedIn};
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::callback::{Callback, OpenedLogin};
use mastra_auth_cloud_core::flow::fetch_keys::fetch_keys;
use mastra_auth_cloud_core::flow::permissions::{FetchPermissions, PermissionsResult};
use mastra_auth_cloud_core::flow::refresh_session::refresh_session;
use mastra_auth_cloud_core::flow::sign_out::{Logout, SignOut};
use mastra_auth_cloud_core::flow::validate_session::{LiveSession, validate_session};
use mastra_auth_cloud_core::flow::{
    Authentication, Counting, Event, Fetched, Finished, Jitter, Renewal, Shared, Step as CoreStep,
    Task, Work, login,
};
use mastra_auth_cloud_core::http::{Delivery, Request, Response, TransportError};
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::{Now, Timestamp};
use mastra_auth_cloud_core::url::{BaseUrl, RedirectUri};
use serde_json::{Value, json};

pub(crate) const START: i64 = 1_769_594_400;
pub(crate) const CALLBACK: &str = "https://app.example.com/api/auth/sso/callback";
pub(crate) const SESSION: &str = "__Host-mastra_session";

pub(crate) fn at(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(START),
        monotonic: Duration::ZERO,
    }
    .plus(Duration::from_secs(seconds))
}

pub(crate) fn config(dialect: Dialect) -> Config {
    let mut config = Config::new(
        BaseUrl::parse(DEFAULT_BASE_URL).unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    config.dialect = dialect;
    // Tests say what is asked and when; what is asked ahead has tests of its own.
    config.policy.refresh_early = Duration::ZERO;
    config
}

pub(crate) fn engine(dialect: Dialect) -> Arc<Engine> {
    open(config(dialect), Entropy::new([7; 32]))
}

pub(crate) fn v1() -> Arc<Engine> {
    engine(Dialect::V1)
}

pub(crate) fn pkce() -> Arc<Engine> {
    engine(Dialect::Pkce)
}

/// Whether a host checks signatures, as in the tests `at_host`.
fn asks_host() -> bool {
    env!("CARGO_CRATE_NAME") == "at_host"
}

/// The state of a deployment.
pub(crate) fn open(config: Config, entropy: Entropy) -> Arc<Engine> {
    if asks_host() {
        Engine::asking_host(config, entropy)
    } else {
        Engine::new(config, entropy)
    }
}

/// Runs a check, with the host's part where it is the host's.
pub(crate) fn checked(check: SignatureCheck) -> CheckedSignature {
    if !asks_host() {
        return check.run();
    }
    match check.for_host() {
        Ok(check) => {
            let verdict = host::verdict(check.signature());
            check.finish(verdict)
        }
        Err(checked) => checked,
    }
}

/// Resident kilobytes of this process, on Linux.
#[allow(
    clippy::disallowed_methods,
    reason = "what is measured is read from the system"
)]
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What one request looked like.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) body: Value,
    pub(crate) timeout: Duration,
}

/// What came of a flow: its output, what it sent, how long it waited between.
#[derive(Debug)]
pub(crate) struct Ran<T> {
    pub(crate) output: T,
    pub(crate) sent: Vec<Sent>,
    pub(crate) waits: Vec<Duration>,
}

/// Runs a task that borrows, with these answers; all of them must be used.
pub(crate) fn script<T>(
    task: Task<'_, T>,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Ran<T> {
    let mut script = Script::new(answers);
    let output = script.drive(task, now);
    script.end(output)
}

impl<T> Ran<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Ran<U> {
        Ran {
            output: map(self.output),
            sent: self.sent,
            waits: self.waits,
        }
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.sent.iter().map(|sent| sent.path.as_str()).collect()
    }
}

/// The Cloud's end: the answers that are left, and what was asked of it.
#[derive(Default)]
struct Script {
    answers: VecDeque<Delivery>,
    sent: Vec<Sent>,
    waits: Vec<Duration>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Delivery>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Runs a task, with what it shares, and at the end what it spawned. Drivers do not wait for the latter.
    fn drive<T>(&mut self, task: Task<'_, T>, now: Now) -> T {
        let mut spawned = Vec::new();
        let output = self.run(task, now, &mut spawned);
        for work in spawned {
            self.run(work.into_task(), now, &mut Vec::new());
        }
        output
    }

    fn run<T>(&mut self, mut task: Task<'_, T>, now: Now, spawned: &mut Vec<Work>) -> T {
        let mut event = Event::Start;
        loop {
            (event, task) = match task.step(event, now) {
                CoreStep::Send(request, rest) => {
                    self.sent.push(Sent::of(&request));
                    let answer = self.answers.pop_front().expect("one answer more");
                    (Event::Delivered(answer), rest)
                }
                CoreStep::Wait(time, rest) => {
                    self.waits.push(time);
                    (Event::Woken, rest)
                }
                CoreStep::Share(work, rest) => (
                    Event::Shared(self.run(work.into_task(), now, spawned)),
                    rest,
                ),
                CoreStep::Spawn(work, rest) => {
                    spawned.push(work);
                    (Event::Start, rest)
                }
                CoreStep::Check(check, rest) => (Event::Checked(checked(check)), rest),
                // As where Redis is away.
                CoreStep::Redis(_, rest) => (Event::Lost, rest),
                CoreStep::Done(output) => return output,
            };
        }
    }

    /// Every answer must be used.
    fn end<T>(self, output: T) -> Ran<T> {
        assert!(self.answers.is_empty(), "{} too many", self.answers.len());
        Ran {
            output,
            sent: self.sent,
            waits: self.waits,
        }
    }
}

impl Sent {
    pub(crate) fn of(request: &Request) -> Self {
        let header = |wanted| {
            let mut headers = request.headers();
            headers
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let bearer = header("authorization").map(|value| value.replace("Bearer ", ""));
        let cookie = header("cookie").map(str::to_owned);
        Self {
            path: request.url().replacen(DEFAULT_BASE_URL, "", 1),
            bearer,
            cookie,
            body: request
                .body()
                .map_or(Value::Null, |body| serde_json::from_slice(body).unwrap()),
            timeout: request.timeout(),
        }
    }
}

/// A task that a test steps by hand, with what it shares.
#[derive(Debug)]
pub(crate) struct Stepped<T> {
    task: Option<Task<'static, T>>,
    /// Work that waits for the work after it.
    work: Vec<Task<'static, Finished>>,
}

/// What a task did that a test steps by hand.
#[derive(Debug)]
pub(crate) enum Step<T> {
    Send(Request),
    Wait(Duration),
    Done(T),
}

impl<T> Stepped<T> {
    pub(crate) fn step(&mut self, mut event: Event, now: Now) -> Step<T> {
        loop {
            if let Some(work) = self.work.pop() {
                event = match work.step(event, now) {
                    CoreStep::Send(request, rest) => {
                        self.work.push(rest);
                        return Step::Send(request);
                    }
                    CoreStep::Wait(time, rest) => {
                        self.work.push(rest);
                        return Step::Wait(time);
                    }
                    CoreStep::Done(finished) => Event::Shared(finished),
                    CoreStep::Check(check, rest) => {
                        self.work.push(rest);
                        Event::Checked(checked(check))
                    }
                    CoreStep::Share(work, rest) => {
                        self.work.extend([rest, work.into_task()]);
                        Event::Start
                    }
                    other => panic!("{other:?}"),
                };
                continue;
            }
            let task = self.task.take().expect("it goes on");
            let rest;
            (event, rest) = match task.step(event, now) {
                CoreStep::Send(request, rest) => {
                    self.task = Some(rest);
                    return Step::Send(request);
                }
                CoreStep::Wait(time, rest) => {
                    self.task = Some(rest);
                    return Step::Wait(time);
                }
                CoreStep::Share(work, rest) => {
                    self.work.push(work.into_task());
                    (Event::Start, rest)
                }
                CoreStep::Spawn(_, rest) => (Event::Start, rest),
                CoreStep::Check(check, rest) => (Event::Checked(checked(check)), rest),
                CoreStep::Redis(..) => panic!("no sessions are shared"),
                CoreStep::Done(output) => return Step::Done(output),
            };
            self.task = Some(rest);
        }
    }
}

impl<T> From<Shared<T>> for Stepped<T> {
    fn from(shared: Shared<T>) -> Self {
        shared.into_task().into()
    }
}

impl From<Logout> for Stepped<SignOut> {
    fn from(logout: Logout) -> Self {
        logout.into_task().into()
    }
}

impl From<Callback> for Stepped<Result<SignedIn, CloudApiError>> {
    fn from(callback: Callback) -> Self {
        callback.into_task().map(|finished| finished.result).into()
    }
}

impl<T> From<Task<'static, T>> for Stepped<T> {
    fn from(task: Task<'static, T>) -> Self {
        Self {
            task: Some(task),
            work: Vec::new(),
        }
    }
}

pub(crate) fn refreshing(engine: &Arc<Engine>, token: SessionToken) -> Stepped<Renewal> {
    refresh_session(engine, token, Jitter(1)).into()
}

pub(crate) fn validating(engine: &Arc<Engine>, token: SessionToken) -> Stepped<LiveSession> {
    validate_session(engine, token, Jitter(1)).into()
}

pub(crate) fn fetching(engine: &Arc<Engine>) -> Stepped<Fetched> {
    fetch_keys(engine, Jitter(1)).into()
}

pub(crate) fn looking_up(engine: &Arc<Engine>, user: &CloudUser) -> Stepped<PermissionsResult> {
    FetchPermissions::new(Arc::clone(engine), user)
        .into_shared(Jitter(1))
        .into()
}

/// What a request with this token is answered.
pub(crate) fn verifying(engine: &Arc<Engine>, token: &SessionToken) -> Stepped<Authentication> {
    let credentials = Credentials::token(token.expose()).into_owned();
    let request = Authenticate::new(engine, credentials).counting(Counting::Never);
    let task = request.into_task(Jitter(1));
    task.map(|verdict| verdict.answer).into()
}

/// Runs a task with these answers; all of them must be used.
pub(crate) fn run<T>(
    task: impl Into<Stepped<T>>,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Ran<T> {
    let mut script = Script::new(answers);
    let task = task.into().task.expect("it has not begun");
    let output = script.drive(task, now);
    script.end(output)
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
pub(crate) fn answer(status: u16, body: &Value) -> Delivery {
    Ok(Response::new(status, body.to_string().into_bytes()))
}

pub(crate) fn data(data: &Value) -> Delivery {
    answer(200, &json!({ "ok": true, "data": data }))
}

pub(crate) fn status(status: u16) -> Delivery {
    answer(status, &json!({ "ok": false }))
}

pub(crate) fn lost(error: TransportError) -> Delivery {
    Err(error)
}

pub(crate) fn user(id: &str, roles: &[&str]) -> Value {
    json!({ "id": id, "email": "ada@example.com", "created_at": "2026-01-28T10:00:00Z", "roles": roles })
}

pub(crate) fn verified(id: &str, roles: &[&str]) -> Delivery {
    data(&json!({ "user": user(id, roles) }))
}

pub(crate) fn session(id: &str, user_id: &str, seconds: i64) -> Value {
    json!({
        "id": id,
        "user_id": user_id,
        "created_at": START * 1000,
        "expires_at": (START + seconds) * 1000,
    })
}

/// What the v1 exchange answers.
pub(crate) fn exchanged(id: &str, token: &str) -> Delivery {
    let session_id = id.replace("usr_", "ses_");
    data(&json!({ "user": user(id, &[]), "session": session(&session_id, id, 3600), "jwt": token }))
}

/// A token with these claims, signed by no key.
pub(crate) fn jwt(claims: &Value) -> String {
    format!("e30.{}.c2ln", base64url(claims.to_string().as_bytes()))
}

pub(crate) fn token(text: &str) -> SessionToken {
    SessionToken::parse(text).unwrap()
}

pub(crate) fn state(text: &str) -> State {
    State::parse(text, None).unwrap()
}

pub(crate) fn redirect_uri() -> RedirectUri {
    RedirectUri::parse(CALLBACK).unwrap()
}

/// The pair of a `Set-Cookie` as a browser sends it back.
pub(crate) fn pair(cookie: &SetCookie) -> &str {
    cookie.expose().split(';').next().unwrap()
}

/// Begins a sign-in now: the login page's URL, and the cookie as the browser sends it back.
pub(crate) fn begin(engine: &Engine, state_text: &str) -> (String, String) {
    let (state, redirect_uri) = (state(state_text), redirect_uri());
    let cookie = login::cookie(engine, &redirect_uri, &state, at(0)).unwrap();
    let url = login::url(engine, &redirect_uri, &state).unwrap();
    (url.to_string(), pair(&cookie).to_owned())
}

pub(crate) fn callback(
    engine: &Arc<Engine>,
    state_text: &str,
    code: &str,
    cookies: &str,
    now: Now,
) -> Result<Callback, CloudApiError> {
    let login = OpenedLogin::new(engine, state(state_text), cookies, now);
    Callback::new(Arc::clone(engine), login, code, cookies, now, Jitter(1))
}

/// Signs a user in from begin to end.
pub(crate) fn sign_in(engine: &Arc<Engine>, id: &str, token: &str) -> SignedIn {
    let ran = sign_in_with(engine, id, at(0), [exchanged(id, token)]);
    ran.output.unwrap()
}

/// A sign-in from begin to end, with these answers.
pub(crate) fn sign_in_with(
    engine: &Arc<Engine>,
    id: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Ran<Result<SignedIn, CloudApiError>> {
    let state = format!("state-of-{id}");
    let (_, cookie) = begin(engine, &state);
    let code = format!("code-of-{id}");
    let flow = callback(engine, &state, &code, &cookie, now).unwrap();
    run(flow, now, answers)
}

/// Authenticates a request with these headers.
pub(crate) fn authenticate(
    engine: &Arc<Engine>,
    authorization: Option<&str>,
    cookie: Option<&str>,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Ran<Authentication> {
    let credentials = Credentials::read(engine, authorization, cookie).unwrap();
    let request = Authenticate::new(engine, credentials);
    let mut script = Script::new(answers);
    let verdict = script.drive(request.into_task(Jitter(1)), now);
    script.end(verdict.answer)
}

/// An answer in one line.
pub(crate) fn said(answer: &Authentication) -> String {
    match answer {
        Authentication::Authenticated(identity) => format!("user {}", identity.user().id()),
        Authentication::Anonymous => "anonymous".to_owned(),
        Authentication::Rejected(error) => format!("rejected {}", error.code()),
        Authentication::Unavailable(error) => format!("unavailable {}", error.code()),
    }
}

/// What a request with this bearer is answered, and how many calls it took.
pub(crate) fn with_bearer(
    engine: &Arc<Engine>,
    token: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> (String, usize) {
    let ran = authenticate(engine, Some(&format!("Bearer {token}")), None, now, answers);
    (said(&ran.output), ran.sent.len())
}
