//! FetchPermissions: what a user may do, from the role mapping or from the Cloud.
//!
//! With a role mapping no call is made. Otherwise the Cloud's permission endpoint is called, with the user's own session
//! token. Where the dialect has none, the default roles apply. Answers are cached like identities. A refusal means no
//! permissions and is never an error; an unavailable Cloud is an error and never means "none". A user whose session is
//! revoked here or expired gets that error, whatever is cached.

use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::model::CloudUser;
use crate::cloud::ops::user_permissions::GetUserPermissions;
use crate::engine::breaker::CallKind;
use crate::engine::{Engine, Permit};
use crate::error::{CloudApiError, Code};
use crate::ids::UserId;
use crate::rbac::pattern::Permissions;
use crate::rbac::roles::RoleMapping;
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::session::lookup::PermissionsLookup;
use crate::time::Now;

/// One permission look-up.
#[derive(Debug)]
pub struct FetchPermissions {
    engine: Arc<Engine>,
    key: TokenDigest,
    user: UserId,
    token: SessionToken,
    stale: Option<Arc<Permissions>>,
    permit: Option<Permit>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Roles(Arc<Permissions>),
    Cloud(Call<GetUserPermissions>),
}

impl FetchPermissions {
    /// A look-up of this user's permissions.
    pub fn new(engine: Arc<Engine>, user: &CloudUser, jitter: Jitter) -> Self {
        let config = engine.config();
        let token = user.session_token();
        let key = engine.key(token.expose());
        let source = match (
            &config.role_mapping,
            GetUserPermissions::new(config, user.id().clone(), token.clone()),
        ) {
            (None, Some(operation)) => {
                Source::Cloud(Call::new(Arc::clone(engine.config()), operation, jitter))
            }
            (Some(mapping), _) => Source::Roles(Arc::new(mapping.permissions(user.roles()))),
            (None, None) => Source::Roles(Arc::new(
                RoleMapping::default_roles().permissions(user.roles()),
            )),
        };
        Self {
            engine,
            key,
            user: user.id().clone(),
            token: token.clone(),
            stale: None,
            permit: None,
            source,
        }
    }

    /// The single-flight key: it combines the token that asks and the user asked about, since one may ask about another.
    pub fn key(&self) -> TokenDigest {
        self.key.about(&self.user)
    }

    /// The permissions known without a call: from this user's roles, or from the cache. None where the session is over.
    /// Drivers check here first: a result from one user's roles must never be shared with a caller that holds the same token
    /// with other roles.
    pub fn known(&self, now: Now) -> Option<Arc<Permissions>> {
        if self.end(now).is_some() {
            return None;
        }
        match &self.source {
            Source::Roles(permissions) => Some(Arc::clone(permissions)),
            Source::Cloud(_) => match self.engine.permissions(&self.key, &self.user, now) {
                PermissionsLookup::Fresh(permissions) => Some(permissions),
                PermissionsLookup::Stale(_) | PermissionsLookup::Unknown => None,
            },
        }
    }

    fn end(&self, now: Now) -> Option<CloudApiError> {
        self.engine
            .end_of_user(&self.key, &self.token, &self.user, now)
    }

    fn start(&mut self, now: Now) -> Option<Result<Arc<Permissions>, CloudApiError>> {
        if let Some(end) = self.end(now) {
            return Some(Err(end));
        }
        if let Some(permissions) = self.known(now) {
            return Some(Ok(permissions));
        }
        let known = self.engine.permissions(&self.key, &self.user, now);
        if let PermissionsLookup::Stale(permissions) = known {
            self.stale = Some(permissions);
        }
        self.permit = self.engine.may_ask(CallKind::Permissions, self.key, now);
        self.permit
            .is_none()
            .then(|| self.unavailable(CloudApiError::new(Code::CircuitOpen)))
    }

    fn answer(
        &mut self,
        result: Result<Permissions, CloudApiError>,
        now: Now,
    ) -> Result<Arc<Permissions>, CloudApiError> {
        if let Some(permit) = self.permit.take() {
            permit.report(&result, now);
        }
        // The session may have been revoked while the Cloud answered.
        if let Some(end) = self.end(now) {
            return Err(end);
        }
        let permissions = match result {
            Ok(permissions) => Arc::new(permissions),
            Err(error) if error.is_refusal() => Arc::new(Permissions::default()),
            Err(error) => return self.unavailable(error),
        };
        self.engine
            .insert_permissions(self.key, self.user.clone(), Arc::clone(&permissions), now);
        Ok(permissions)
    }

    fn unavailable(&mut self, error: CloudApiError) -> Result<Arc<Permissions>, CloudApiError> {
        self.stale.take().ok_or(error)
    }
}

impl Flow for FetchPermissions {
    /// The permissions; `signed_out` where the session was revoked here, `session_expired` where it is expired, another error
    /// where they could not be found out.
    type Output = Result<Arc<Permissions>, CloudApiError>;

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
