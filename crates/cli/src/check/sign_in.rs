//! Ways through the login page: its own form at the local Cloud, and a person's browser elsewhere.

use std::time::Duration;

use mastra_auth_cloud_core::encoding::{base64url, sha256};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode, Url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::exchange::{Answer, Ask, Caller, Exchange, Sent};

/// Why there is no code.
pub(super) const NO_CODE: &str =
    "no code: no sign-in succeeded; elsewhere than at the local Cloud it takes --interactive";
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

/// Why a sign-in gave no code, and the way back if there was one.
pub(super) struct NoCode {
    pub(super) why: String,
    pub(super) back: Option<(String, u16)>,
}

impl From<String> for NoCode {
    fn from(why: String) -> Self {
        Self { why, back: None }
    }
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
    comers: Receiver<(TcpStream, String)>,
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
    pub(super) fn exchange(&self, url: &str) -> Exchange {
        way_back(url, &self.location, self.status)
    }

    fn read(location: &str, status: u16, challenge: Challenge) -> Result<Self, NoCode> {
        let no_code = |why: String| NoCode {
            why,
            back: Some((location.to_owned(), status)),
        };
        let url = Url::parse(location)
            .map_err(|_| no_code("the login page leads back to no address".to_owned()))?;
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
                Err(no_code(format!("the login page refused: {error}")))
            }
            _ => Err(no_code("the login page led back without a code".to_owned())),
        }
    }
}

/// The way back as an exchange whose answer is the redirect.
pub(super) fn way_back(url: &str, location: &str, status: u16) -> Exchange {
    Exchange {
        sent: Sent {
            line: format!("GET {url}"),
            headers: Vec::new(),
            body: None,
        },
        came: Ok(Answer {
            status,
            headers: vec![("location".to_owned(), location.to_owned())],
            body: String::new(),
            is_whole_text: true,
        }),
    }
}

impl SignIn {
    pub(super) async fn by_browser(open: fn(&str)) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, comers) = channel(8);
        tokio::spawn(listen(listener, sender));
        Ok(Self::ByBrowser(Browser {
            comers,
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
        caller: &mut Caller<'_>,
        url: &str,
        challenge: Challenge,
    ) -> Result<Back, NoCode> {
        match self {
            Self::ByForm => by_form(caller, url, challenge).await,
            Self::ByBrowser(browser) => browser.through(url, challenge).await,
            Self::Never => Err(NO_CODE.to_owned().into()),
        }
    }
}

async fn by_form(caller: &mut Caller<'_>, url: &str, challenge: Challenge) -> Result<Back, NoCode> {
    let ask = |method, url: &str, body| Ask {
        method,
        url: url.to_owned(),
        headers: vec![(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())],
        body,
    };
    let page = caller.send(ask(Method::GET, url, None)).await?;
    if page.header("location").is_some() {
        return led_back(&page, challenge);
    }
    let value = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let (Some(number), Some(person)) = (value("number"), value("person")) else {
        let why = "the login page wants a person: sign in with --interactive".to_owned();
        return Err(why.into());
    };
    let wrong = |error: <Url as std::str::FromStr>::Err| error.to_string();
    let form = Url::parse_with_params("http://form/", [("number", number), ("person", person)]);
    let form = form.map_err(wrong)?.query().unwrap_or_default().to_owned();
    // The form is sent to the page's own address.
    let mut to = Url::parse(url).map_err(wrong)?;
    to.set_query(None);
    let answer = caller
        .send(ask(Method::POST, to.as_str(), Some(form)))
        .await?;
    led_back(&answer, challenge)
}

fn led_back(answer: &Answer, challenge: Challenge) -> Result<Back, NoCode> {
    match answer.header("location") {
        Some(location) if (300..400).contains(&answer.status) => {
            Back::read(&location, answer.status, challenge)
        }
        _ => Err(format!("the login page answered {} to its own form", answer.status).into()),
    }
}

impl Browser {
    /// Sends the browser there, and waits until it comes back from this very login.
    async fn through(&mut self, url: &str, challenge: Challenge) -> Result<Back, NoCode> {
        match self.waiting.take() {
            Some(stream) => answer(stream, StatusCode::OK, Some(url)).await,
            None => (self.open)(url),
        }
        let state = Url::parse(url).ok().and_then(|url| state_of(&url));
        let come = async {
            loop {
                let Some((stream, path)) = self.comers.recv().await else {
                    return Err("the listener on this machine has ended".to_owned());
                };
                let back = format!("{}{path}", self.redirect_uri.trim_end_matches("/callback"));
                let told = Url::parse(&back).ok().and_then(|url| state_of(&url));
                let nonce =
                    |state: &Option<String>| state.as_ref()?.split('|').next().map(str::to_owned);
                if nonce(&told) == nonce(&state) {
                    return Ok((stream, back));
                }
                answer(stream, StatusCode::NOT_FOUND, None).await;
            }
        };
        let come = timeout(PATIENCE, come).await;
        let (stream, back) =
            come.map_err(|_| "no one signed in within five minutes".to_owned())??;
        self.waiting = Some(stream);
        Back::read(&back, 0, challenge)
    }
}

fn state_of(url: &Url) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(name, _)| name == "state")
        .map(|(_, value)| value.into_owned())
}

/// Passes on requests for the callback. Any other is answered and forgotten; one that says nothing holds up no other.
async fn listen(listener: TcpListener, comers: Sender<(TcpStream, String)>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let comers = comers.clone();
        tokio::spawn(async move {
            let path = timeout(Duration::from_secs(10), path(&mut stream)).await;
            match path.ok().flatten() {
                Some(path) if path.split('?').next() == Some("/callback") => {
                    // The run has ended, and needs no one any more.
                    let _ = comers.send((stream, path)).await;
                }
                _ => answer(stream, StatusCode::NOT_FOUND, None).await,
            }
        });
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

/// Answers and closes: with a page that moves on by itself, for browsers follow only so many redirects, or with one that says that
/// it is over. A browser that has gone away misses nothing.
async fn answer(mut stream: TcpStream, status: StatusCode, next: Option<&str>) {
    let next = next.map(|url| url.replace('&', "&amp;").replace('"', "&quot;"));
    let body = match (status, next) {
        (StatusCode::OK, Some(next)) => {
            format!("<meta http-equiv=\"refresh\" content=\"0;url={next}\"><p>One more sign-in.")
        }
        (StatusCode::OK, None) => {
            "<p>The check has all it needs. You can close this page.".to_owned()
        }
        _ => String::new(),
    };
    let body =
        format!("<!doctype html><meta charset=\"utf-8\"><title>mastra-auth check</title>{body}");
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
