//! The transport over reqwest. Feature `reqwest`.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mastra_auth_cloud_core::error::CloudApiError;

use super::{
    BaseUrl, CloudCall, Delivery, Method, Request, Response, Transport, TransportError,
    TransportFuture,
};
use crate::{system, telemetry};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// On this machine a connection succeeds or is refused at once. Slowness there means a busy machine, so the time-out of the
/// whole call is the bound.
const LOOPBACK_CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// Shorter than servers keep idle connections, so that a request seldom meets one that is being closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection that is never idle would keep its address for ever, even after the name moved to another.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(5);

/// The transport over reqwest: rustls, redirects off, nothing decompressed, connections no older than five minutes. Feature
/// `reqwest`.
///
/// # Examples
///
/// Through a proxy:
///
/// ```
/// use mastra_auth_cloud::MastraCloudAuth;
/// use mastra_auth_cloud::transport::ReqwestTransport;
///
/// let proxy = reqwest::Proxy::all("http://proxy.internal:3128")?;
/// let transport = ReqwestTransport::from_builder(move || {
///     reqwest::Client::builder().proxy(proxy.clone())
/// })?;
/// let auth = MastraCloudAuth::builder().project_id("demo").transport(transport).build()?;
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ReqwestTransport {
    make: Arc<dyn Fn() -> reqwest::ClientBuilder + Send + Sync>,
    connect_timeout: Duration,
    max_age: Duration,
    generation: Arc<Mutex<Generation>>,
}

/// A client and its pool. Once it is replaced, its requests in flight complete and its connections close with them.
#[derive(Clone)]
struct Generation {
    client: reqwest::Client,
    /// A client without a pool, built when first needed.
    fresh: Arc<OnceLock<reqwest::Client>>,
    born: Duration,
}

impl ReqwestTransport {
    /// A transport for this Cloud. It honours the proxies of the environment, except for a local Cloud.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` if no TLS back end can be set up.
    pub fn new(base_url: &BaseUrl) -> Result<Self, CloudApiError> {
        if base_url.is_local() {
            let make = || reqwest::Client::builder().no_proxy();
            return Self::with(make, LOOPBACK_CONNECT_TIMEOUT);
        }
        Self::from_builder(reqwest::Client::builder)
    }

    /// A transport over clients of your own making. It keeps their proxies, roots and local address, but turns redirects
    /// off and sets its own time-outs. It calls `make` again whenever the connections are too old.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` if the client cannot be built.
    pub fn from_builder(
        make: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Result<Self, CloudApiError> {
        Self::with(make, CONNECT_TIMEOUT)
    }

    fn with(
        make: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static,
        connect_timeout: Duration,
    ) -> Result<Self, CloudApiError> {
        let generation = generation(make(), connect_timeout).map_err(|_| {
            CloudApiError::configuration("The HTTP client cannot be built with these options.")
        })?;
        Ok(Self {
            make: Arc::new(make),
            connect_timeout,
            max_age: MAX_CONNECTION_AGE,
            generation: Arc::new(Mutex::new(generation)),
        })
    }

    /// The age beyond which new requests use a new connection. Default 5 min.
    #[must_use]
    pub fn max_connection_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    pub(crate) fn client(&self, call: CloudCall) -> reqwest::Client {
        let mut current = self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let age = system::now().monotonic.saturating_sub(current.born);
        if age >= self.max_age {
            match generation((self.make)(), self.connect_timeout) {
                Ok(next) => *current = next,
                // The old client still works; the next request tries again.
                Err(_) => telemetry::http_client_rebuild_failed(),
            }
        }
        let Generation { client, fresh, .. } = current.clone();
        drop(current);
        if call != CloudCall::ExchangeCode {
            return client;
        }
        let builder = || (self.make)().pool_max_idle_per_host(0);
        let make = || {
            if let Ok(generation) = generation(builder(), self.connect_timeout) {
                return generation.client;
            }
            telemetry::http_client_rebuild_failed();
            client
        };
        fresh.get_or_init(make).clone()
    }

    async fn exchange(&self, request: Request) -> Delivery {
        let out = self.outgoing(&request)?;
        let (status, headers, body) = read(out, request.max_response_bytes()).await?;
        let set = headers.get_all(http::header::SET_COOKIE).into_iter();
        let cookies: Vec<String> = set
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect();
        let response = match body {
            Ok(body) => Response::new(status, body),
            Err(error) => Response::without_body(status, error),
        };
        Ok(response.with_cookies(cookies))
    }

    /// The request for reqwest. A header with a credential is marked, so that no layer below shows it or lets HPACK index it.
    fn outgoing(&self, request: &Request) -> Result<reqwest::RequestBuilder, TransportError> {
        let method = match request.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut out = self
            .client(request.call())
            .request(method, request.url())
            .timeout(request.timeout());
        for (name, value) in request.headers() {
            let mut value =
                reqwest::header::HeaderValue::from_str(value).map_err(|_| TransportError::Other)?;
            value.set_sensitive(matches!(name, "authorization" | "cookie"));
            out = out.header(name, value);
        }
        if let Some(body) = request.body() {
            out = out.body(body.to_vec());
        }
        Ok(out)
    }
}

/// Sends a request; reads the answer's status and headers, and its body up to a limit.
pub(crate) async fn read(
    request: reqwest::RequestBuilder,
    max: usize,
) -> Result<(u16, http::HeaderMap, Result<Vec<u8>, TransportError>), TransportError> {
    let mut answer = request.send().await.map_err(|error| failure(&error))?;
    let status = answer.status().as_u16();
    let headers = std::mem::take(answer.headers_mut());
    Ok((status, headers, read_body(answer, max).await))
}

async fn read_body(mut answer: reqwest::Response, max: usize) -> Result<Vec<u8>, TransportError> {
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
    Ok(body)
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        Box::pin(self.exchange(request))
    }
}

fn generation(
    builder: reqwest::ClientBuilder,
    connect_timeout: Duration,
) -> reqwest::Result<Generation> {
    let client = builder
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .referer(false)
        .build()?;
    let born = system::now().monotonic;
    let fresh = Arc::default();
    Ok(Generation {
        client,
        fresh,
        born,
    })
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport")
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

/// Checks for a connect error first: a time-out while connecting means that nothing was sent.
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

#[cfg(test)]
mod tests {
    use mastra_auth_cloud_core::cloud::ops::Operation as _;
    use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
    use mastra_auth_cloud_core::config::Config;
    use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
    use mastra_auth_cloud_core::dialect::Dialect;
    use mastra_auth_cloud_core::ids::ProjectId;
    use mastra_auth_cloud_core::secret::SessionToken;

    use super::*;

    #[test]
    fn threat_104_each_credential_is_marked_as_one_on_its_way() {
        let base_url = BaseUrl::parse("https://platform.mastra.ai").unwrap();
        let cookie = CookieSpec::new(CookieOptions::default()).unwrap();
        let transport = ReqwestTransport::new(&base_url).unwrap();
        let mut config = Config::new(base_url, ProjectId::parse("demo").unwrap(), cookie);
        config.dialect = Dialect::Platform;
        for token in [
            SessionToken::parse("s3cret"),
            SessionToken::sealed("s3cret"),
        ] {
            let request = VerifyToken::new(token.unwrap()).request(&config).unwrap();
            let outgoing = transport.outgoing(&request).unwrap().build().unwrap();
            let holding = |value: &&http::HeaderValue| value.as_bytes().ends_with(b"s3cret");
            let credentials: Vec<_> = outgoing.headers().values().filter(holding).collect();
            assert_eq!(credentials.len(), 1);
            assert!(credentials.iter().all(|value| value.is_sensitive()));
            assert!(!format!("{outgoing:?}").contains("s3cret"));
        }
    }
}
