//! Revocations: their text form, the deny list, and the queue to other instances.

pub(crate) mod deny_list;
pub(crate) mod outbox;
pub(crate) mod remote_limits;
pub(crate) mod resync;
pub(crate) mod wire;

pub use wire::{Namespace, Revocation, SpentCallback, Subject};
