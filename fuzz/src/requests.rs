//! Requests: the whole job of authenticating them, of their permissions and their sessions, while the Cloud answers anything at
//! any time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{RawCredentials, known_for};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher, Verdict};
use mastra_auth_cloud_core::flow::permissions::FetchPermissions;
use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::flow::{Authentication, Jitter, Renewal, Task};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::{Identity, TokenDigest};
use mastra_auth_cloud_core::time::Now;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::{Value, json};

use super::answers::config;
use super::script::Script;
use super::world::{Answer, Output, START, World, token_of};

/// The longest that an identity counts after the Cloud's word: its fresh time, and the time that it may be stale.
const LONGEST: Duration = Duration::from_secs(90);
const LEEWAY: i64 = 30;
const PEOPLE: usize = 3;
/// The tokens of each person: one from the start, and those that the Cloud issues in its place. A token is its number: those of one
/// person stand together.
const EACH: usize = 4;
const TOKENS: usize = PEOPLE * EACH;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    V1,
    Pkce,
    Keys,
    KeysAndSession,
}

/// Each with whether the tokens are signed, and so state their end.
const MODES: [(Mode, bool); 6] = [
    (Mode::V1, false),
    (Mode::Pkce, false),
    (Mode::Keys, true),
    (Mode::KeysAndSession, true),
    (Mode::V1, true),
    (Mode::Pkce, true),
];

/// What the Cloud said last of a token, or of its session.
#[derive(Clone, Copy, PartialEq)]
enum Said {
    Nothing,
    User(Duration),
    /// A refusal that is not 401: a refresh leaves a token that is still good alone then.
    Unlikely,
    No,
}

/// Of a key that takes long to check with (RFC 7517 appendix A.1).
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

struct Signed {
    tokens: [String; TOKENS],
    keys: Value,
}

/// Tokens of two users, and of one whom another signer signed.
static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let pair = |seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let (own, other) = (pair(1), pair(2));
    let header = base64url(br#"{"alg":"EdDSA","kid":"k"}"#);
    let token = |token: usize| {
        let claims = json!({
            "iss": "https://cloud.mastra.ai", "aud": "demo", "sub": user(token), "iat": START,
            "exp": end(token), "sid": format!("ses_{}", person(token)),
        });
        let input = format!("{header}.{}", base64url(claims.to_string().as_bytes()));
        let signer = if is_forged(token) { &other } else { &own };
        format!(
            "{input}.{}",
            base64url(signer.sign(input.as_bytes()).as_ref())
        )
    };
    let x = base64url(own.public_key().as_ref());
    Signed {
        tokens: std::array::from_fn(token),
        keys: json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x },
            { "kty": "RSA", "kid": "long", "n": MODULUS, "e": "AQAB" },
        ] }),
    }
});

const fn person(token: usize) -> usize {
    token / EACH
}

fn user(token: usize) -> String {
    format!("usr_{}", person(token))
}

/// The end of a token, where it is signed.
fn end(token: usize) -> i64 {
    let life = if person(token) == 0 { 100 } else { 3000 };
    START + life * i64::try_from(token % EACH + 1).unwrap()
}

/// Whether the Cloud issues it in place of another.
const fn is_newer(token: usize) -> bool {
    !token.is_multiple_of(EACH)
}

fn is_forged(token: usize) -> bool {
    person(token) == 2
}

struct Deployment {
    mode: Mode,
    world: World,
    tokens: [String; TOKENS],
    /// How many tokens of each person there are.
    issued: [usize; PEOPLE],
    /// Of each token, and of its session.
    said: [[Said; 2]; TOKENS],
    /// When the Cloud last said whose each token is.
    known: [Option<Duration>; TOKENS],
    has_keys: bool,
    /// Tokens that were signed out or revoked here, which is for longer than any input takes.
    ended: [bool; TOKENS],
    /// The soonest end that the Cloud stated of each person's session.
    ends: [i64; PEOPLE],
    /// People who were signed out or revoked here.
    is_over: [bool; PEOPLE],
    /// People whom the Cloud took for one another: what it said of a token may have been meant for the other one's session.
    is_mixed: [bool; PEOPLE],
    /// The token of each question, whom it is about, and when it was asked: calls take as long as the script says.
    questions: Vec<(usize, usize, Now)>,
}

/// A deployment, its Cloud and its clock, by a script. A request is signed in only by the word of the Cloud on its token, which is
/// not too old, or by a signature; not after a refusal, a sign-out or a revocation. Where the Cloud is away, no request is signed
/// out. What takes a token's place, a session and permissions are those of the same person.
pub fn authenticate(data: &[u8]) {
    let mut script = Script(data);
    let mut deployment = Deployment::new(MODES[script.below(MODES.len())]);
    while !script.is_over() {
        deployment.act(&mut script);
        deployment.check();
    }
}

impl Deployment {
    fn new((mode, is_signed): (Mode, bool)) -> Self {
        let is_pkce = mode == Mode::Pkce;
        let mut config = config(if is_pkce { "pkce" } else { "v1" });
        let tokens = if is_signed {
            SIGNED.tokens.clone()
        } else {
            std::array::from_fn(|token| format!("tok-{token}"))
        };
        if matches!(mode, Mode::Keys | Mode::KeysAndSession) {
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
            issued: [1; PEOPLE],
            said: [[Said::Nothing; 2]; TOKENS],
            known: [None; TOKENS],
            has_keys: false,
            ended: [false; TOKENS],
            ends: [i64::MAX; PEOPLE],
            is_over: [false; PEOPLE],
            is_mixed: [false; PEOPLE],
            questions: Vec::new(),
        }
    }

    fn act(&mut self, script: &mut Script<'_>) {
        let token = self.token(script.byte());
        match script.below(13) {
            0..=2 => self.request(token, script),
            3 | 4 => self.answer(script),
            5 => self.world.wake(token % EACH),
            6 => self.pass(Duration::from_millis(u64::from(script.number()))),
            7 => self.pass(Duration::from_secs(u64::from(script.byte()))),
            8 => self.sign_out(token),
            9 => self.revoke(token, script.below(3)),
            10 => self.permissions(token, script),
            11 => {
                let task = validate_session(&self.world.engine, self.secret(token), Jitter(1));
                self.ask(token, token, task.into_task(), Answer::Session);
            }
            _ => {
                let task = refresh_for_browser(&self.world.engine, self.secret(token), Jitter(1));
                self.ask(token, token, task, Answer::Renewal);
            }
        }
    }

    /// One of the tokens that there are.
    fn token(&self, byte: u8) -> usize {
        let (person, number) = (usize::from(byte) % PEOPLE, usize::from(byte) / PEOPLE);
        person * EACH + number % self.issued[person]
    }

    fn secret(&self, token: usize) -> SessionToken {
        SessionToken::parse(&self.tokens[token]).unwrap()
    }

    fn ask<T: 'static>(
        &mut self,
        token: usize,
        about: usize,
        task: Task<'static, T>,
        kind: fn(T) -> Answer,
    ) {
        self.questions.push((token, about, self.world.now));
        self.world.ask(self.questions.len() - 1, task, kind);
    }

    fn pass(&mut self, time: Duration) {
        self.world.now = self.world.now.plus(time);
    }

    fn request(&mut self, token: usize, script: &mut Script<'_>) {
        let engine = &self.world.engine;
        let (text, how) = (&self.tokens[token], script.byte());
        let is_cookie = how & 1 == 1;
        let bearer = (!is_cookie).then(|| format!("Bearer {text}"));
        let cookie = is_cookie.then(|| format!("__Host-mastra_session={text}"));
        let mut credentials =
            Credentials::read(engine, bearer.as_deref(), cookie.as_deref()).unwrap();
        let raw = RawCredentials {
            authorization: bearer.as_deref(),
            cookie: cookie.as_deref().map(str::as_bytes),
            ..RawCredentials::default()
        };
        let refresher = match how & 8 {
            0 => Refresher::None,
            _ => Refresher::Here,
        };
        match known_for(engine, &raw, refresher, self.world.now) {
            Ok(identity) => self.is_good(token, &identity, self.world.now),
            Err(miss) => credentials = credentials.hashed(miss),
        }
        let secret = self.secret(token);
        match how / 16 {
            14 => credentials = Credentials::token(text),
            15 => credentials = Credentials::session(&secret),
            _ => {}
        }
        let mut request = Authenticate::new(engine, credentials.into_owned());
        match how / 2 % 4 {
            0 => request = request.refreshed_by(Refresher::Here),
            1 => request = request.refreshed_by(Refresher::Host),
            2 => request = request.offloading(),
            _ => {}
        }
        self.ask(token, token, request.into_task(Jitter(1)), Answer::Verdict);
    }

    /// Asks with a token for the permissions of its user, or of another.
    fn permissions(&mut self, token: usize, script: &mut Script<'_>) {
        let (about, engine) = (self.token(script.byte()), &self.world.engine);
        let (id, roles) = (UserId::parse(&user(about)).unwrap(), ["member".to_owned()]);
        let asked = FetchPermissions::of(Arc::clone(engine), id, self.secret(token), &roles);
        let is_known = asked.known(self.world.now).is_some();
        let is_own = person(about) == person(token);
        assert!(!is_known || !is_own || !self.ended[token], "it was ended");
        let task = asked.into_shared(Jitter(1)).into_task();
        self.ask(token, about, task, Answer::Permissions);
    }

    /// Answers one of the calls.
    fn answer(&mut self, script: &mut Script<'_>) {
        let calls = self.world.calls();
        if calls.is_empty() {
            return;
        }
        let number = script.below(calls.len());
        let (call, token) = (calls[number].call(), token_of(calls[number]));
        let asked = calls[number]
            .url()
            .split('/')
            .find(|part| part.starts_with("usr_"));
        let asked = asked.unwrap_or_default().to_owned();
        let token = self
            .tokens
            .iter()
            .position(|own| Some(own.as_str()) == token);
        let delivery = match script.below(8) {
            0..=2 => self.yes(call, token, &asked, script),
            3 => {
                let status = [401, 403, 404][script.below(3)];
                let said = if status == 401 {
                    Said::No
                } else {
                    Said::Unlikely
                };
                self.say(token, call, said);
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

    fn yes(
        &mut self,
        call: CloudCall,
        token: Option<usize>,
        asked: &str,
        script: &mut Script<'_>,
    ) -> Delivery {
        let Some(token) = token else {
            self.has_keys |= call == CloudCall::KeySet;
            return json_answer(200, &SIGNED.keys);
        };
        self.say(Some(token), call, Said::User(self.world.now.monotonic));
        let is_pkce = self.mode == Mode::Pkce;
        let id = user(token);
        let data = match call {
            CloudCall::VerifyToken if is_pkce => json!({ "sub": id, "role": "member" }),
            CloudCall::VerifyToken => json!({ "user": { "id": id, "roles": ["member"] } }),
            CloudCall::ValidateSession => {
                let newer = self.newer(token, script).map(|newer| &self.tokens[newer]);
                let last = if script.flag() {
                    end(token)
                } else {
                    START + 20_000
                };
                let soonest = &mut self.ends[person(token)];
                *soonest = last.min(*soonest);
                let (begin, end) = (START * 1000, last * 1000);
                if is_pkce {
                    json!({ "userId": id, "createdAt": begin, "expiresAt": end, "access_token": newer })
                } else {
                    let name = format!("ses_{}", person(token));
                    let session = json!({ "id": name, "user_id": id, "created_at": begin, "expires_at": end });
                    json!({ "session": session, "jwt": newer })
                }
            }
            CloudCall::GetUserPermissions => json!({ "permissions": [format!("{asked}:read")] }),
            _ => json!({}),
        };
        let body = if is_pkce {
            data
        } else {
            json!({ "ok": true, "data": data })
        };
        json_answer(200, &body)
    }

    fn say(&mut self, token: Option<usize>, call: CloudCall, said: Said) {
        let of = match call {
            CloudCall::VerifyToken => 0,
            CloudCall::ValidateSession => 1,
            _ => return,
        };
        if let Some(token) = token {
            self.said[token][of] = said;
            if let Said::User(when) = said {
                self.known[token] = Some(when);
            }
            // A refusal of the session, or of the token that the Cloud issued for it, may be kept whatever is said meanwhile.
            let is_no = matches!(said, Said::No | Said::Unlikely);
            self.is_over[person(token)] |= is_no && (of == 1 || is_newer(token));
        }
    }

    /// The token that an answer about a session brings: none, the next, the newest, or another person's.
    fn newer(&mut self, token: usize, script: &mut Script<'_>) -> Option<usize> {
        let person = match script.below(4) {
            0 => return None,
            // A token that the Cloud takes for one of this session ends with it, and its refusal is the session's.
            3 => {
                let other = script.below(PEOPLE);
                for mixed in [other, person(token)] {
                    (self.is_over[mixed], self.is_mixed[mixed]) = (true, true);
                }
                other
            }
            what => {
                let own = person(token);
                self.issued[own] = (self.issued[own] + usize::from(what == 1)).min(EACH);
                own
            }
        };
        Some(person * EACH + self.issued[person] - 1)
    }

    fn sign_out(&mut self, token: usize) {
        let logout = Logout::new(
            Arc::clone(&self.world.engine),
            self.secret(token),
            Effort::Once,
            self.world.now,
            Jitter(1),
        );
        self.ended[token] = true;
        self.is_over[person(token)] = true;
        self.world.start(logout.into_task().map(|_| Output::Over));
    }

    /// A revocation of another instance: of a token, of its session or of its user.
    fn revoke(&mut self, token: usize, what: usize) {
        let engine = &self.world.engine;
        let digest = TokenDigest::new(engine.config(), &self.tokens[token]);
        let digest = base64url(digest.as_bytes());
        let now = self.world.now;
        let (from, until) = (
            now.wall.unix_millis(),
            now.wall
                .plus(Duration::from_secs(24 * 60 * 60))
                .unix_millis(),
        );
        let (kind, whose) = [
            ("token", digest),
            ("session", format!("ses_{}", person(token))),
            ("user", user(token)),
        ][what]
            .clone();
        let text = format!("1 {} {kind} {from} {until} {whose}", engine.namespace());
        let applied = engine.apply_texts([&*text], now);
        assert_eq!(applied.unreadable, 0);
        self.is_over[person(token)] = true;
        // What is not signed does not say which session it is, nor whose.
        let is_signed = matches!(self.mode, Mode::Keys | Mode::KeysAndSession);
        let first = token - token % EACH;
        for own in first..first + EACH {
            self.ended[own] |= own == token && kind == "token" || kind != "token" && is_signed;
        }
    }

    fn check(&mut self) {
        for (number, answer) in std::mem::take(&mut self.world.answers) {
            let (token, about, begun) = self.questions[number];
            match answer {
                Answer::Verdict(verdict) => self.verdict(token, verdict, begun),
                Answer::Permissions(Ok(permissions)) => {
                    let is_own = person(about) == person(token);
                    assert!(!is_own || !self.ended[token], "it was ended");
                    let own = format!("{}:read", user(about));
                    let is_own = |grant| self.mode == Mode::Pkce || grant == own;
                    assert!(permissions.iter().all(is_own), "{permissions:?}");
                }
                Answer::Session(Ok(Some(session))) => {
                    assert!(!self.ended[token], "it was ended");
                    assert_eq!(session.user_id().as_str(), user(token));
                    assert!(session.expires_at() > self.world.now.wall);
                }
                Answer::Session(Ok(None)) => assert!(self.may_be_over(token)),
                Answer::Permissions(Err(error)) | Answer::Session(Err(error)) => {
                    assert!(!error.is_refusal() || self.may_be_over(token), "{error}");
                }
                Answer::Renewal(renewal) => self.renewal(token, renewal, begun),
            }
        }
    }

    fn verdict(&self, token: usize, verdict: Verdict, begun: Now) {
        if let Some(cookie) = &verdict.cookie {
            let set = cookie.expose().split(['=', ';']).nth(1).unwrap();
            let set = self.tokens.iter().position(|own| own == set).unwrap();
            assert_eq!(person(set), person(token));
        }
        match verdict.answer {
            Authentication::Authenticated(identity) => self.is_good(token, &identity, begun),
            Authentication::Anonymous => panic!("it had a credential"),
            Authentication::Rejected(error) => self.is_over(token, &error),
            // Of what else the Cloud answers, a refusal that is not 401 leaves it open whether a good token's session has ended.
            Authentication::Unavailable(error) => {
                assert!(!error.is_refusal() || error.status() != 401, "{error}");
            }
        }
    }

    fn renewal(&self, token: usize, renewal: Renewal, begun: Now) {
        match renewal {
            Renewal::Renewed(renewed) => {
                assert_eq!(renewed.session.user_id().as_str(), user(token));
                self.is_good(token, &renewed.identity, begun);
                let newer = renewed.identity.user().session_token().expose();
                assert!(newer != self.tokens[token] && renewed.cookie.expose().contains(newer));
            }
            Renewal::Unchanged { session, .. } => {
                assert_eq!(session.user_id().as_str(), user(token));
                assert!(!self.ended[token], "it was ended");
            }
            Renewal::Ended(error) => self.is_over(token, &error),
            Renewal::Unavailable(_) => {}
        }
    }

    /// What a request is signed in as, by its own token or by one that took its place.
    fn is_good(&self, token: usize, identity: &Identity, begun: Now) {
        assert_eq!(identity.user().id().as_str(), user(token));
        let by = identity.user().session_token().expose();
        let by = self.tokens.iter().position(|own| own == by).unwrap();
        assert!(person(by) == person(token) && by >= token);
        assert!(!self.ended[token] && !self.ended[by], "it was ended");
        self.is_proven(by, begun);
    }

    fn is_over(&self, token: usize, error: &CloudApiError) {
        assert!(self.may_be_over(token), "{error}");
    }

    /// Whether a person's session was refused or ended by one of its tokens, or this one has expired or is forged.
    fn may_be_over(&self, token: usize) -> bool {
        let first = token - token % EACH;
        let own = &self.said[first..first + EACH];
        let is_signed = matches!(self.mode, Mode::Keys | Mode::KeysAndSession);
        let end = end(token).min(self.ends[person(token)]);
        self.world.now.wall.unix_millis() >= end * 1000
            || is_signed && is_forged(token)
            || self.is_over[person(token)]
            || own
                .as_flattened()
                .iter()
                .any(|said| matches!(said, Said::No | Said::Unlikely))
    }

    fn is_proven(&self, token: usize, begun: Now) {
        let said = self.said[token];
        let is_user = |said: &Said| match said {
            Said::User(when) => begun.monotonic <= *when + LONGEST,
            _ => false,
        };
        let is_by_keys = matches!(self.mode, Mode::Keys | Mode::KeysAndSession);
        // A token that took another's place may be refused to a refresh while its user is known already.
        match self.mode {
            _ if self.is_mixed[person(token)] || is_newer(token) && !is_by_keys => {
                let known = self.known[token];
                let is_recent = |when| begun.monotonic <= when + LONGEST;
                assert!(
                    is_by_keys || known.is_some_and(is_recent),
                    "nothing says so"
                );
            }
            Mode::V1 | Mode::Pkce => assert!(said.iter().any(is_user), "nothing says so"),
            Mode::Keys | Mode::KeysAndSession => {
                // Where no key is at hand, the Cloud's word counts for a token that it has just issued.
                let is_issued = is_newer(token) && said[0] != Said::Nothing;
                assert!(is_issued || !is_forged(token) && self.has_keys);
                assert!(begun.wall.unix_millis() < (end(token) + LEEWAY) * 1000);
                let is_refused = said[1] == Said::No;
                assert!(self.mode == Mode::Keys || is_newer(token) || !is_refused);
            }
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "failures stand beside it")]
fn json_answer(status: u16, body: &Value) -> Delivery {
    Ok(Response::new(status, body.to_string().into_bytes()))
}
