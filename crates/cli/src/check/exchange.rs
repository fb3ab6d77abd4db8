//! One request and what came back.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How a request ends whose answer takes longer.
const LATE: &str = "no whole answer came within 20 s";
/// Requests that may end so, and the longest wait for all answers of a run. After that nothing more is asked.
const LATE_AT_MOST: u32 = 4;
const PATIENCE: Duration = Duration::from_mins(5);
/// Why nothing more is asked.
pub(super) const GAVE_UP: &str = "the Cloud answers too slowly: the run gave up";
/// Longest wait where nothing has to answer: a firewall may drop the request and send no refusal.
const KNOCK: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read: the plugin reads no more.
const MAX_BYTES: usize = 256 * 1024;
/// Most bytes of a body that are kept to be shown.
const SHOWN_BYTES: usize = 2000;

/// A request as it is built.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Option<String>,
}

/// Sends the requests of a run, counts them, and gives up on a Cloud that is too slow.
pub(super) struct Caller<'c> {
    client: &'c Client,
    requests: usize,
    late: u32,
    waited: Duration,
}

impl<'c> Caller<'c> {
    pub(super) const fn new(client: &'c Client) -> Self {
        Self {
            client,
            requests: 0,
            late: 0,
            waited: Duration::ZERO,
        }
    }

    pub(super) const fn requests(&self) -> usize {
        self.requests
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.late >= LATE_AT_MOST || self.waited >= PATIENCE
    }

    pub(super) async fn send(&mut self, ask: Ask) -> Result<Answer, String> {
        if self.has_given_up() {
            return Err(GAVE_UP.to_owned());
        }
        self.requests = self.requests.saturating_add(1);
        let begun = Instant::now();
        let came = ask.send(self.client).await;
        self.waited = self.waited.saturating_add(begun.elapsed());
        let is_late = came.as_ref().is_err_and(|why| why == LATE);
        self.late = self.late.saturating_add(u32::from(is_late));
        came
    }

    /// Asks where nothing has to answer: this is waited for briefly, and does not make the Cloud a slow one.
    pub(super) async fn knock(&mut self, ask: Ask) -> Result<Answer, String> {
        self.requests = self.requests.saturating_add(1);
        let came = tokio::time::timeout(KNOCK, ask.send(self.client)).await;
        came.unwrap_or_else(|_| Err(format!("no answer came within {} s", KNOCK.as_secs())))
    }
}

/// A request as it was sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Sent {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the body was UTF-8 and no longer than what is read.
    pub(crate) is_whole_text: bool,
}

/// A request and its answer, or why none came.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Exchange {
    pub(crate) sent: Sent,
    pub(crate) came: Result<Answer, String>,
}

impl Answer {
    /// A header's value; several of one name are joined as HTTP joins them (RFC 9110, section 5.3).
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().filter(|(own, _)| own == name);
        let values: Vec<_> = found.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Status, content type and the beginning of the body, in one line.
    pub(crate) fn shown(&self) -> String {
        let kind = self
            .header("content-type")
            .unwrap_or_else(|| "no content type".into());
        let body: String = self.body.chars().take(SHOWN_BYTES).collect();
        let cut = if body.len() < self.body.len() {
            " …"
        } else {
            ""
        };
        format!("{} {kind} {body}{cut}", self.status)
    }
}

/// A client that follows no redirect and keeps no cookie. It uses the proxies of the environment, but not to reach this machine.
pub(crate) fn client(is_loopback: bool) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        // A connection that the Cloud closes while it is idle says nothing of the next answer.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("mastra-auth-check/", env!("CARGO_PKG_VERSION")));
    if is_loopback {
        builder.no_proxy().build()
    } else {
        builder.build()
    }
}

impl Ask {
    pub(crate) fn sent(&self) -> Sent {
        let body = self.body.as_ref().map(|body| {
            if body.len() > SHOWN_BYTES {
                format!("({} bytes)", body.len())
            } else {
                body.clone()
            }
        });
        Sent {
            line: format!("{} {}", self.method, self.url),
            headers: (self.headers.iter())
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
            body,
        }
    }

    pub(crate) async fn send(self, client: &Client) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| format!("the value of {name} cannot be sent"))?;
            headers.append(name, value);
        }
        let mut request = client.request(self.method, &self.url).headers(headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let mut answer = request.send().await.map_err(no_answer)?;
        let mut bytes = Vec::new();
        let mut is_whole = true;
        while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
            if bytes.len().saturating_add(chunk.len()) > MAX_BYTES {
                is_whole = false;
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter();
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            is_whole_text: is_whole && std::str::from_utf8(&bytes).is_ok(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

/// The innermost cause, without the address, which may hold secrets.
fn no_answer(error: reqwest::Error) -> String {
    let is_late = error.is_timeout();
    let error = error.without_url();
    let mut cause: &(dyn std::error::Error + 'static) = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if is_late {
        LATE.to_owned()
    } else {
        format!("no whole answer came: {cause}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_asked_once_the_answers_took_too_long() {
        let client = client(true).unwrap();
        let mut caller = Caller::new(&client);
        assert!(!caller.has_given_up());
        caller.waited = PATIENCE;
        let ask = Ask {
            method: Method::GET,
            url: "http://127.0.0.1:9/".to_owned(),
            headers: Vec::new(),
            body: None,
        };
        assert_eq!(caller.send(ask).await.unwrap_err(), GAVE_UP);
        assert_eq!(caller.requests(), 0);
    }

    #[tokio::test]
    async fn what_never_answers_a_knock_is_left_soon_and_is_not_late() {
        // The system accepts connections, and no program reads from them.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client(true).unwrap();
        let mut caller = Caller::new(&client);
        let ask = Ask {
            method: Method::GET,
            url: format!("http://{}/", listener.local_addr().unwrap()),
            headers: Vec::new(),
            body: None,
        };
        let came = caller.knock(ask).await;
        assert_eq!(came.unwrap_err(), "no answer came within 5 s");
        assert_eq!((caller.requests(), caller.late), (1, 0));
    }
}
