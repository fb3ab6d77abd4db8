//! Verify token: returns the user of a token, under the session's newest token. The answer to a sealed session may set a newer
//! one.
//!
//! At an instance of one organization the user is in that one, with the roles there. Roles in any other one count for nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cloud::endpoint::Filling;
use crate::cloud::model::CloudUser;
use crate::cloud::ops::refresh_session::newer;
use crate::cloud::ops::{Operation, Retries};
use crate::config::Config;
use crate::dialect::{Endpoint, Field, Verified};
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::ids::OrganizationId;
use crate::json::Object;
use crate::secret::SessionToken;

/// Asks the Cloud for the user of a token.
#[derive(Debug)]
pub struct VerifyToken {
    token: SessionToken,
    /// The first one, where an answer replaced it.
    replaced: Option<SessionToken>,
    newer: Option<NewerSlot>,
}

/// The newest session of the answers, for a caller that keeps it though the rest of them cannot be used.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewerSlot(Arc<Mutex<Option<SessionToken>>>);

impl NewerSlot {
    pub(crate) fn get(&self) -> Option<SessionToken> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<SessionToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VerifyToken {
    /// A verification of this token.
    pub const fn new(token: SessionToken) -> Self {
        Self {
            token,
            replaced: None,
            newer: None,
        }
    }

    /// Puts a newer session that an answer brings into the slot.
    pub(crate) fn keeping(self, slot: &NewerSlot) -> Self {
        Self {
            newer: Some(slot.clone()),
            ..self
        }
    }

    fn endpoint(&self, config: &Config) -> &'static Endpoint {
        let table = config.table();
        match &table.sealed {
            Some(sealed) if self.token.is_sealed() => &sealed.me,
            _ => &table.verify,
        }
    }

    /// The organization to name: of this instance, to an endpoint that takes one. A sealed session has its own.
    fn organization<'c>(&self, config: &'c Config) -> Option<&'c OrganizationId> {
        let own = config.organization.as_ref();
        own.filter(|_| !self.token.is_sealed())
    }

    /// Whether the Cloud refused the organization that was named, and not the token.
    fn is_no_member(&self, config: &Config, error: &CloudApiError) -> bool {
        error.is_refusal() && error.status() == 403 && self.organization(config).is_some()
    }
}

impl Operation for VerifyToken {
    type Output = CloudUser;
    const RETRIES: Retries = Retries::Once;

    fn request(&self, config: &Config) -> Result<Request, CloudApiError> {
        let filling = Filling {
            token: Some(&self.token),
            organization: self.organization(config),
            fields: &[(Field::Token, self.token.expose())],
            ..Filling::default()
        };
        self.endpoint(config).request(config, &filling)
    }

    fn note(&mut self, config: &Config, delivery: &Delivery) -> bool {
        if let Some(newer) = newer(config, &self.token, delivery) {
            if let Some(slot) = &self.newer {
                *slot.lock() = Some(newer.clone());
            }
            self.replaced
                .get_or_insert(core::mem::replace(&mut self.token, newer));
        }
        false
    }

    fn response(self, config: &Config, delivery: Delivery) -> Result<CloudUser, CloudApiError> {
        let endpoint = self.endpoint(config);
        let token = self.token.clone();
        let read = |data: Object<'_>| match config.table().verified {
            Verified::User => CloudUser::read(data.object("user")?, token.clone()),
            Verified::Claims => CloudUser::read_claims(data, token.clone()),
            Verified::Member => CloudUser::read_member(data, token.clone()),
        };
        let secrets = [Some(&self.token), self.replaced.as_ref()];
        let secrets: Vec<&str> = secrets
            .into_iter()
            .flatten()
            .map(SessionToken::expose)
            .collect();
        let user = endpoint.response(config, delivery, &secrets, read);
        let Some(own) = &config.organization else {
            return user;
        };
        match user {
            Ok(user) => user.at_instance_of(own),
            Err(error) if self.is_no_member(config, &error) => Err(CloudApiError::not_a_member()),
            Err(error) => Err(error),
        }
        .map_err(|error| error.at(&endpoint.template(config)))
    }
}
