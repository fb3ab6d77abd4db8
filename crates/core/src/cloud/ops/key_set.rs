//! Key set: fetches the keys that sign tokens.
//!
//! Not part of the dialects: the document is a JSON Web Key Set (RFC 7517) at any address, and the request carries no
//! credential.

use zeroize::Zeroizing;

use crate::cloud::ops::{Operation, Retries};
use crate::cloud_call::CloudCall;
use crate::config::{Config, USER_AGENT};
use crate::error::{CloudApiError, Code};
use crate::http::{Delivery, Method, Request};
use crate::jwt::KeySet;
use crate::url::KeySetUrl;

/// The endpoint's name in errors and logs: its address may be anywhere.
const ENDPOINT: &str = "jwks";

/// Fetches a key set.
#[derive(Debug)]
pub struct GetKeySet {
    url: KeySetUrl,
}

impl GetKeySet {
    /// A fetch of the key set at this address.
    pub const fn new(url: KeySetUrl) -> Self {
        Self { url }
    }
}

impl Operation for GetKeySet {
    /// A set with at least one usable key.
    type Output = KeySet;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let plain = |text: &str| Zeroizing::new(text.to_owned());
        Ok(Request {
            call: CloudCall::KeySet,
            method: Method::Get,
            endpoint: ENDPOINT.into(),
            url: self.url.as_str().to_owned(),
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
        })
    }

    fn response(self, _config: &Config, delivery: Delivery) -> Result<KeySet, CloudApiError> {
        let unavailable = || CloudApiError::new(Code::KeysUnavailable).at(ENDPOINT);
        let document = delivery.map_err(|error| unavailable().caused_by(error))?;
        // 203: a proxy changed the response, for example its encoding.
        if !matches!(document.status(), 200 | 203) {
            return Err(unavailable());
        }
        KeySet::parse(document.body())
            .map_err(|_| CloudApiError::new(Code::InvalidKeySet).at(ENDPOINT))
    }
}
