//! Requests: the whole job of authenticating them, while the Cloud answers anything at any time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{RawCredentials, known};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Authentication, Jitter};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::{Identity, TokenDigest};
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::{Value, json};

use super::answers::config;
use super::script::Script;
use super::world::{Output, START, World, token_of};

/// The longest that an identity counts after the Cloud's word: its fresh time, and the time that it may be stale.
const LONGEST: Duration = Duration::from_secs(90);
const LEEWAY: i64 = 30;
const TOKENS: usize = 3;
/// The life of each token, in seconds, where it is signed.
const LIVES: [i64; TOKENS] = [100, 3000, 3000];

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    V1,
    Pkce,
    Keys,
    KeysAndSession,
}

const MODES: [Mode; 4] = [Mode::V1, Mode::Pkce, Mode::Keys, Mode::KeysAndSession];

/// What the Cloud said last of a token.
#[derive(Clone, Copy)]
enum Said {
    Nothing,
    User(usize, Duration),
    No,
}

struct Signed {
    tokens: [String; TOKENS],
    keys: Value,
}

/// Tokens of two users, and one that another signer signed.
static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let pair = |seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let (own, other) = (pair(1), pair(2));
    let header = base64url(br#"{"alg":"EdDSA","kid":"k"}"#);
    let token = |at: usize| {
        let claims = json!({
            "iss": "https://cloud.mastra.ai", "aud": "demo", "sub": user(at), "iat": START,
            "exp": START + LIVES[at], "sid": format!("ses_{at}"),
        });
        let input = format!("{header}.{}", base64url(claims.to_string().as_bytes()));
        let signer = if at == 2 { &other } else { &own };
        format!(
            "{input}.{}",
            base64url(signer.sign(input.as_bytes()).as_ref())
        )
    };
    let x = base64url(own.public_key().as_ref());
    Signed {
        tokens: [token(0), token(1), token(2)],
        keys: json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] }),
    }
});

fn user(at: usize) -> String {
    format!("usr_{at}")
}

struct Deployment {
    mode: Mode,
    world: World,
    tokens: [String; TOKENS],
    said: [Said; TOKENS],
    has_keys: bool,
    /// Tokens that were signed out or revoked here, which is for longer than any input takes.
    ended: [bool; TOKENS],
    begun: usize,
    /// The token of each request.
    requests: Vec<usize>,
}

/// A deployment, its Cloud and its clock, by a script. A request is signed in only by the word of the Cloud on its token, which is
/// not too old, or by a signature; not after a refusal, a sign-out or a revocation. Where the Cloud is away, no request is signed out.
pub fn authenticate(data: &[u8]) {
    let mut script = Script(data);
    let mut deployment = Deployment::new(MODES[script.below(4)]);
    while !script.is_over() {
        deployment.act(&mut script);
        deployment.check();
    }
}

impl Deployment {
    fn new(mode: Mode) -> Self {
        let mut config = config(if mode == Mode::Pkce { "pkce" } else { "v1" });
        let mut tokens = ["tok-0", "tok-1", "tok-2"].map(str::to_owned);
        if matches!(mode, Mode::Keys | Mode::KeysAndSession) {
            tokens.clone_from(&SIGNED.tokens);
            let options = VerificationOptions {
                mode: if mode == Mode::Keys {
                    VerificationMode::Keys
                } else {
                    VerificationMode::KeysAndSession
                },
                ..VerificationOptions::default()
            };
            config.verification = options.build(&config.base_url, &config.project_id).unwrap();
        }
        Self {
            mode,
            world: World::new(Engine::new(config, Entropy::new([7; 32]))),
            tokens,
            said: [Said::Nothing; TOKENS],
            has_keys: false,
            ended: [false; TOKENS],
            begun: 0,
            requests: Vec::new(),
        }
    }

    fn act(&mut self, script: &mut Script<'_>) {
        let at = script.below(TOKENS);
        match script.below(9) {
            0 | 1 => self.request(at, script.flag()),
            2 | 3 => self.answer(script),
            4 => self.world.wake(at),
            5 => self.pass(Duration::from_millis(u64::from(script.number()))),
            6 => self.pass(Duration::from_secs(u64::from(script.byte()))),
            7 => self.sign_out(at),
            _ => self.revoke(at),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.world.now = self.world.now.plus(time);
    }

    fn request(&mut self, at: usize, is_cookie: bool) {
        let engine = &self.world.engine;
        let token = &self.tokens[at];
        let bearer = (!is_cookie).then(|| format!("Bearer {token}"));
        let cookie = is_cookie.then(|| format!("__Host-mastra_session={token}"));
        let credentials = Credentials::read(engine, bearer.as_deref(), cookie.as_deref()).unwrap();
        let request = Authenticate::new(engine, credentials.into_owned());
        let raw = RawCredentials {
            authorization: bearer.as_deref(),
            cookie: cookie.as_deref().map(str::as_bytes),
            ..RawCredentials::default()
        };
        if let Ok(identity) = known(engine, &raw, self.world.now) {
            self.is_good(at, &identity);
        }
        let number = self.requests.len();
        self.requests.push(at);
        let task = request.into_task(Jitter(1));
        self.world
            .start(task.map(move |verdict| Output::Verdict(number, verdict)));
    }

    /// Answers one of the calls.
    fn answer(&mut self, script: &mut Script<'_>) {
        let calls = self.world.calls();
        if calls.is_empty() {
            return;
        }
        let number = script.below(calls.len());
        let (call, token) = (calls[number].call(), token_of(calls[number]));
        let at = self
            .tokens
            .iter()
            .position(|own| Some(own.as_str()) == token);
        let delivery = match script.below(8) {
            0..=2 => self.yes(call, at),
            3 => {
                let status = [401, 403, 404][script.below(3)];
                if let Some(at) = at.filter(|_| is_question(call)) {
                    self.said[at] = Said::No;
                }
                json_answer(
                    status,
                    &json!({ "ok": false, "code": "no", "message": "no" }),
                )
            }
            4 => {
                let status = [500, 502, 503, 504, 429, 408, 425][script.below(7)];
                json_answer(status, &json!({ "ok": false }))
            }
            5 => Err([
                TransportError::Timeout,
                TransportError::Connect,
                TransportError::Closed,
                TransportError::TooLarge,
                TransportError::Stale,
            ][script.below(5)]),
            6 => Ok(Response::new(
                [200, 401, 503][script.below(3)],
                b"<html>".to_vec(),
            )),
            _ => json_answer(
                200,
                &json!({ "ok": true, "data": { "user": { "id": 7 } }, "sub": 7 }),
            ),
        };
        self.world.answer(number, delivery);
    }

    fn yes(&mut self, call: CloudCall, at: Option<usize>) -> Delivery {
        let Some(at) = at else {
            self.has_keys |= call == CloudCall::KeySet;
            return json_answer(200, &SIGNED.keys);
        };
        if is_question(call) {
            self.said[at] = Said::User(at, self.world.now.monotonic);
        }
        let id = user(at);
        let data = match (call, self.mode) {
            (CloudCall::VerifyToken, Mode::Pkce) => {
                return json_answer(200, &json!({ "sub": id, "role": "member" }));
            }
            (CloudCall::VerifyToken, _) => json!({ "user": { "id": id, "roles": ["member"] } }),
            (CloudCall::ValidateSession, _) => json!({ "session": {
                "id": format!("ses_{at}"), "user_id": id, "created_at": START * 1000, "expires_at": (START + LIVES[at]) * 1000,
            } }),
            _ => json!({}),
        };
        json_answer(200, &json!({ "ok": true, "data": data }))
    }

    fn sign_out(&mut self, at: usize) {
        let (engine, token) = (
            &self.world.engine,
            SessionToken::parse(&self.tokens[at]).unwrap(),
        );
        let logout = Logout::new(
            Arc::clone(engine),
            token,
            Effort::Once,
            self.world.now,
            Jitter(1),
        );
        self.ended[at] = true;
        self.world.start(logout.into_task().map(|_| Output::Over));
    }

    /// A revocation of another instance.
    fn revoke(&mut self, at: usize) {
        let engine = &self.world.engine;
        let digest = base64url(TokenDigest::new(engine.config(), &self.tokens[at]).as_bytes());
        let now = self.world.now;
        let (from, until) = (
            now.wall.unix_millis(),
            now.wall
                .plus(Duration::from_secs(24 * 60 * 60))
                .unix_millis(),
        );
        let text = format!("1 {} token {from} {until} {digest}", engine.namespace());
        let applied = engine.apply_texts([&*text], now);
        assert_eq!(applied.unreadable, 0);
        self.ended[at] = true;
    }

    fn check(&mut self) {
        for (number, verdict) in std::mem::take(&mut self.world.verdicts) {
            let at = self.requests[number];
            match verdict.answer {
                Authentication::Authenticated(identity) => self.is_good(at, &identity),
                Authentication::Anonymous => panic!("it had a credential"),
                Authentication::Rejected(error) => {
                    let is_no = matches!(self.said[at], Said::No) || self.ended[at];
                    let is_signed = matches!(self.mode, Mode::Keys | Mode::KeysAndSession);
                    assert!(is_no || is_signed && self.is_bad(at), "{error}");
                }
                Authentication::Unavailable(error) => assert!(!error.is_refusal()),
            }
            self.begun += 1;
        }
    }

    /// What a request is signed in as.
    fn is_good(&self, at: usize, identity: &Identity) {
        assert_eq!(identity.user().id().as_str(), user(at));
        assert_eq!(identity.user().session_token().expose(), self.tokens[at]);
        assert!(!self.ended[at], "it was ended");
        self.is_proven(at);
    }

    /// Whether a signed token is forged, or has expired.
    fn is_bad(&self, at: usize) -> bool {
        let now = self.world.now.wall.unix_millis();
        at == 2 || now >= (START + LIVES[at]) * 1000
    }

    fn is_proven(&self, at: usize) {
        let now = self.world.now;
        match (self.mode, self.said[at]) {
            (Mode::V1 | Mode::Pkce, Said::User(whose, when)) => {
                assert!(whose == at && now.monotonic <= when + LONGEST);
            }
            (Mode::V1 | Mode::Pkce, _) => panic!("nothing says so"),
            (Mode::Keys | Mode::KeysAndSession, said) => {
                assert!(at != 2 && self.has_keys);
                assert!(now.wall.unix_millis() < (START + LIVES[at] + LEEWAY) * 1000);
                let is_refused = matches!(said, Said::No);
                assert!(self.mode == Mode::Keys || !is_refused);
            }
        }
    }
}

/// Whether a call asks if a token is good.
fn is_question(call: CloudCall) -> bool {
    matches!(call, CloudCall::VerifyToken | CloudCall::ValidateSession)
}

#[allow(clippy::unnecessary_wraps, reason = "failures stand beside it")]
fn json_answer(status: u16, body: &Value) -> Delivery {
    Ok(Response::new(status, body.to_string().into_bytes()))
}
