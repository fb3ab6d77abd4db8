//! The requests of a visit: what a browser would ask, and where that leads. No answer is waited for longer than 10 seconds.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderName};
use reqwest::{Client, Method, Url};
use serde_json::Value;

use super::cookie::Cookie;
use crate::check::exchange::{Answer, Ask, client};
use crate::check::verdict::{Verdict, not_tested};

const PATIENCE: Duration = Duration::from_secs(10);
/// The path of the login page at Mastra Cloud.
const LOGIN_PATH: &str = "/auth/oss";
/// Has the form of a token and of a code, and is none.
const MADE_UP: &str = "made-up-by-mastra-auth-doctor";

/// An answer, or why none came.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) answer: Result<Answer, String>,
    pub(super) took: Duration,
    /// The time here when it had come, in seconds since the Unix epoch.
    pub(super) at: i64,
}

/// All that was seen. The rules judge it, and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) server: Url,
    /// The path of the server's own routes.
    pub(super) api: String,
    pub(super) capabilities: Came,
    pub(super) login: Came,
    /// A route that wants a user, without a credential.
    pub(super) agents: Came,
    /// Who is there, with a made-up token.
    pub(super) me: Came,
    /// The callback's address where it is the server's own: with a made-up code for Mastra Cloud, and else without a code.
    pub(super) callback: Option<Came>,
    pub(super) page: Option<Came>,
    pub(super) keys: Option<Came>,
}

/// Asks the server, and then what it leads to.
///
/// # Errors
///
/// Why the server gave no answer at all; then it was asked once.
pub(super) async fn visit(server: Url, api: String) -> Result<Seen, String> {
    let client = |url: &Url| client(is_loopback(url)).map_err(|error| error.to_string());
    let here = client(&server)?;
    let own = |path: &str| format!("{}{api}{path}", server.origin().ascii_serialization());
    let capabilities = get(&here, own("/auth/capabilities"), None).await;
    capabilities.answer.as_ref().map_err(Clone::clone)?;
    let token = format!("Bearer {MADE_UP}");
    let (login, agents, me) = tokio::join!(
        get(&here, own("/auth/sso/login"), None),
        get(&here, own("/agents"), None),
        get(&here, own("/auth/me"), Some((AUTHORIZATION, &token))),
    );
    let mut seen = Seen {
        server,
        api,
        capabilities,
        login,
        agents,
        me,
        callback: None,
        page: None,
        keys: None,
    };
    let page = seen.login_url().ok();
    let back = (seen.redirect().ok()).filter(|to| to.origin() == seen.server.origin());
    let (back, brought) = match (back, &page) {
        (Some(back), Some(page)) if is_cloud(page) => (Some(made_up(back, page)), seen.brought()),
        (back, _) => (back, String::new()),
    };
    let there = page.as_ref().map_or(Ok(here.clone()), client)?;
    let key_set = (page.as_ref().filter(|page| is_cloud(page)))
        .map(|page| format!("{}/.well-known/jwks.json", base(page)));
    (seen.callback, seen.page, seen.keys) = tokio::join!(
        maybe(&here, back.map(String::from), Some((COOKIE, &brought))),
        maybe(&there, page.map(String::from), None),
        maybe(&there, key_set, None),
    );
    Ok(seen)
}

async fn maybe(
    client: &Client,
    url: Option<String>,
    header: Option<(HeaderName, &str)>,
) -> Option<Came> {
    let header = header.filter(|(_, value)| !value.is_empty());
    match url {
        Some(url) => Some(get(client, url, header).await),
        None => None,
    }
}

/// The callback of the login that was begun, with a code that no Cloud gave. No two are alike: one that comes again is refused
/// without a call.
fn made_up(mut callback: Url, page: &Url) -> Url {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let code = format!("{MADE_UP}-{}", since.unwrap_or_default().as_nanos());
    let state = query(page, "state").unwrap_or_default();
    (callback.query_pairs_mut())
        .append_pair("code", &code)
        .append_pair("state", &state);
    callback
}

async fn get(client: &Client, url: String, header: Option<(HeaderName, &str)>) -> Came {
    let accept = (ACCEPT, "application/json, text/html;q=0.9".to_owned());
    let header = header.map(|(name, value)| (name, value.to_owned()));
    let ask = Ask {
        method: Method::GET,
        url,
        headers: std::iter::once(accept).chain(header).collect(),
        body: None,
    };
    let begun = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, ask.send(client)).await;
    let late = || {
        Err(format!(
            "no whole answer came within {} s",
            PATIENCE.as_secs()
        ))
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Came {
        answer: answer.unwrap_or_else(|_| late()),
        took: begun.elapsed(),
        at: i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = address.parse().ok();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_some_and(|address| address.is_loopback())
}

/// Whether only this machine or its own network has this address, as far as it tells.
pub(super) fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let top = host.rsplit_once('.').map(|(_, top)| top);
    is_loopback(url)
        || match address.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
            Ok(IpAddr::V6(ip)) => {
                ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
            }
            Err(_) => matches!(top, None | Some("local" | "internal")),
        }
}

/// Whether a login page's address has the form of Mastra Cloud's.
pub(super) fn is_cloud(page: &Url) -> bool {
    query(page, "project_id").is_some()
}

/// Whether a login page's address has the form of the hosted platform's.
pub(super) fn is_platform(page: &Url) -> bool {
    page.path().ends_with("/auth/login") && query(page, "product").as_deref() == Some("deploy")
}

/// The address of the Cloud that a login page belongs to.
pub(super) fn base(page: &Url) -> String {
    let path = page.path().strip_suffix(LOGIN_PATH).unwrap_or_default();
    format!("{}{path}", page.origin().ascii_serialization())
}

pub(super) fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(own, value)| own == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}

impl Came {
    /// # Errors
    ///
    /// [`Verdict::Failed`] where no answer came.
    pub(super) fn answer(&self) -> Result<&Answer, Verdict> {
        (self.answer.as_ref()).map_err(|why| Verdict::Failed(why.clone()))
    }
}

impl Seen {
    /// What the server says of sign-in to a browser that is not signed in.
    ///
    /// # Errors
    ///
    /// [`Verdict::NotTested`] where it says nothing, or that it has no sign-in.
    pub(super) fn capabilities(&self) -> Result<Value, Verdict> {
        let said = self.said();
        match said.get("enabled").and_then(Value::as_bool) {
            Some(true) => Ok(said),
            Some(false) => not_tested("the server has no sign-in"),
            None => not_tested("no Mastra server answers there"),
        }
    }

    /// The body of that answer, if it is JSON.
    pub(super) fn said(&self) -> Value {
        let answer = (self.capabilities.answer.as_ref().ok()).filter(|answer| answer.is_success());
        let body = answer.map(|answer| serde_json::from_str(&answer.body));
        body.and_then(Result::ok).unwrap_or_default()
    }

    /// The login page's address, as the server sends a browser there.
    ///
    /// # Errors
    ///
    /// [`Verdict::NotTested`] where it names none.
    pub(super) fn login_url(&self) -> Result<Url, Verdict> {
        self.capabilities()?;
        let url = self.login.answer.as_ref().ok().and_then(|answer| {
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let named = body.get("url").and_then(Value::as_str).map(str::to_owned);
            let named = named.filter(|_| answer.is_success());
            let led = (300..400).contains(&answer.status);
            named.or_else(|| answer.header("location").filter(|_| led))
        });
        let url = url.and_then(|url| Url::parse(&url).ok());
        match url.filter(|url| matches!(url.scheme(), "http" | "https")) {
            Some(url) => Ok(url),
            None => not_tested("the login route names no login page"),
        }
    }

    /// The address to which the login page sends the browser back.
    ///
    /// # Errors
    ///
    /// [`Verdict::NotTested`] where there is none.
    pub(super) fn redirect(&self) -> Result<Url, Verdict> {
        let redirect = query(&self.login_url()?, "redirect_uri");
        match redirect.and_then(|url| Url::parse(&url).ok()) {
            Some(url) => Ok(url),
            None => not_tested("the login page's address names no callback"),
        }
    }

    /// The cookies of its own that a login leaves in the browser.
    ///
    /// # Errors
    ///
    /// [`Verdict::NotTested`] where there is no login, or it leaves none.
    pub(super) fn cookies(&self) -> Result<Vec<Cookie>, Verdict> {
        let is_cloud = is_cloud(&self.login_url()?);
        let mut cookies: Vec<Cookie> = Vec::new();
        for (cookie, _) in self.cookie_lines() {
            cookies.retain(|earlier| !earlier.is_replaced_by(&cookie));
            cookies.push(cookie);
        }
        cookies.retain(|cookie| !cookie.is_gone && cookie.is_of_login(is_cloud));
        if cookies.is_empty() {
            return not_tested("the login sets no cookie of its own");
        }
        Ok(cookies)
    }

    /// The cookies of the login's answer, each with its name and value.
    fn cookie_lines(&self) -> impl Iterator<Item = (Cookie, &str)> {
        let headers = self.login.answer.iter().flat_map(|answer| &answer.headers);
        let lines = headers.filter(|(name, _)| name == "set-cookie");
        lines.map(|(_, line)| {
            let pair = line.split(';').next().unwrap_or_default();
            (Cookie::read(line, self.login.at), pair)
        })
    }

    /// What a browser brings back of them.
    fn brought(&self) -> String {
        let kept = self.cookie_lines().filter(|(cookie, _)| !cookie.is_gone);
        kept.map(|(_, pair)| pair).collect::<Vec<_>>().join("; ")
    }
}
