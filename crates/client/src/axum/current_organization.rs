//! The organization of a request as an argument of its handler.

use std::fmt;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use http::request::Parts;
use mastra_auth_cloud_core::ids::OrganizationId;

use super::extract::{CurrentUser, current};
use super::rejection::{AuthRejection, RejectionReason};

/// The organization that the signed-in user acts for. Without a user the answer is 401, and for a user without an organization
/// 403 `organization_forbidden`.
///
/// It is the organization that the user has chosen at the platform. A request with a bearer may name another one of its user in
/// the header `X-Mastra-Organization-Id`: then the user has no roles, and so no permissions of roles. At an instance with an
/// [`organization`](crate::AuthBuilder::organization) it is always that one, with the roles there alone. In the dialects `v1` and `pkce` each
/// user has one organization alone, `user:` and the user's id.
///
/// ```
/// use mastra_auth_cloud::axum::CurrentOrganization;
///
/// async fn invoices(organization: CurrentOrganization) -> String {
///     format!("invoices of {} for {}", organization.id(), organization.user().id())
/// }
/// # let _ = invoices;
/// ```
#[derive(Clone)]
pub struct CurrentOrganization {
    id: OrganizationId,
    user: CurrentUser,
}

impl CurrentOrganization {
    /// The organization's id.
    pub const fn id(&self) -> &OrganizationId {
        &self.id
    }

    /// The user who acts for it.
    pub const fn user(&self) -> &CurrentUser {
        &self.user
    }
}

impl Deref for CurrentOrganization {
    type Target = OrganizationId;

    fn deref(&self) -> &OrganizationId {
        &self.id
    }
}

impl fmt::Debug for CurrentOrganization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurrentOrganization")
            .field(&self.id)
            .finish()
    }
}

impl CurrentUser {
    /// The organization that the user acts for, as [`CurrentOrganization`] has it. None in dialect `platform` for a user without
    /// an organization.
    ///
    /// ```
    /// use mastra_auth_cloud::axum::CurrentUser;
    ///
    /// async fn folder(user: CurrentUser) -> String {
    ///     user.organization().map_or_else(|| "shared".to_owned(), |organization| organization.to_string())
    /// }
    /// # let _ = folder;
    /// ```
    pub fn organization(&self) -> Option<OrganizationId> {
        self.acting_organization()
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentOrganization {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        let user = current(parts)?;
        match user.organization() {
            Some(id) => Ok(Self { id, user }),
            None => Err(AuthRejection::new(
                Some(&user.auth),
                RejectionReason::OrganizationForbidden,
                parts,
            )),
        }
    }
}
