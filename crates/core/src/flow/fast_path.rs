//! The fast path of a cache hit.
//!
//! Returns an identity where [`Authenticate`](super::authenticate::Authenticate) would answer with it at once and leave no
//! background work. Allocates nothing, and does not hash a token that was seen a moment ago. `None` decides nothing: run
//! `Authenticate` then, which counts the request. Only the credential with the highest precedence is tried.

use std::sync::Arc;

pub use super::credentials::{Brought, Reached};
use crate::engine::Engine;
use crate::session::Identity;
use crate::time::Now;

/// The cached identity of a request.
pub fn known(engine: &Engine, brought: &Brought<'_>, now: Now) -> Option<Arc<Identity>> {
    engine.fast_lookup(brought.first(engine)?, |_| true, now)
}

/// The cached identity of a request, unless its token may be due for renewal: for a driver that can set a newer cookie.
pub fn known_for_now(engine: &Engine, brought: &Brought<'_>, now: Now) -> Option<Arc<Identity>> {
    let is_far_from_its_end = |identity: &Identity| !identity.is_renewal_due(now.wall);
    engine.fast_lookup(brought.first(engine)?, is_far_from_its_end, now)
}
