//! Glance: whoever is remembered, found in the fewest steps.
//!
//! Says who it is where [`Authenticate`](super::authenticate::Authenticate) would say so at once and leave nothing to be done
//! besides; allocates nothing, and digests no token that was seen a moment ago. `None` says nothing about anybody: the caller
//! then searches, and the request is counted there. Only the credential that counts most is looked at.

use std::sync::Arc;

pub use super::credentials::{Brought, Reached};
use crate::identity::Identity;
use crate::identity::authority::Authority;
use crate::time::Now;

/// Who a request comes from, where that is remembered.
pub fn known(authority: &Authority, brought: &Brought<'_>, now: Now) -> Option<Arc<Identity>> {
    authority.glance(brought.first(authority)?, |_| true, now)
}

/// The same for a driver that can give the browser a newer token: not of somebody for whom it may be time for one.
pub fn known_for_now(
    authority: &Authority,
    brought: &Brought<'_>,
    now: Now,
) -> Option<Arc<Identity>> {
    let is_far_from_its_end = |identity: &Identity| !identity.is_near_end(now.wall);
    authority.glance(brought.first(authority)?, is_far_from_its_end, now)
}
