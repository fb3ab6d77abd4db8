//! The cache's answers.

use std::sync::Arc;

use crate::rbac::pattern::Permissions;
use crate::session::Identity;
use crate::session::refusal::Refusal;

/// The cache's answer for a token.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// Verified within the fresh time.
    Fresh(Arc<Identity>),
    /// Fresh, but near the end of the fresh time. The one caller that gets this refreshes the identity in the background.
    Due(Arc<Identity>),
    /// Verified within the stale time: used only where the Cloud cannot be asked.
    Stale(Arc<Identity>),
    /// Verified once, and expired now.
    Expired,
    /// Refused a moment ago.
    Refused(Refusal),
    /// Signed out here.
    SignedOut,
    /// Nothing usable is cached.
    Unknown,
}

/// The cache's answer for a user's permissions.
#[derive(Clone, Debug)]
pub(crate) enum PermissionsLookup {
    Fresh(Arc<Permissions>),
    Stale(Arc<Permissions>),
    Unknown,
}
