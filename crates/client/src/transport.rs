//! Moving one request to the Cloud and its answer back.
//!
//! A [`Transport`] sends exactly what it is given: no redirect is followed, no header is added that carries anything, the
//! body is read up to the request's bound and no further, and the whole exchange ends within the request's time. The one
//! here is reqwest; bring your own for a proxy, tracing or another runtime.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::{Delivery, Method, Request, Response, TransportError};
use mastra_auth_cloud_core::url::BaseUrl;

/// A request on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// Something that can send a request.
///
/// Implementations must not follow redirects, must stop at [`Request::max_response_bytes`] and must end within
/// [`Request::timeout`].
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and reads its answer.
    fn send(&self, request: Request) -> Sending<'_>;
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than servers keep idle connections, so that a request seldom meets one that is just being closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The transport over reqwest: rustls, redirects off, nothing decompressed.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// A transport for this Cloud. Proxies of the environment are honoured, but never for a Cloud on this machine.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where no TLS back end can be set up.
    pub fn new(base_url: &BaseUrl) -> Result<Self, CloudApiError> {
        let builder = reqwest::Client::builder();
        Self::from_builder(if base_url.is_loopback() {
            builder.no_proxy()
        } else {
            builder
        })
    }

    /// A transport over a client of your own making: its proxies, roots and local address are kept; redirects are off
    /// whatever it says, and time-outs are ours.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the client cannot be built.
    pub fn from_builder(builder: reqwest::ClientBuilder) -> Result<Self, CloudApiError> {
        builder
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .referer(false)
            .build()
            .map(|client| Self { client })
            .map_err(|_| {
                CloudApiError::configuration("The HTTP client cannot be built with these options.")
            })
    }

    async fn exchange(&self, request: Request) -> Delivery {
        let method = match request.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut out = self
            .client
            .request(method, request.url())
            .timeout(request.timeout());
        for (name, value) in request.headers() {
            let mut value =
                reqwest::header::HeaderValue::from_str(value).map_err(|_| TransportError::Other)?;
            value.set_sensitive(name == "authorization");
            out = out.header(name, value);
        }
        if let Some(body) = request.body() {
            out = out.body(body.to_vec());
        }
        let mut answer = out.send().await.map_err(|error| failure(&error))?;
        let status = answer.status().as_u16();
        let max = request.max_response_bytes();
        if answer
            .content_length()
            .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > max))
        {
            return Err(TransportError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
            if body.len().saturating_add(chunk.len()) > max {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response::new(status, body))
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(self.exchange(request))
    }
}

/// The connection first: a time-out while connecting means that nothing was sent.
fn failure(error: &reqwest::Error) -> TransportError {
    if error.is_connect() {
        TransportError::Connect
    } else if error.is_timeout() {
        TransportError::Timeout
    } else if error.is_builder() || error.is_redirect() {
        TransportError::Other
    } else {
        TransportError::Closed
    }
}
