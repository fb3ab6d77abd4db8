//! Key set: which keys sign tokens?
//!
//! Not part of the dialects: the document is JSON Web Key Set (RFC 7517) wherever it lies, and goes out without a credential.

use zeroize::Zeroizing;

use crate::cloud_call::CloudCall;
use crate::config::{Config, USER_AGENT};
use crate::error::{CloudApiError, Code};
use crate::http::{Delivery, Method, Request, Response};
use crate::jwt::{KeySet, NoKeySet, Report, lint};
use crate::op::{Operation, Retries};
use crate::url::KeySetUrl;

/// What the endpoint is called in errors and logs: its address may be anywhere.
const ENDPOINT: &str = "jwks";

/// Fetches a key set.
#[derive(Debug)]
pub struct GetKeySet {
    url: KeySetUrl,
}

impl GetKeySet {
    /// From there.
    pub const fn new(url: KeySetUrl) -> Self {
        Self { url }
    }
}

impl Operation for GetKeySet {
    /// A set with at least one usable key.
    type Output = KeySet;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        Ok(request(&self.url, config))
    }

    fn response(self, _config: &Config, delivery: Delivery) -> Result<KeySet, CloudApiError> {
        KeySet::parse(document(delivery)?.body())
            .map_err(|_| CloudApiError::new(Code::InvalidKeySet).at(ENDPOINT))
    }
}

/// Fetches a key set for somebody who wants to know what came where it is none.
#[derive(Debug)]
pub struct ExplainKeySet {
    url: KeySetUrl,
}

impl ExplainKeySet {
    /// From there.
    pub const fn new(url: KeySetUrl) -> Self {
        Self { url }
    }
}

impl Operation for ExplainKeySet {
    /// A set with at least one usable key, or what there is instead.
    type Output = Result<KeySet, NoKeySet>;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        Ok(request(&self.url, config))
    }

    fn response(self, _config: &Config, delivery: Delivery) -> Result<Self::Output, CloudApiError> {
        let document = document(delivery)?;
        let text = document.body();
        Ok(KeySet::parse(text).map_err(|error| NoKeySet::new(error, text)))
    }
}

/// Fetches a key set to say of each of its keys whether it can be used.
#[derive(Debug)]
pub struct LintKeySet {
    url: KeySetUrl,
}

impl LintKeySet {
    /// From there.
    pub const fn new(url: KeySetUrl) -> Self {
        Self { url }
    }
}

impl Operation for LintKeySet {
    /// What there is to say of it, also where it is none.
    type Output = Report;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        Ok(request(&self.url, config))
    }

    fn response(self, _config: &Config, delivery: Delivery) -> Result<Report, CloudApiError> {
        Ok(lint(document(delivery)?.body()))
    }
}

fn request(url: &KeySetUrl, config: &Config) -> Request {
    let plain = |text: &str| Zeroizing::new(text.to_owned());
    Request {
        call: CloudCall::KeySet,
        method: Method::Get,
        endpoint: ENDPOINT.into(),
        url: url.as_str().to_owned(),
        headers: vec![
            (
                "accept",
                plain("application/jwk-set+json, application/json"),
            ),
            ("user-agent", plain(USER_AGENT)),
        ],
        body: None,
        timeout: config.policy.call_timeout,
        max_response_bytes: config.policy.max_key_set_bytes,
    }
}

fn document(delivery: Delivery) -> Result<Response, CloudApiError> {
    delivery
        .ok()
        .filter(|response| response.status() == 200)
        .ok_or_else(|| CloudApiError::new(Code::KeysUnavailable).at(ENDPOINT))
}
