//! Sealed sessions, which the Cloud replaces, on two instances that share a Redis.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::engine::{Engine, Replies};
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher};
use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::flow::{Authentication, Jitter, Renewal};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::revocation::redis::Command;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::Identity;
use serde_json::json;

use super::answers::config;
use super::script::Script;
use super::world::{Answer, Output, World, token_of};

const CHAINS: usize = 2;
/// A session that no Cloud made.
const MADE_UP: &str = "sealed*made-up";

struct Deployment {
    instances: [World; 2],
    /// What Redis holds, and until when.
    redis: BTreeMap<String, (String, Duration)>,
    /// The sessions of each person, from the first to the newest.
    chains: [Vec<String>; CHAINS],
    /// What was signed out on each instance.
    ended: [Vec<String>; 2],
    /// The session of each question.
    requests: Vec<String>,
}

/// Two instances, their Redis, the Cloud and the clock, by a script. A request is signed in as the person of its session alone, and
/// gets no session of another. What Redis holds is no session to its reader, and what is put there by another is none either.
pub fn sealed(data: &[u8]) {
    let mut script = Script(data);
    let mut deployment = Deployment::new();
    while !script.is_over() {
        deployment.act(&mut script);
        deployment.check();
    }
}

impl Deployment {
    fn new() -> Self {
        let instance = |seed| {
            let engine = Engine::new(config("platform"), Entropy::new([seed; 32]));
            engine.share_sessions();
            World::new(engine)
        };
        Self {
            instances: [instance(7), instance(8)],
            redis: BTreeMap::new(),
            chains: [0, 1].map(|chain| vec![format!("sealed*{chain}*0")]),
            ended: [Vec::new(), Vec::new()],
            requests: Vec::new(),
        }
    }

    fn act(&mut self, script: &mut Script<'_>) {
        let on = script.below(2);
        match script.below(10) {
            0 | 1 => self.request(on, script),
            2 | 3 => self.answer(on, script),
            4 | 5 => self.reply(on, script),
            6 => {
                let time = Duration::from_millis(u64::from(script.number()) * 4);
                for world in &mut self.instances {
                    world.now = world.now.plus(time);
                }
                self.instances[on].wake(script.below(3));
            }
            7 if script.flag() => self.tamper(script),
            7 => self.sign_out(on, script),
            8 => {
                let (engine, session) = self.ask(on, script);
                let task = validate_session(&engine, session, Jitter(1)).into_task();
                self.instances[on].ask(self.requests.len() - 1, task, Answer::Session);
            }
            _ => {
                let (engine, session) = self.ask(on, script);
                let task = refresh_for_browser(&engine, session, Jitter(1));
                self.instances[on].ask(self.requests.len() - 1, task, Answer::Renewal);
            }
        }
    }

    /// One of the sessions that there are, the newer ones sooner.
    fn session(&self, script: &mut Script<'_>) -> String {
        let byte = usize::from(script.byte());
        let chain = &self.chains[byte % CHAINS];
        match byte / CHAINS % 8 {
            7 => MADE_UP.to_owned(),
            back => chain[chain.len() - 1 - back.min(chain.len() - 1)].clone(),
        }
    }

    /// Notes a question about a session.
    fn ask(&mut self, on: usize, script: &mut Script<'_>) -> (Arc<Engine>, SessionToken) {
        let session = self.session(script);
        let token = SessionToken::sealed(&session).unwrap();
        self.requests.push(session);
        (Arc::clone(&self.instances[on].engine), token)
    }

    fn request(&mut self, on: usize, script: &mut Script<'_>) {
        let session = self.session(script);
        let world = &mut self.instances[on];
        let cookie = format!("__Host-mastra_session={session}");
        let credentials = Credentials::read(&world.engine, None, Some(&cookie)).unwrap();
        let request = Authenticate::new(&world.engine, credentials.into_owned());
        let request = match script.below(3) {
            0 => request.refreshed_by(Refresher::Here),
            1 => request.refreshed_by(Refresher::Host),
            _ => request,
        };
        let number = self.requests.len();
        self.requests.push(session);
        world.ask(number, request.into_task(Jitter(1)), Answer::Verdict);
    }

    fn answer(&mut self, on: usize, script: &mut Script<'_>) {
        let calls = self.instances[on].calls();
        if calls.is_empty() {
            return;
        }
        let number = script.below(calls.len());
        let session = token_of(calls[number]).unwrap().to_owned();
        let delivery = self.delivery(&session, script);
        self.instances[on].answer(number, delivery);
    }

    fn delivery(&mut self, session: &str, script: &mut Script<'_>) -> Delivery {
        let no = || Ok(Response::new(401, br#"{"title":"Unauthorized"}"#.to_vec()));
        let Some(chain) = self.chain_of(session) else {
            assert_eq!(session, MADE_UP, "a session that the Cloud never made");
            return no();
        };
        let me =
            json!({ "user": { "id": user(chain) }, "organizationId": "org_1", "role": "member" });
        let body = match script.below(6) {
            0 | 1 => me.to_string(),
            2 => return no(),
            3 => return Ok(Response::new(503, Vec::new())),
            4 => return Err(TransportError::Timeout),
            _ => "<html>".to_owned(),
        };
        let chain = &mut self.chains[chain];
        let is_newest = chain.last().is_some_and(|newest| newest == session);
        let newer = (script.flag() && is_newest).then(|| {
            let newer = format!("{}{}", &session[..9], chain.len());
            chain.push(newer.clone());
            format!("wos-session={newer}; Path=/; HttpOnly")
        });
        Ok(Response::new(200, body.into_bytes()).with_cookies(newer))
    }

    fn chain_of(&self, session: &str) -> Option<usize> {
        self.chains
            .iter()
            .position(|chain| chain.iter().any(|own| own == session))
    }

    fn reply(&mut self, on: usize, script: &mut Script<'_>) {
        let commands = self.instances[on].commands();
        if commands.is_empty() {
            return;
        }
        let number = script.below(commands.len());
        let commands = commands[number].clone();
        let is_down = script.byte() % 4 == 3;
        let now = self.instances[on].now.monotonic;
        let replies = (!is_down).then(|| -> Replies {
            commands
                .iter()
                .map(|command| self.run(command, now))
                .collect()
        });
        self.instances[on].reply(number, replies);
    }

    /// What Redis answers.
    fn run(&mut self, command: &Command, now: Duration) -> Option<String> {
        assert!(
            command.iter().all(|word| !word.contains("sealed*")),
            "{command:?}"
        );
        self.redis.retain(|_, (_, until)| *until > now);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (key, value, time) = match words[..] {
            ["SET", key, value, "NX", "PX", time] if !self.redis.contains_key(key) => {
                (key, value, time)
            }
            ["SET", _, _, "NX", "PX", _] => return None,
            ["SET", key, value, "PX", time] => (key, value, time),
            ["GETRANGE", key, ..] => {
                return Some(
                    self.redis
                        .get(key)
                        .map_or_else(String::new, |(value, _)| value.clone()),
                );
            }
            ["DEL", key] => return self.redis.remove(key).map(|_| "1".to_owned()),
            _ => panic!("{command:?}"),
        };
        let until = now + Duration::from_millis(time.parse().unwrap());
        self.redis.insert(key.to_owned(), (value.to_owned(), until));
        Some("OK".to_owned())
    }

    /// Another program writes to Redis: a value of another key, a part of one, or anything.
    fn tamper(&mut self, script: &mut Script<'_>) {
        let keys: Vec<String> = self.redis.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        let (key, from) = (
            &keys[script.below(keys.len())],
            &keys[script.below(keys.len())],
        );
        let mut value = self.redis[from].0.clone();
        match script.below(4) {
            0 => {}
            1 => value = value.chars().take(script.below(64)).collect(),
            2 => value.push_str("AA"),
            _ => value = script.text(),
        }
        if let Some((own, _)) = self.redis.get_mut(key) {
            *own = value;
        }
    }

    fn sign_out(&mut self, on: usize, script: &mut Script<'_>) {
        let session = self.session(script);
        let token = SessionToken::sealed(&session).unwrap();
        let world = &mut self.instances[on];
        let logout = Logout::new(
            Arc::clone(&world.engine),
            token,
            Effort::Once,
            world.now,
            Jitter(1),
        );
        self.ended[on].push(session);
        world.start(logout.into_task().map(|_| Output::Over));
    }

    fn check(&mut self) {
        for on in [0, 1] {
            for (number, answer) in std::mem::take(&mut self.instances[on].answers) {
                let session = &self.requests[number];
                match answer {
                    Answer::Verdict(verdict) => {
                        if let Some(cookie) = &verdict.cookie {
                            self.is_set(session, cookie);
                        }
                        if let Authentication::Authenticated(identity) = verdict.answer {
                            self.is_good(session, &identity, on);
                        }
                    }
                    Answer::Session(Ok(Some(found))) => {
                        let chain = self.chain_of(session).unwrap();
                        assert_eq!(found.user_id().as_str(), user(chain));
                        assert!(!self.ended[on].contains(session), "it was signed out");
                    }
                    Answer::Renewal(Renewal::Renewed(renewed)) => {
                        self.is_set(session, &renewed.cookie);
                        self.is_good(session, &renewed.identity, on);
                    }
                    _ => {}
                }
            }
        }
    }

    /// What takes the place of a session in a browser is one of the same person.
    fn is_set(&self, session: &str, cookie: &SetCookie) {
        let set = cookie.expose().split(['=', ';']).nth(1).unwrap();
        assert!(
            self.chain_of(set) == self.chain_of(session),
            "{set} for {session}"
        );
    }

    fn is_good(&self, session: &str, identity: &Identity, on: usize) {
        let chain = self.chain_of(session).unwrap();
        assert_eq!(identity.user().id().as_str(), user(chain));
        let token = identity.user().session_token().expose();
        assert_eq!(self.chain_of(token), Some(chain), "{token} for {session}");
        let is_ended = self.ended[on].iter().any(|ended| ended == session);
        assert!(!is_ended, "{session} was signed out");
    }
}

fn user(chain: usize) -> String {
    format!("usr_{chain}")
}
