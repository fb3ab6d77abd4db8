//! Ways through the login page: its own form at the local Cloud, and a person's browser elsewhere.

use mastra_auth_cloud_core::encoding::{base64url, sha256};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode, Url};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::exchange::{Answer, Ask, Caller, Exchange, Sent};
use crate::loopback::{self, Loopback, PATIENCE};

/// Why there is no code.
pub(super) const NO_CODE: &str =
    "no code: no sign-in succeeded; elsewhere than at the local Cloud it takes --interactive";

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

/// A browser that comes back to this machine.
pub(super) struct Browser {
    loopback: Loopback,
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
        Ok(Self::ByBrowser(Browser {
            loopback: Loopback::open().await?,
            waiting: None,
            open,
        }))
    }

    pub(super) const fn can(&self) -> bool {
        !matches!(self, Self::Never)
    }

    pub(super) fn redirect_uri(&self) -> String {
        match self {
            Self::ByBrowser(browser) => browser.loopback.callback(),
            Self::ByForm | Self::Never => "http://localhost:4111/callback".to_owned(),
        }
    }

    /// The port that a program's sign-in comes back to.
    pub(super) const fn port(&self) -> u16 {
        match self {
            Self::ByBrowser(browser) => browser.loopback.port(),
            Self::ByForm | Self::Never => 4111,
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

    /// Goes through the sign-in of the platform at this address: where it led to, and with which status.
    pub(super) async fn at_platform(
        &mut self,
        caller: &mut Caller<'_>,
        url: &str,
    ) -> Result<(String, u16), String> {
        match self {
            Self::ByForm => led_away(caller, url).await,
            Self::ByBrowser(browser) => Ok((browser.come(url).await?, 0)),
            Self::Never => Err(NO_CODE.to_owned()),
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

/// Follows a sign-in at the platform through the local page's form, until it leads away: to there, with which status.
async fn led_away(caller: &mut Caller<'_>, url: &str) -> Result<(String, u16), String> {
    let mut at = Url::parse(url).map_err(|error| error.to_string())?;
    let home = at.origin();
    // The page, its form, and what is between.
    for _ in 0..6 {
        let page = caller.send(ask(Method::GET, at.as_str(), None)).await?;
        let answer = if page.header("location").is_some() {
            page
        } else {
            press(caller, &page, at.as_str()).await?
        };
        let next = answer.header("location").map(|next| at.join(&next));
        let Some(Ok(next)) = next else {
            return Err(format!("the sign-in page answered {}", answer.status));
        };
        if next.origin() != home {
            return Ok((next.into(), answer.status));
        }
        at = next;
    }
    Err("the sign-in page leads nowhere".to_owned())
}

fn ask(method: Method, url: &str, body: Option<String>) -> Ask {
    Ask {
        method,
        url: url.to_owned(),
        headers: vec![(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())],
        body,
    }
}

async fn by_form(caller: &mut Caller<'_>, url: &str, challenge: Challenge) -> Result<Back, NoCode> {
    let page = caller.send(ask(Method::GET, url, None)).await?;
    if page.header("location").is_some() {
        return led_back(&page, challenge);
    }
    let answer = press(caller, &page, url).await?;
    led_back(&answer, challenge)
}

/// Presses the first person's button of the local page at this address.
async fn press(caller: &mut Caller<'_>, page: &Answer, url: &str) -> Result<Answer, String> {
    let value = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let (Some(number), Some(person)) = (value("number"), value("person")) else {
        return Err("the login page wants a person: sign in with --interactive".to_owned());
    };
    let wrong = |error: <Url as std::str::FromStr>::Err| error.to_string();
    let form = Url::parse_with_params("http://form/", [("number", number), ("person", person)]);
    let form = form.map_err(wrong)?.query().unwrap_or_default().to_owned();
    // The form is sent to the page's own address.
    let mut to = Url::parse(url).map_err(wrong)?;
    to.set_query(None);
    caller
        .send(ask(Method::POST, to.as_str(), Some(form)))
        .await
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
    async fn through(&mut self, url: &str, challenge: Challenge) -> Result<Back, NoCode> {
        Back::read(&self.come(url).await?, 0, challenge)
    }

    /// Sends the browser there, and waits until it comes back from this very login.
    async fn come(&mut self, url: &str) -> Result<String, String> {
        match self.waiting.take() {
            Some(stream) => answer(stream, StatusCode::OK, Some(url)).await,
            None => (self.open)(url),
        }
        let state = Url::parse(url).ok().and_then(|url| state_of(&url));
        let come = async {
            loop {
                let (stream, back) = self.loopback.next().await?;
                let told = Url::parse(&back).ok().and_then(|url| state_of(&url));
                let nonce =
                    |state: &Option<String>| state.as_ref()?.split('|').next().map(str::to_owned);
                if nonce(&told) == nonce(&state) {
                    return Ok::<_, String>((stream, back));
                }
                answer(stream, StatusCode::NOT_FOUND, None).await;
            }
        };
        let come = timeout(PATIENCE, come).await;
        let (stream, back) =
            come.map_err(|_| "no one signed in within five minutes".to_owned())??;
        self.waiting = Some(stream);
        Ok(back)
    }
}

fn state_of(url: &Url) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(name, _)| name == "state")
        .map(|(_, value)| value.into_owned())
}

/// Answers with a page that moves on by itself, for browsers follow only so many redirects, or with one that says that it is over.
async fn answer(stream: TcpStream, status: StatusCode, next: Option<&str>) {
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
    loopback::answer(stream, status, "mastra-auth check", &body).await;
}
