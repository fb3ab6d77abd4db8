//! The transport: it sends one request to the Cloud and reads its response.
//!
//! A [`Transport`] sends exactly the request it is given. It follows no redirect, adds no header that carries information,
//! reads the body up to the request's limit, and ends the whole exchange within the request's time-out. An authorization
//! code is sent once, so it takes a connection of its own: a pooled connection could be closing at the other end. Where the body
//! cannot be read, it passes on the cookies of the answer with [`Response::without_body`].
//!
//! With the feature `reqwest`, which is on by default, `ReqwestTransport` is used. Bring your own for tracing or another HTTP
//! client.

#[cfg(feature = "reqwest")]
mod reqwest;

use std::future::Future;
use std::pin::Pin;

pub use mastra_auth_cloud_core::cloud_call::CloudCall;
pub use mastra_auth_cloud_core::http::{Delivery, Method, Request, Response, TransportError};
pub use mastra_auth_cloud_core::url::BaseUrl;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
#[cfg(feature = "program")]
pub(crate) use self::reqwest::read;

/// The future of a request in flight.
pub type TransportFuture<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// Sends requests to the Cloud.
///
/// Implementations must not follow redirects, must stop at [`Request::max_response_bytes`] and must end within
/// [`Request::timeout`].
///
/// # Examples
///
/// A transport that adds a line to each exchange of another one:
///
/// ```
/// use mastra_auth_cloud::transport::{Request, Response, Transport, TransportFuture};
///
/// struct Printed<T>(T);
///
/// impl<T: Transport> Transport for Printed<T> {
///     fn send(&self, request: Request) -> TransportFuture<'_> {
///         Box::pin(async move {
///             // Not the URL, the headers or the body: they hold secrets.
///             let endpoint = request.endpoint().to_owned();
///             let delivery = self.0.send(request).await;
///             println!("{endpoint}: {:?}", delivery.as_ref().map(Response::status));
///             delivery
///         })
///     }
/// }
/// ```
///
/// A Cloud for a unit test, which is down:
///
/// ```
/// use mastra_auth_cloud::transport::{Request, Transport, TransportError, TransportFuture};
/// use mastra_auth_cloud::{Authentication, MastraCloudAuth};
///
/// struct Down;
///
/// impl Transport for Down {
///     fn send(&self, _: Request) -> TransportFuture<'_> {
///         Box::pin(async { Err(TransportError::Connect) })
///     }
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let auth = MastraCloudAuth::builder().project_id("demo").transport(Down).build()?;
/// let answer = auth.authenticate_token("a-token").await;
/// assert!(matches!(answer, Authentication::Unavailable(error) if error.status() == 503));
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// # }).unwrap();
/// ```
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and reads its response.
    fn send(&self, request: Request) -> TransportFuture<'_>;
}
