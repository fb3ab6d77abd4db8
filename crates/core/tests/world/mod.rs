//! A deployment, a clock and a Cloud whose answers are written beforehand, all in memory.

#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod signer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::cloud::dialect::Dialect;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec, SetCookie};
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Background, Credentials, Next};
use mastra_auth_cloud_core::flow::callback::{Callback, SignedIn};
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::flow::{Event, Flow, Jitter, Step, login};
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
    Engine::new(config(dialect), Entropy::new([7; 32]))
}

pub(crate) fn v1() -> Arc<Engine> {
    engine(Dialect::V1)
}

pub(crate) fn pkce() -> Arc<Engine> {
    engine(Dialect::Pkce)
}

/// What one request looked like.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
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

impl<T> Ran<T> {
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

    fn drive<F: Flow>(&mut self, mut flow: F, now: Now) -> F::Output {
        let mut event = Event::Start;
        loop {
            event = match flow.step(event, now) {
                Step::Send(request) => {
                    self.sent.push(Sent::of(&request));
                    Event::Delivered(self.answers.pop_front().expect("one answer more"))
                }
                Step::Wait(time) => {
                    self.waits.push(time);
                    Event::Woken
                }
                Step::Done(output) => return output,
            }
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
    fn of(request: &Request) -> Self {
        let bearer = request
            .headers()
            .find(|(name, _)| *name == "authorization")
            .map(|(_, value)| value.replace("Bearer ", ""));
        Self {
            path: request.url().replacen(DEFAULT_BASE_URL, "", 1),
            bearer,
            body: request
                .body()
                .map_or(Value::Null, |body| serde_json::from_slice(body).unwrap()),
            timeout: request.timeout(),
        }
    }
}

/// Runs a flow with these answers; all of them must be used.
pub(crate) fn run<F: Flow>(
    flow: F,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Ran<F::Output> {
    let mut script = Script::new(answers);
    let output = script.drive(flow, now);
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

/// A token that says this of itself, signed by nobody.
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
    let state = state(state_text);
    Callback::new(Arc::clone(engine), state, code, cookies, now, Jitter(1))
}

/// Signs somebody in from begin to end.
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
) -> Ran<Answer> {
    let credentials = Credentials::read(engine, authorization, cookie).unwrap();
    let mut request = Authenticate::new(engine, credentials);
    let mut script = Script::new(answers);
    let mut last = None;
    loop {
        match request.next(last.take(), now, Jitter(1)) {
            Next::Identify(flow) => last = Some(script.drive(flow, now)),
            Next::Keys(flow) => _ = script.drive(flow, now),
            Next::Done(answer) => {
                // As drivers do, though they do not wait for it.
                match request.take_background() {
                    None => {}
                    Some(Background::Identify(flow)) => _ = script.drive(flow, now),
                    Some(Background::Keys(flow)) => _ = script.drive(flow, now),
                }
                return script.end(answer);
            }
        }
    }
}

/// An answer in one line.
pub(crate) fn said(answer: &Answer) -> String {
    match answer {
        Answer::Authenticated(identity) => format!("user {}", identity.user().id()),
        Answer::Anonymous => "anonymous".to_owned(),
        Answer::Rejected(error) => format!("rejected {}", error.code()),
        Answer::Unavailable(error) => format!("unavailable {}", error.code()),
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
