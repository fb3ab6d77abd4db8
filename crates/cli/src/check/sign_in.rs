//! Ways through the login page: its own form at the local Cloud, and a person's browser elsewhere.

use std::time::Duration;

use mastra_auth_cloud_core::encoding::{base64url, sha256};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, StatusCode, Url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::exchange::{Answer, Exchange, Sent};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Most bytes of a request's head.
const MAX_HEAD: usize = 16 * 1024;

/// A verifier and its challenge by S256 (RFC 7636, section 4.2).
pub(super) struct Challenge {
    verifier: String,
    challenge: String,
}

/// The browser came back from the login page.
pub(super) struct Back {
    pub(super) code: String,
    pub(super) challenge: Challenge,
    location: String,
    /// The redirect's status; 0 where only the browser saw it.
    status: u16,
}

/// How this run gets codes.
pub(super) enum SignIn {
    /// Presses the button of the local Cloud's page, or is redirected at once.
    ByForm,
    ByBrowser(Browser),
    Never,
}

/// A listener on this machine that the browser comes back to.
pub(super) struct Browser {
    listener: TcpListener,
    redirect_uri: String,
    /// The browser waits there for the next page.
    waiting: Option<TcpStream>,
    open: fn(&str),
}

impl Challenge {
    pub(super) fn of(verifier: &str) -> Self {
        Self {
            verifier: verifier.to_owned(),
            challenge: base64url(&sha256(verifier.as_bytes())),
        }
    }

    pub(super) fn fresh() -> Result<Self, String> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system gives no random numbers")?;
        Ok(Self::of(&base64url(&bytes)))
    }

    pub(super) fn verifier(&self) -> &str {
        &self.verifier
    }

    pub(super) fn as_str(&self) -> &str {
        &self.challenge
    }
}

impl Back {
    /// The way back as an exchange whose answer is the redirect.
    pub(super) fn exchange(&self, url: &str) -> Exchange {
        Exchange {
            sent: Sent {
                line: format!("GET {url}"),
                headers: Vec::new(),
                body: None,
            },
            came: Ok(Answer {
                status: self.status,
                headers: vec![("location".to_owned(), self.location.clone())],
                body: String::new(),
                is_whole_text: true,
            }),
        }
    }

    fn read(location: &str, status: u16, challenge: Challenge) -> Result<Self, String> {
        let url = Url::parse(location)
            .map_err(|_| "the login page leads back to no address".to_owned())?;
        let find = |wanted: &str| {
            let mut pairs = url.query_pairs();
            pairs
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        match (find("code"), find("error")) {
            (Some(code), _) if !code.is_empty() => Ok(Self {
                code,
                challenge,
                location: location.to_owned(),
                status,
            }),
            (_, Some(error)) => {
                // A foreign text: only what an error's name may hold.
                let error: String = error
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .take(40)
                    .collect();
                Err(format!("the login page refused: {error}"))
            }
            _ => Err("the login page led back without a code".to_owned()),
        }
    }
}

impl SignIn {
    pub(super) async fn by_browser(open: fn(&str)) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self::ByBrowser(Browser {
            listener,
            redirect_uri: format!("http://127.0.0.1:{port}/callback"),
            waiting: None,
            open,
        }))
    }

    pub(super) const fn can(&self) -> bool {
        !matches!(self, Self::Never)
    }

    pub(super) fn redirect_uri(&self) -> String {
        match self {
            Self::ByBrowser(browser) => browser.redirect_uri.clone(),
            Self::ByForm | Self::Never => "http://localhost:4111/callback".to_owned(),
        }
    }

    /// Tells a waiting browser that it is over.
    pub(super) async fn done(self) {
        if let Self::ByBrowser(browser) = self
            && let Some(stream) = browser.waiting
        {
            answer(stream, StatusCode::OK, None).await;
        }
    }

    /// Goes through the login page at this address.
    pub(super) async fn through(
        &mut self,
        client: &Client,
        url: &str,
        challenge: Challenge,
    ) -> Result<Back, String> {
        match self {
            Self::ByForm => by_form(client, url, challenge).await,
            Self::ByBrowser(browser) => browser.through(url, challenge).await,
            Self::Never => Err("no code: sign in with --interactive".to_owned()),
        }
    }
}

async fn by_form(client: &Client, url: &str, challenge: Challenge) -> Result<Back, String> {
    let unreachable =
        |error: reqwest::Error| format!("the login page did not answer: {}", error.without_url());
    let page = client.get(url).send().await.map_err(unreachable)?;
    if page.status().is_redirection() {
        return led_back(&page, challenge);
    }
    let text = page.text().await.map_err(unreachable)?;
    let value = |name: &str| {
        let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let (Some(number), Some(person)) = (value("number"), value("person")) else {
        return Err("the login page wants a person: sign in with --interactive".to_owned());
    };
    let form = Url::parse_with_params("http://form/", [("number", number), ("person", person)])
        .map_err(|error| error.to_string())?;
    let to = Url::parse(url).and_then(|url| url.join("/auth/oss"));
    let post = client
        .post(to.map_err(|error| error.to_string())?)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.query().unwrap_or_default().to_owned());
    led_back(&post.send().await.map_err(unreachable)?, challenge)
}

fn led_back(answer: &reqwest::Response, challenge: Challenge) -> Result<Back, String> {
    let status = answer.status();
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|to| to.to_str().ok());
    match location {
        Some(location) if status.is_redirection() => {
            Back::read(location, status.as_u16(), challenge)
        }
        _ => Err(format!("the login page answered {status} to its own form")),
    }
}

impl Browser {
    /// Sends the browser there, and waits until it comes back with a code.
    async fn through(&mut self, url: &str, challenge: Challenge) -> Result<Back, String> {
        match self.waiting.take() {
            Some(stream) => {
                answer(stream, StatusCode::FOUND, Some(url)).await;
            }
            None => (self.open)(url),
        }
        let (stream, path) = timeout(PATIENCE, self.come())
            .await
            .map_err(|_| "nobody signed in within five minutes".to_owned())?;
        self.waiting = Some(stream);
        let origin = self.redirect_uri.trim_end_matches("/callback");
        Back::read(&format!("{origin}{path}"), 0, challenge)
    }

    /// The next request for the callback. Anything else is answered and forgotten.
    async fn come(&self) -> (TcpStream, String) {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                continue;
            };
            let path = timeout(Duration::from_secs(10), path(&mut stream)).await;
            match path.ok().flatten() {
                Some(path) if path.split('?').next() == Some("/callback") => return (stream, path),
                _ => answer(stream, StatusCode::NOT_FOUND, None).await,
            }
        }
    }
}

/// The path of a GET request.
async fn path(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 2048];
        let read = stream.read(&mut part).await.ok()?;
        head.extend_from_slice(part.get(..read).filter(|part| !part.is_empty())?);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.strip_prefix("GET ")?.split(' ').next()?;
    Some(path.to_owned())
}

/// Answers and closes. A browser that has gone away misses nothing.
async fn answer(mut stream: TcpStream, status: StatusCode, location: Option<&str>) {
    const DONE: &str = "<!doctype html><meta charset=\"utf-8\"><title>mastra-auth check</title><p>The check has all it needs. You can close this page.";
    let body = if status == StatusCode::OK { DONE } else { "" };
    let location = location.map_or_else(String::new, |to| format!("location: {to}\r\n"));
    let text = format!(
        "HTTP/1.1 {status}\r\n{location}content-type: text/html\r\ncontent-length: {}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
