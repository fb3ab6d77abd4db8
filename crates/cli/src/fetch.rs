//! Fetches a key set from its address: once, without a credential, and reporting the cause of a failure.
//!
//! The request is the client's own, with its limits. The client reports only that there is no key set; a person who debugs
//! it needs the exact cause. Repeats nothing of a body, and only the host of another address.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use mastra_auth_cloud::{CloudApiError, ProjectId};
use mastra_auth_cloud_core::cloud::ops::Operation as _;
use mastra_auth_cloud_core::cloud::ops::key_set::GetKeySet;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
use mastra_auth_cloud_core::http::Request;
use mastra_auth_cloud_core::url::{BaseUrl, KeySetUrl};
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

/// Why an address returned no key set.
pub(crate) enum NoAnswer {
    /// The request cannot be built.
    Setup(String),
    Refused,
    NotConnected(String),
    Late(Duration),
    Broken(String),
    Status(StatusCode),
    Redirect(StatusCode, Where),
    TooLarge(usize),
}

/// The target of a redirect.
pub(crate) enum Where {
    SameHost,
    Host(String),
    /// The target is missing, or has no host.
    Nowhere,
}

/// The body of an answer with the status 200.
pub(crate) async fn fetch(url: &KeySetUrl) -> Result<Vec<u8>, NoAnswer> {
    let asked = exchange(url).await;
    match &asked {
        Ok(text) => tracing::debug!(bytes = text.len(), "the key set's address answered"),
        Err(error) => tracing::debug!(%error, "no key set came"),
    }
    asked
}

async fn exchange(url: &KeySetUrl) -> Result<Vec<u8>, NoAnswer> {
    let request = request(url).map_err(|error| NoAnswer::Setup(error.message().to_owned()))?;
    let url = Url::parse(request.url()).map_err(|error| NoAnswer::Setup(error.to_string()))?;
    let failed = |error| NoAnswer::new(error, request.timeout());
    let mut asking = client(&url)
        .map_err(failed)?
        .get(url.clone())
        .timeout(request.timeout());
    for (name, value) in request.headers() {
        asking = asking.header(name, value);
    }
    let mut answer = asking.send().await.map_err(failed)?;
    let status = answer.status();
    if status.is_redirection() {
        return Err(NoAnswer::Redirect(status, leads_to(&answer, &url)));
    }
    if status != StatusCode::OK {
        return Err(NoAnswer::Status(status));
    }
    let max = request.max_response_bytes();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if text.len().saturating_add(chunk.len()) > max {
            return Err(NoAnswer::TooLarge(max));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// The client's request. It uses nothing of the deployment around it.
fn request(url: &KeySetUrl) -> Result<Request, CloudApiError> {
    let base_url = BaseUrl::parse(DEFAULT_BASE_URL).map_err(CloudApiError::argument)?;
    let project = ProjectId::parse("none").map_err(CloudApiError::argument)?;
    let cookie = CookieSpec::new(CookieOptions::default())?;
    GetKeySet::new(url.clone()).request(&Config::new(base_url, project, cookie))
}

/// Honours the proxies of the environment, except for an address on this machine.
fn client(url: &Url) -> reqwest::Result<Client> {
    let builder = Client::builder().redirect(Policy::none());
    let is_loopback = BaseUrl::parse(&url.origin().ascii_serialization())
        .is_ok_and(|origin| origin.is_loopback());
    if is_loopback {
        builder.no_proxy().build()
    } else {
        builder.build()
    }
}

fn leads_to(answer: &Response, from: &Url) -> Where {
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| from.join(to).ok());
    match to.as_ref().and_then(Url::host_str) {
        Some(host) if Some(host) == from.host_str() => Where::SameHost,
        Some(host) => Where::Host(host.to_owned()),
        None => Where::Nowhere,
    }
}

impl NoAnswer {
    fn new(error: reqwest::Error, timeout: Duration) -> Self {
        // Remove the address, which may hold secrets.
        let error = error.without_url();
        let cause = innermost(&error);
        let is_refused = cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == ErrorKind::ConnectionRefused);
        if is_refused {
            Self::Refused
        } else if error.is_timeout() {
            Self::Late(timeout)
        } else if error.is_connect() {
            Self::NotConnected(cause.to_string())
        } else if error.is_builder() {
            Self::Setup(cause.to_string())
        } else {
            Self::Broken(cause.to_string())
        }
    }
}

fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(why) => write!(f, "The address cannot be asked: {why}."),
            Self::Refused => {
                f.write_str("Nothing listens at that host and port: the connection was refused.")
            }
            Self::NotConnected(why) => {
                write!(f, "No connection to that address came about: {why}.")
            }
            Self::Late(after) => {
                write!(
                    f,
                    "No whole answer came from that address within {after:?}."
                )
            }
            Self::Broken(why) => {
                write!(f, "What came from that address is no whole answer: {why}.")
            }
            Self::Status(status) => write!(f, "The answer has the status {status}, not 200."),
            Self::Redirect(status, to) => {
                write!(f, "The answer has the status {status} and leads ")?;
                match to {
                    Where::SameHost => f.write_str("elsewhere on the same host")?,
                    Where::Host(host) => write!(f, "to the host {host}")?,
                    Where::Nowhere => f.write_str("nowhere")?,
                }
                f.write_str("; redirects are not followed.")
            }
            Self::TooLarge(max) => {
                let kib = max / 1024;
                write!(f, "What is there is larger than {kib} KiB.")
            }
        }
    }
}
