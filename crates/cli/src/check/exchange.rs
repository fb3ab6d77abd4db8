//! One request and what came back, with its secrets masked before anything is shown or kept.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Most bytes of an answer that are read.
const MAX_BYTES: usize = 1024 * 1024;
/// Most bytes of a body that are kept to be shown.
const SHOWN_BYTES: usize = 2000;

/// A request as it is built.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Option<String>,
}

/// A request as it is shown: without secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Sent {
    pub(super) line: String,
    pub(super) headers: Vec<String>,
    pub(super) body: Option<String>,
}

/// An answer. Secrets in it are masked by the name that the run gives them, as `{token}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Whether the body was UTF-8 and no longer than what is read.
    pub(super) is_whole_text: bool,
}

/// A request and its answer, or why none came.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Exchange {
    pub(super) sent: Sent,
    pub(super) came: Result<Answer, String>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Status, content type and the beginning of the body, in one line.
    pub(super) fn shown(&self) -> String {
        let kind = self.header("content-type").unwrap_or("no content type");
        let body: String = self.body.chars().take(SHOWN_BYTES).collect();
        let cut = if body.len() < self.body.len() {
            " …"
        } else {
            ""
        };
        format!("{} {kind} {body}{cut}", self.status)
    }
}

/// Texts that are never shown, each with the name that stands for it.
#[derive(Default)]
pub(super) struct Secrets(Vec<(String, String)>);

impl Secrets {
    pub(super) fn add(&mut self, secret: &str, name: &str) {
        if secret.len() >= 4 && !self.0.iter().any(|(known, _)| known == secret) {
            self.0.push((secret.to_owned(), format!("{{{name}}}")));
            // A text within another one must not be masked first.
            self.0.sort_by_key(|(known, _)| usize::MAX - known.len());
        }
    }

    pub(super) fn mask(&self, text: &str) -> String {
        let replace = |text: String, (secret, name): &(String, String)| text.replace(secret, name);
        self.0.iter().fold(text.to_owned(), replace)
    }

    pub(super) fn mask_exchange(&self, Exchange { sent, came }: &mut Exchange) {
        let mut texts = vec![&mut sent.line];
        texts.extend(sent.headers.iter_mut().chain(&mut sent.body));
        if let Ok(answer) = came {
            texts.push(&mut answer.body);
            texts.extend(answer.headers.iter_mut().map(|(_, value)| value));
        }
        for text in texts {
            *text = self.mask(text);
        }
    }
}

/// A client that follows no redirect and keeps no cookie. It uses the proxies of the environment, but not to reach this machine.
pub(super) fn client(is_loopback: bool) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .user_agent(concat!("mastra-auth-check/", env!("CARGO_PKG_VERSION")));
    if is_loopback {
        builder.no_proxy().build()
    } else {
        builder.build()
    }
}

impl Ask {
    pub(super) fn sent(&self) -> Sent {
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

    pub(super) async fn send(self, client: &Client) -> Result<Answer, String> {
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
        format!("no whole answer came within {} s", TIMEOUT.as_secs())
    } else {
        format!("no whole answer came: {cause}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_within_another_is_masked_with_it() {
        let mut secrets = Secrets::default();
        secrets.add("code_1", "code");
        secrets.add("code_1.signature", "token");
        secrets.add("abc", "too short to be one");
        assert_eq!(
            secrets.mask("Bearer code_1.signature; code_1; abc"),
            "Bearer {token}; {code}; abc"
        );
    }
}
