//! A request and a response as plain data: what a driver sends and what it brings back.
//!
//! `Debug` of both shows the endpoint, the method and sizes; never a URL with its query, a header or a body. Bodies and
//! headers are wiped when dropped.

use core::fmt;
use core::time::Duration;

use zeroize::{Zeroize as _, Zeroizing};

use crate::cloud_call::CloudCall;

/// The two methods of the contract. Exhaustive on purpose: a transport sends both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl Method {
    /// The method as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One call to the Cloud. The driver adds nothing to it and follows no redirect.
pub struct Request {
    pub(crate) call: CloudCall,
    pub(crate) method: Method,
    pub(crate) endpoint: Box<str>,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, Zeroizing<String>)>,
    pub(crate) body: Option<Zeroizing<Vec<u8>>>,
    pub(crate) timeout: Duration,
    pub(crate) max_response_bytes: usize,
}

impl Request {
    /// The endpoint's name.
    pub const fn call(&self) -> CloudCall {
        self.call
    }

    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The path of the contract, with `{id}` as placeholder: safe to log.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The whole URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All headers, lower-case names, each once.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// The body, where there is one.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_ref().map(|body| body.as_slice())
    }

    /// Time-out of the whole exchange, from connecting to the last byte.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many bytes of body the driver may read; with one more, return [`TransportError::TooLarge`].
    pub const fn max_response_bytes(&self) -> usize {
        self.max_response_bytes
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// The response: status, body and the cookies that it sets, unchanged.
pub struct Response {
    status: u16,
    body: Vec<u8>,
    cookies: Vec<Zeroizing<String>>,
    lost: Option<TransportError>,
}

impl Response {
    /// A response with this status and this body.
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            body,
            cookies: Vec::new(),
            lost: None,
        }
    }

    /// A response whose body could not be read. It counts as this error; only its cookies are read.
    pub const fn without_body(status: u16, error: TransportError) -> Self {
        Self {
            status,
            body: Vec::new(),
            cookies: Vec::new(),
            lost: Some(error),
        }
    }

    /// Adds the value of each `Set-Cookie` header, in order. Values that are not text may be left out.
    #[must_use]
    pub fn with_cookies(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.cookies = values.into_iter().map(Zeroizing::new).collect();
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Why the body could not be read, where that is so.
    pub const fn lost(&self) -> Option<TransportError> {
        self.lost
    }

    /// The response, where its body was read.
    pub(crate) fn whole(self) -> Delivery {
        self.lost.map_or(Ok(self), Err)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|value| value.as_str())
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection could be made; no byte of the request was sent.
    Connect,
    /// The connection ended before the whole response arrived.
    Closed,
    /// A reused connection was closed before any byte of the response: the other end closed it as the request was written.
    /// Return this only where that is certain: the request is then sent once more, even one that spends a code.
    Stale,
    /// The request timed out.
    Timeout,
    /// The body is larger than the request allows.
    TooLarge,
    /// The runtime cancelled the exchange together with the request that had begun it. That says nothing of the other end.
    Cancelled,
    /// Any other failure of the exchange.
    Other,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "No connection could be made.",
            Self::Closed | Self::Stale => "The connection ended before the whole answer came.",
            Self::Timeout => "The time for the answer was up.",
            Self::Cancelled => "The exchange was cancelled with the request that had begun it.",
            Self::TooLarge => "The answer is larger than is read.",
            Self::Other => "The exchange could not be made.",
        })
    }
}

impl core::error::Error for TransportError {}

/// A driver's result of one request.
pub type Delivery = Result<Response, TransportError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_body_and_sizes_are_shown_without_what_they_hold() {
        let lost = Response::without_body(200, TransportError::Timeout);
        assert_eq!(lost.lost(), Some(TransportError::Timeout));
        let whole = Response::new(200, b"secret".to_vec());
        assert_eq!(whole.lost(), None);
        assert_eq!(
            format!("{whole:?}"),
            "Response { status: 200, bytes: 6, .. }"
        );
    }
}
