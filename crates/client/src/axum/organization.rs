//! The organization that a request names.
//!
//! A user has one at a time, with the roles in it. A program may act for another organization of its user, by a header of the
//! request; there it has no roles. A browser chooses at the platform, so its requests cannot name one.

use std::sync::Arc;

use http::HeaderMap;
use mastra_auth_cloud_core::flow::authenticate::bearer;
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::session::Identity;

use super::rejection::RejectionReason;
use crate::headers;

const HEADER: &str = "x-mastra-organization-id";

/// Whether a request names an organization.
pub(super) fn names_organization(headers: &HeaderMap) -> bool {
    headers.contains_key(HEADER)
}

/// The identity in the organization that its request names, where the request brought it as a bearer.
pub(super) fn in_named_organization(
    identity: Arc<Identity>,
    headers: &HeaderMap,
) -> Result<Arc<Identity>, RejectionReason> {
    if !names_organization(headers) || !is_bearers(&identity, headers) {
        return Ok(identity);
    }
    let mut named = headers.get_all(HEADER).iter();
    let only = named.next().filter(|_| named.next().is_none());
    let id = only.and_then(|value| OrganizationId::parse(value.to_str().ok()?).ok());
    let id = id.ok_or(RejectionReason::OrganizationMalformed)?;
    let identity = identity.in_organization(id);
    identity
        .map(Arc::new)
        .map_err(|error| RejectionReason::of(&error))
}

fn is_bearers(identity: &Identity, headers: &HeaderMap) -> bool {
    let token = identity.user().session_token();
    let brought = headers::authorization(headers).and_then(bearer);
    !token.is_sealed() && brought == Some(token.expose())
}
