//! Permissions, and the roles that grant them.

use std::sync::Arc;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::permissions::FetchPermissions;
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::rbac::pattern::Permissions;
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Or, or};
use crate::engine::Engine;
use crate::flow::{Kind, Outcome, Pending, jitter};
use crate::guard::{Result, guard};
use crate::js_values::Record;

#[napi]
impl Engine {
    /// The permissions of a user with this session token and these roles.
    #[napi]
    pub fn permissions(
        &self,
        user_id: String,
        text: String,
        roles: Vec<String>,
        share: f64,
    ) -> Result<Or<Pending>> {
        guard(|| {
            let id = UserId::parse(&user_id).map_err(CloudApiError::argument);
            or(id.and_then(|id| {
                let fetch = FetchPermissions::of(
                    Arc::clone(&self.0),
                    id,
                    self.session_text(&text)?,
                    &roles,
                );
                let outcome = |grants: Arc<Permissions>| Outcome {
                    grants: Some(grants.iter().map(str::to_owned).collect()),
                    ..Outcome::default()
                };
                if let Some(grants) = fetch.known(now()) {
                    return Ok(outcome(grants).into());
                }
                let shared = fetch.into_shared(jitter(share));
                let (key, task) = ((Kind::Permissions, shared.key()), shared.into_task());
                let task = task
                    .map(move |found| Outcome::from(found.or_else(of_nobody).map(outcome)).into());
                Ok(self.1.share((key, task)))
            }))
        })
    }

    /// The permissions of such a user that are known without a call; `None` if none are, or the session is over.
    #[napi]
    pub fn known_permissions(
        &self,
        user_id: String,
        text: String,
        roles: Vec<String>,
    ) -> Result<Option<Vec<String>>> {
        guard(|| {
            let (id, token) = (
                UserId::parse(&user_id).ok()?,
                self.session_text(&text).ok()?,
            );
            let fetch = FetchPermissions::of(Arc::clone(&self.0), id, token, &roles);
            let grants = fetch.known(now())?;
            Some(grants.iter().map(str::to_owned).collect())
        })
    }

    /// A user's identities that still count here, the one that was verified last first. No call is made.
    #[napi(ts_return_type = "NativeUser[]")]
    pub fn users_with_id(&self, user_id: String) -> Result<Vec<Record>> {
        guard(|| {
            let Ok(id) = UserId::parse(&user_id) else {
                return vec![];
            };
            let found = self.0.cached_identities(&id, now());
            found.iter().map(|it| it.as_ref().into()).collect()
        })
    }

    /// All roles that are defined.
    #[napi]
    pub fn roles(&self) -> Result<Vec<String>> {
        guard(|| self.mapping().roles().map(str::to_owned).collect())
    }

    /// The permissions of these roles, by the role mapping or by the default roles.
    #[napi]
    pub fn grants_of_roles(&self, roles: Vec<String>) -> Result<Vec<String>> {
        guard(|| {
            let grants = self.mapping().permissions(&roles);
            grants.iter().map(str::to_owned).collect()
        })
    }

    fn mapping(&self) -> RoleMapping {
        self.0.config().roles()
    }
}

/// An ended session has no permissions: a host takes an error for an outage.
fn of_nobody(error: CloudApiError) -> std::result::Result<Arc<Permissions>, CloudApiError> {
    if error.is_end_of_session() {
        Ok(Arc::default())
    } else {
        Err(error)
    }
}
