//! Revocations that instances of a deployment exchange.
//!
//! A [`RevocationChannel`] is a medium that all instances of a deployment reach; `RedisRevocations` comes with the feature
//! `redis`. Two tasks serve it: one publishes the revocations made here and retries until the channel took them, one applies
//! those that arrive. No request waits for either. While the channel is disconnected, revocations work on this instance
//! alone, and [`RevocationStatus`] says so. What is published, retried and compared after a lost connection is decided by the
//! core's `engine/channel_worker`.

mod channel;
#[cfg(feature = "redis")]
mod redis;
mod tasks;

#[cfg(feature = "redis")]
pub use self::redis::RedisRevocations;
pub use channel::{ChannelError, ChannelFuture, ChannelUpdate, RevocationChannel};
pub use mastra_auth_cloud_core::revocation::{ChannelMessage, ChannelState, RevocationStatus};
pub(crate) use tasks::Revocations;
