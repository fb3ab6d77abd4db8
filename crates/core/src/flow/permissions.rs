//! What a user may do, from the role mapping or from the Cloud.
//!
//! With a role mapping no call is made. Otherwise the Cloud's permission endpoint is called, with the user's own session
//! token. Where the dialect has none, the default roles apply. Answers are cached like identities. A refusal means no
//! permissions and is no error, unless the token is past its end; an unavailable Cloud is an error and never means "none". A
//! user whose session is revoked here or expired gets that error, whatever is cached.

use std::sync::Arc;

use super::task::{Host, Jitter, Shared, Task};
use crate::cloud::model::CloudUser;
use crate::cloud::ops::user_permissions::GetUserPermissions;
use crate::engine::Engine;
use crate::engine::breaker::CallKind;
use crate::error::{CloudApiError, Code};
use crate::ids::UserId;
use crate::rbac::pattern::Permissions;
use crate::rbac::roles::RoleMapping;
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::session::lookup::PermissionsLookup;
use crate::time::Now;
use crate::unverified::Unverified;

/// The permissions; `signed_out` where the session was revoked here, `session_expired` where it is expired, another error
/// where they could not be found out.
pub type PermissionsResult = Result<Arc<Permissions>, CloudApiError>;

/// One permission look-up.
#[derive(Debug)]
pub struct FetchPermissions {
    engine: Arc<Engine>,
    key: TokenDigest,
    user: UserId,
    token: SessionToken,
    source: PermissionSource,
}

#[derive(Debug)]
enum PermissionSource {
    Roles(Arc<Permissions>),
    Cloud(GetUserPermissions),
}

impl FetchPermissions {
    /// A look-up of this user's permissions.
    pub fn new(engine: Arc<Engine>, user: &CloudUser) -> Self {
        let (id, token) = (user.id().clone(), user.session_token().clone());
        Self::of(engine, id, token, user.roles())
    }

    /// A look-up for the user with this id and these roles, with the token of their session.
    pub fn of(engine: Arc<Engine>, user: UserId, token: SessionToken, roles: &[String]) -> Self {
        let config = engine.config();
        let of_roles = |mapping: &RoleMapping| Arc::new(mapping.permissions(roles));
        let source = match &config.role_mapping {
            Some(mapping) => PermissionSource::Roles(of_roles(mapping)),
            None => match GetUserPermissions::new(config, user.clone(), token.clone()) {
                Some(operation) => PermissionSource::Cloud(operation),
                None => PermissionSource::Roles(of_roles(&config.roles())),
            },
        };
        Self {
            key: engine.key(&token),
            user,
            token,
            source,
            engine,
        }
    }

    /// The permissions known without a call: from this user's roles, or from the cache. None where the session is over.
    /// Drivers check here first: a result from one user's roles must never be shared with a caller that holds the same token
    /// with other roles.
    pub fn known(&self, now: Now) -> Option<Arc<Permissions>> {
        if self.end(now).is_some() {
            return None;
        }
        match &self.source {
            PermissionSource::Roles(permissions) => Some(Arc::clone(permissions)),
            PermissionSource::Cloud(_) => {
                match self.engine.cache.permissions(&self.key, &self.user, now) {
                    PermissionsLookup::Fresh(permissions) => {
                        unless_past_end(permissions, &self.token, now).ok()
                    }
                    PermissionsLookup::Stale(_) | PermissionsLookup::Unknown => None,
                }
            }
        }
    }

    /// The look-up as a task. Its key combines the token that asks and the user asked about, since one may ask about
    /// another.
    pub fn into_shared(self, jitter: Jitter) -> Shared<PermissionsResult> {
        let key = self.key.about(&self.user);
        let task = Task::new(jitter, |host| async move { self.run(&host).await });
        Shared::new(key, task)
    }

    fn end(&self, now: Now) -> Option<CloudApiError> {
        self.engine
            .end_of_user(&self.key, &self.token, &self.user, now)
    }

    async fn run(self, host: &Host) -> PermissionsResult {
        let now = host.now();
        if let Some(end) = self.end(now) {
            return Err(end);
        }
        if let Some(permissions) = self.known(now) {
            return Ok(permissions);
        }
        let (engine, key) = (self.engine, self.key);
        let operation = match self.source {
            PermissionSource::Roles(permissions) => return Ok(permissions),
            PermissionSource::Cloud(operation) => operation,
        };
        let cached = |now| engine.cache.permissions(&key, &self.user, now);
        if let PermissionsLookup::Fresh(permissions) = cached(now) {
            return unless_past_end(permissions, &self.token, now);
        }
        let unless_known = |error, now| match cached(now) {
            PermissionsLookup::Fresh(known) | PermissionsLookup::Stale(known) => Ok(known),
            PermissionsLookup::Unknown => Err(error),
        };
        let Some(permit) = engine.may_ask(CallKind::Permissions, key, now) else {
            return unless_known(CloudApiError::new(Code::CircuitOpen), now);
        };
        let result = host.call(engine.config(), operation).await;
        let now = host.now();
        permit.report(&result, now);
        // The session may have been revoked while the Cloud answered.
        if let Some(end) = engine.end_of_user(&key, &self.token, &self.user, now) {
            return Err(end);
        }
        let permissions = match result {
            Ok(permissions) => Arc::new(permissions),
            Err(error) if error.is_refusal() => Arc::new(Permissions::default()),
            // The token may have been refused meanwhile, and what was known of it may be too old by now.
            Err(error) => return unless_known(error, now),
        };
        engine
            .cache
            .insert_permissions(key, self.user, Arc::clone(&permissions), now);
        unless_past_end(permissions, &self.token, now)
    }
}

/// The Cloud grants a token past its end nothing, within the leeway too.
fn unless_past_end(
    permissions: Arc<Permissions>,
    token: &SessionToken,
    now: Now,
) -> PermissionsResult {
    let end = Unverified::peek(token).expires_at;
    if permissions.is_empty() && end.is_some_and(|end| end <= now.wall) {
        return Err(CloudApiError::new(Code::SessionExpired));
    }
    Ok(permissions)
}
