//! Revocations: their text form, the deny list, the queue to other instances, and what a channel between them carries.
//!
//! What happens on a channel, as after a lost connection, is decided by `engine/channel_worker`.

pub(crate) mod backoff;
pub(crate) mod deny_list;
pub(crate) mod log_limit;
mod message;
pub(crate) mod outbox;
pub mod redis;
pub(crate) mod remote_limits;
pub(crate) mod resync;
pub(crate) mod status;
pub(crate) mod wire;

pub use message::ChannelMessage;
pub use status::{ChannelState, RevocationStatus};
pub use wire::{Namespace, Revocation, SpentCallback, Subject};
