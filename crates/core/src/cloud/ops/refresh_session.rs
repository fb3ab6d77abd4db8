//! Refresh session: asks for a newer one in place of a sealed session.

use crate::cloud::endpoint::Filling;
use crate::cloud::envelope::Data;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::Endpoint;
use crate::error::CloudApiError;
use crate::http::{Delivery, Request, Response};
use crate::secret::SessionToken;

/// Asks the Cloud for a newer session.
#[derive(Debug)]
pub struct RefreshSession {
    token: SessionToken,
    newer: Option<SessionToken>,
    endpoint: &'static Endpoint,
}

impl RefreshSession {
    /// A refresh of this sealed session; `None` where the dialect has none.
    pub fn new(config: &Config, token: SessionToken) -> Option<Self> {
        let sealed = config.table().sealed.as_ref()?;
        Some(Self {
            token,
            newer: None,
            endpoint: &sealed.refresh,
        })
    }
}

impl Operation for RefreshSession {
    /// The newer session, where the Cloud set one. It is not verified, and replaces the old one there.
    type Output = Option<SessionToken>;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            token: Some(&self.token),
            ..Filling::default()
        };
        self.endpoint.request(config, &filling)
    }

    fn note(&mut self, config: &Config, delivery: &Delivery) -> bool {
        // It replaced the old one, whatever else the answer holds.
        self.newer = newer(config, &self.token, delivery);
        self.newer.is_some()
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<Self::Output, CloudApiError> {
        if let Some(newer) = self.newer {
            return Ok(Some(newer));
        }
        let secrets = [self.token.expose()];
        self.endpoint
            .open(config, Data::Optional, delivery, &secrets)
            .map(|_| None)
    }
}

/// The sealed session that an answer sets in place of this one, whatever it is otherwise; a 401 says that there is none. Only the
/// value of the cookie counts: its attributes are for a browser.
pub(crate) fn newer(
    config: &Config,
    token: &SessionToken,
    delivery: &Delivery,
) -> Option<SessionToken> {
    let sealed = config.table().sealed.as_ref()?;
    let may_set = |it: &&Response| token.is_sealed() && it.status() != 401;
    let response = delivery.as_ref().ok().filter(may_set)?;
    let values = response.cookies().filter_map(|cookie| {
        let (name, rest) = cookie.split_once('=')?;
        let value = rest.split_once(';').map_or(rest, |(value, _)| value);
        (name.trim() == sealed.cookie).then_some(value.trim())
    });
    // A browser keeps the last of several. An empty value clears the cookie.
    let newer = SessionToken::sealed(values.last()?).ok()?;
    (!newer.same_as(token)).then_some(newer)
}
