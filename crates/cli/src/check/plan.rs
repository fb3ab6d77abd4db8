//! The plan of a run: which requests are made, in which order, and what is learned from them.
//!
//! Nothing here judges, and each request is made once.

mod calls;
mod codes;
mod login;
mod platform;
mod token;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use reqwest::{Client, Method, Url};
use serde_json::Value;

use super::exchange::{Answer, Ask, Caller, Exchange, GAVE_UP};
use super::mask::Secrets;
use super::probe::{Probe, Seen};
use super::sign_in::SignIn;
use crate::args::DialectName;

/// A host that never exists (RFC 2606, section 2).
pub(super) const FOREIGN: &str = "https://elsewhere.invalid/callback";
const X_PROJECT: HeaderName = HeaderName::from_static("x-project-id");
/// More than the 64 KiB that the contract allows.
const HUGE: usize = 96 * 1024;
/// How a state ends that a Mastra server sends: with characters that an address must encode.
const STATE_END: &str = "|%2Fagents%3Ftab%3D1";
const NO_SESSION: &str =
    "no session: sign in with --interactive, or pass a token with --token-stdin";
/// Of a token's form, and no one's.
const JUNK: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjaGVjayJ9.bm8tc2lnbmF0dXJl";

/// What a run may do.
pub(super) struct Asked {
    pub(super) base_url: String,
    pub(super) project_id: String,
    /// A second project of the same Cloud.
    pub(super) other_project: Option<String>,
    pub(super) dialect: DialectName,
    /// A session's token that came on standard input.
    pub(super) token: Option<String>,
    pub(super) may_end_sessions: bool,
    /// Before the API's paths: a path, or nothing.
    pub(super) api_prefix: String,
    /// The login page's path.
    pub(super) auth_path: String,
    pub(super) listed: Option<Listed>,
}

/// An address elsewhere than on this machine that the project lists.
pub(super) struct Listed {
    /// As it was given: a Cloud compares to the letter, and a parsed address may be written in another way.
    text: String,
    url: Url,
}

impl Listed {
    /// Of an address on this machine the port and the path may vary, so nothing is learned from it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let host = url.host_str().unwrap_or_default();
        let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        let is_elsewhere = matches!(url.scheme(), "http" | "https") && !is_here;
        is_elsewhere.then(|| Self {
            text: text.to_owned(),
            url,
        })
    }
}

pub(super) struct Plan<'p> {
    asked: &'p Asked,
    caller: Caller<'p>,
    sign_in: SignIn,
    seen: Seen,
    /// Called with what is done next.
    progress: &'p mut dyn FnMut(&str),
}

/// A session that this run made or was given.
#[derive(Clone)]
struct Session {
    token: String,
    id: Option<String>,
    user_id: Option<String>,
}

/// Makes all requests, and returns what was seen.
pub(super) async fn run(
    asked: &Asked,
    client: &Client,
    sign_in: SignIn,
    at: i64,
    progress: &mut dyn FnMut(&str),
) -> Seen {
    let seen = Seen {
        dialect: asked.dialect,
        base_url: asked.base_url.clone(),
        project_id: asked.project_id.clone(),
        at,
        exchanges: std::collections::BTreeMap::new(),
        left_out: std::collections::BTreeMap::new(),
        unasked: "the request was not made".to_owned(),
        requests: 0,
        is_one_session: false,
        token: None,
        secrets: Secrets::default(),
    };
    let mut plan = Plan {
        asked,
        caller: Caller::new(client),
        sign_in,
        seen,
        progress,
    };
    if let Some(token) = &asked.token {
        plan.seen.secrets.add(token, "token");
    }
    match asked.dialect {
        DialectName::Platform => plan.platform().await,
        DialectName::V1 | DialectName::Pkce => plan.cloud().await,
    }
    plan.sign_in.done().await;
    plan.seen.requests = plan.caller.requests();
    if plan.caller.has_given_up() {
        GAVE_UP.clone_into(&mut plan.seen.unasked);
    }
    plan.seen
}

impl Plan<'_> {
    async fn cloud(&mut self) {
        self.login().await;
        self.exchange_refusals().await;
        let own = self.first_session().await;
        self.refusals_without_session().await;
        match own {
            Some(own) => self.with_session(&own).await,
            None => NO_SESSION.clone_into(&mut self.seen.unasked),
        }
        self.codes().await;
        self.logout().await;
    }

    fn is_v1(&self) -> bool {
        self.asked.dialect == DialectName::V1
    }

    fn api(&self, path: &str) -> String {
        format!("{}{}{path}", self.asked.base_url, self.asked.api_prefix)
    }

    fn leave_out(&mut self, probes: &[Probe], why: &str) {
        for probe in probes {
            if !self.seen.exchanges.contains_key(probe) {
                let left_out = self.seen.left_out.entry(*probe);
                left_out.or_insert_with(|| why.to_owned());
            }
        }
    }

    /// Makes a request, keeps the exchange, and returns the answer.
    async fn ask(&mut self, probe: Probe, ask: Ask) -> Option<Answer> {
        if self.caller.has_given_up() {
            return None;
        }
        (self.progress)(&format!("{probe:?}"));
        let sent = ask.sent();
        let came = match probe {
            Probe::PlainHttp => self.caller.knock(ask).await,
            _ => self.caller.send(ask).await,
        };
        let plain = came.clone().ok();
        self.keep(probe, Exchange { sent, came });
        plain
    }

    fn keep(&mut self, probe: Probe, exchange: Exchange) {
        if let Ok(answer) = &exchange.came {
            self.learn(answer);
        }
        self.seen.exchanges.insert(probe, exchange);
    }

    /// Learns the secrets of an answer, wherever they stand in it, so that no other answer shows them.
    fn learn(&mut self, answer: &Answer) {
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        learn_from(&mut self.seen.secrets, &body, "");
        for (name, value) in &answer.headers {
            let cookie = value.split([';', '=']).nth(1);
            if let (true, Some(cookie)) = (name == "set-cookie", cookie) {
                self.seen.secrets.add(cookie, "cookie");
            }
        }
    }

    /// A request of the API, with the project's header where the dialect has projects.
    fn call(&self, method: Method, path: &str) -> Ask {
        let mut headers = vec![(ACCEPT, "application/json".into())];
        if self.asked.dialect != DialectName::Platform {
            headers.push((X_PROJECT, self.asked.project_id.clone()));
        }
        Ask {
            method,
            url: self.api(path),
            headers,
            body: None,
        }
    }
}

fn learn_from(secrets: &mut Secrets, value: &Value, name: &str) {
    match value {
        Value::String(text)
            if (name.contains("token") || name.contains("jwt")) && name != "token_type" =>
        {
            secrets.add(text, "token");
        }
        Value::String(text)
            if name.contains("name") || name.contains("mail") || name.contains("avatar") =>
        {
            secrets.add(text, name);
        }
        Value::Array(all) => all.iter().for_each(|one| learn_from(secrets, one, name)),
        Value::Object(members) => {
            for (name, value) in members {
                learn_from(secrets, value, &name.to_lowercase());
            }
        }
        _ => {}
    }
}

fn page(base: &str, path: &str, query: &[(&'static str, String)]) -> String {
    let address = format!("{base}{path}");
    match Url::parse_with_params(&address, query) {
        Ok(url) if !query.is_empty() => url.into(),
        _ => address,
    }
}

fn set(query: &mut [(&'static str, String)], name: &str, value: &str) {
    for (own, old) in query {
        if *own == name {
            value.clone_into(old);
        }
    }
}

fn with_json(mut ask: Ask, body: &Value) -> Ask {
    ask.headers
        .push((CONTENT_TYPE, "application/json".to_owned()));
    ask.body = Some(body.to_string());
    ask
}

fn with_bearer(mut ask: Ask, token: &str) -> Ask {
    ask.headers.push((AUTHORIZATION, format!("Bearer {token}")));
    ask
}

fn with_project(ask: Ask, id: &str) -> Ask {
    let mut ask = without(ask, &X_PROJECT);
    ask.headers.push((X_PROJECT, id.to_owned()));
    ask
}

fn without(mut ask: Ask, header: &HeaderName) -> Ask {
    ask.headers.retain(|(name, _)| name != header);
    ask
}

fn encoded(segment: &str) -> String {
    mastra_auth_cloud_core::encoding::encode_component(segment)
}
