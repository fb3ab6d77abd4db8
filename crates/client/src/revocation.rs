//! Revocations that instances of a deployment exchange.
//!
//! A [`RevocationChannel`] is a medium that all instances of a deployment reach; `RedisRevocations` comes with the feature
//! `redis`. Two tasks serve it: one publishes the revocations made here and retries until the channel took them, one applies
//! those that arrive. No request waits for either. While the channel is disconnected, revocations work on this instance
//! alone, and [`RevocationStatus`] says so.

mod channel;
mod log_limit;
mod pause;
#[cfg(feature = "redis")]
mod redis;
mod state;
mod status;
mod tasks;

#[cfg(feature = "redis")]
pub use self::redis::RedisRevocations;
pub use channel::{ChannelError, ChannelFuture, ChannelMessage, ChannelUpdate, RevocationChannel};
pub use status::{ChannelState, RevocationStatus};
pub(crate) use tasks::Revocations;
