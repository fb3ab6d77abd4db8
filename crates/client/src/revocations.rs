//! What ended before its time, told from instance to instance.
//!
//! A [`RevocationChannel`] is whatever all instances of a deployment reach; [`RedisRevocations`] is the one that comes with
//! the feature `redis`. Two tasks work it: one takes what ends here to the channel and keeps it until it is there, one takes
//! over what comes. No request ever waits for either. Where the channel is away, every end works here as before, and
//! [`RevocationStatus`] says so.

mod channel;
mod complaints;
mod pause;
#[cfg(feature = "redis")]
mod redis;
mod state;
mod status;
mod tasks;

pub use channel::{ChannelError, Message, Received, RevocationChannel, Working};
#[cfg(feature = "redis")]
pub use redis::RedisRevocations;
pub use status::{Link, RevocationStatus};
pub(crate) use tasks::Revocations;
