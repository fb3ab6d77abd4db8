//! Permissions: what a user may do, from the role mapping or from the Cloud.
//!
//! With a role mapping nobody is asked. Otherwise the Cloud's permission endpoint is, with the user's own session token;
//! where the dialect has none, the default roles apply. Answers are remembered like identities, and a refusal means no
//! permissions, never an error; not to know is an error, never "none". Whoever holds a user whose session ended here, or is
//! past its end, is told so, whatever is known of them.

use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::error::{CloudApiError, Code};
use crate::identity::authority::{Authority, Permit};
use crate::identity::breaker::Asked;
use crate::identity::cache::GrantsLookup;
use crate::identity::key::TokenKey;
use crate::ids::UserId;
use crate::model::CloudUser;
use crate::op::user_permissions::GetUserPermissions;
use crate::permission::Grants;
use crate::roles::RoleMapping;
use crate::secret::SessionToken;
use crate::time::Now;

/// One permission look-up on its way.
#[derive(Debug)]
pub struct Permissions {
    authority: Arc<Authority>,
    key: TokenKey,
    user: UserId,
    token: SessionToken,
    stale: Option<Arc<Grants>>,
    permit: Option<Permit>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Roles(Arc<Grants>),
    Cloud(Call<GetUserPermissions>),
}

impl Permissions {
    /// For this user.
    pub fn new(authority: Arc<Authority>, user: &CloudUser, jitter: Jitter) -> Self {
        let config = authority.config();
        let token = user.session_token();
        let key = authority.key(token.expose());
        let source = match (
            &config.role_mapping,
            GetUserPermissions::new(config, user.id().clone(), token.clone()),
        ) {
            (None, Some(operation)) => {
                Source::Cloud(Call::new(Arc::clone(authority.config()), operation, jitter))
            }
            (Some(mapping), _) => Source::Roles(Arc::new(mapping.permissions(user.roles()))),
            (None, None) => Source::Roles(Arc::new(
                RoleMapping::default_roles().permissions(user.roles()),
            )),
        };
        Self {
            authority,
            key,
            user: user.id().clone(),
            token: token.clone(),
            stale: None,
            permit: None,
            source,
        }
    }

    /// What two of these must share to be one: who asks and about whom, for one may ask about another.
    pub fn key(&self) -> TokenKey {
        self.key.about(&self.user)
    }

    /// What is known without asking: from the roles that this user has, or from memory. Drivers look here first, so that what
    /// follows from one user's roles is never shared with whoever holds the same token with others.
    /// Nothing where the session is over.
    pub fn known(&self, now: Now) -> Option<Arc<Grants>> {
        if self.end(now).is_some() {
            return None;
        }
        match &self.source {
            Source::Roles(grants) => Some(Arc::clone(grants)),
            Source::Cloud(_) => match self.authority.grants(&self.key, &self.user, now) {
                GrantsLookup::Fresh(grants) => Some(grants),
                GrantsLookup::Stale(_) | GrantsLookup::Unknown => None,
            },
        }
    }

    fn end(&self, now: Now) -> Option<CloudApiError> {
        self.authority
            .end_of_user(&self.key, &self.token, &self.user, now)
    }

    fn start(&mut self, now: Now) -> Option<Result<Arc<Grants>, CloudApiError>> {
        if let Some(end) = self.end(now) {
            return Some(Err(end));
        }
        if let Some(grants) = self.known(now) {
            return Some(Ok(grants));
        }
        let known = self.authority.grants(&self.key, &self.user, now);
        if let GrantsLookup::Stale(grants) = known {
            self.stale = Some(grants);
        }
        self.permit = self.authority.may_ask(Asked::Permissions, self.key, now);
        self.permit
            .is_none()
            .then(|| self.unavailable(CloudApiError::new(Code::CircuitOpen)))
    }

    fn answer(
        &mut self,
        result: Result<Grants, CloudApiError>,
        now: Now,
    ) -> Result<Arc<Grants>, CloudApiError> {
        if let Some(permit) = self.permit.take() {
            permit.report(&result, now);
        }
        // What stood when the Cloud was asked may have ended while it answered.
        if let Some(end) = self.end(now) {
            return Err(end);
        }
        let grants = match result {
            Ok(grants) => Arc::new(grants),
            Err(error) if error.is_refusal() => Arc::new(Grants::default()),
            Err(error) => return self.unavailable(error),
        };
        self.authority
            .remember_grants(self.key, self.user.clone(), Arc::clone(&grants), now);
        Ok(grants)
    }

    fn unavailable(&mut self, error: CloudApiError) -> Result<Arc<Grants>, CloudApiError> {
        self.stale.take().ok_or(error)
    }
}

impl Flow for Permissions {
    /// The permissions; `signed_out` where the session ended here, `session_expired` where it is past its end, another error where
    /// they could not be found out.
    type Output = Result<Arc<Grants>, CloudApiError>;

    fn step(&mut self, event: Event, now: Now) -> Step<Self::Output> {
        if matches!(event, Event::Start)
            && let Some(known) = self.start(now)
        {
            return Step::Done(known);
        }
        let Source::Cloud(call) = &mut self.source else {
            return Step::Done(Err(out_of_turn()));
        };
        match call.step(event, now) {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(result) => Step::Done(self.answer(result, now)),
        }
    }
}
