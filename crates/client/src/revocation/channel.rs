//! The channel interface: two methods. Implement it for NATS, Postgres or another medium.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use mastra_auth_cloud_core::revocation::ChannelMessage;

/// The future of an operation on a channel.
pub type ChannelFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChannelError>> + Send + 'a>>;

/// A medium that all instances of a deployment reach, and that stores each revocation until it expires.
///
/// `namespace` identifies the deployment: 32 hexadecimal digits, for the name of a table or a channel.
///
/// # Examples
///
/// A channel within one process, for a test:
///
/// ```
/// use std::collections::BTreeMap;
///
/// use mastra_auth_cloud::Timestamp;
/// use mastra_auth_cloud::revocation::{
///     ChannelError, ChannelFuture, ChannelMessage, ChannelUpdate, RevocationChannel,
/// };
/// use tokio::sync::{Mutex, broadcast};
///
/// struct InProcess {
///     stored: Mutex<BTreeMap<String, Timestamp>>,
///     sender: broadcast::Sender<String>,
///     receiver: Mutex<Option<broadcast::Receiver<String>>>,
/// }
///
/// impl RevocationChannel for InProcess {
///     fn publish<'a>(&'a self, _: &'a str, messages: &'a [ChannelMessage]) -> ChannelFuture<'a, ()> {
///         Box::pin(async move {
///             for message in messages {
///                 let text = message.text().to_owned();
///                 if message.is_kept() {
///                     self.stored.lock().await.insert(text.clone(), message.until());
///                 }
///                 // No instance may be connected.
///                 let _ = self.sender.send(text);
///             }
///             Ok(())
///         })
///     }
///
///     fn receive<'a>(&'a self, _: &'a str, most: usize) -> ChannelFuture<'a, ChannelUpdate> {
///         Box::pin(async move {
///             let mut receiver = self.receiver.lock().await;
///             let Some(connected) = receiver.as_mut() else {
///                 // Subscribe first, then read what is stored: so nothing is missed in between.
///                 *receiver = Some(self.sender.subscribe());
///                 let stored = self.stored.lock().await;
///                 return Ok(ChannelUpdate::SnapshotEnd {
///                     texts: stored.keys().take(most).cloned().collect(),
///                     left_out: stored.len().saturating_sub(most),
///                 });
///             };
///             match connected.recv().await {
///                 Ok(text) => Ok(ChannelUpdate::Published(vec![text])),
///                 Err(_) => {
///                     *receiver = None;
///                     Err(ChannelError::new("messages were missed"))
///                 }
///             }
///         })
///     }
/// }
/// ```
pub trait RevocationChannel: Send + Sync + 'static {
    /// Stores these messages for instances that are disconnected, and sends them to those that are connected: both or
    /// neither. A message may be published more than once. One that [needs not be kept](ChannelMessage::is_kept) is only sent.
    ///
    /// Must end within a few seconds. After an error the caller retries with the same messages.
    fn publish<'a>(
        &'a self,
        namespace: &'a str,
        messages: &'a [ChannelMessage],
    ) -> ChannelFuture<'a, ()>;

    /// Waits for the next messages. The first call, and the first after an error, subscribes and then returns everything
    /// stored, in as many parts as it likes. This order leaves no gap between the two.
    ///
    /// More than `most` stored entries are of no use: if there are more, those with the latest expiry count.
    ///
    /// An error means that messages may have been missed. The implementation must detect a dead connection: check now and
    /// then, while it waits, that the other end is still there.
    fn receive<'a>(&'a self, namespace: &'a str, most: usize) -> ChannelFuture<'a, ChannelUpdate>;

    /// Runs these commands on the Redis of the deployment, in this order and in one round trip. Returns a reply for each: none for
    /// nil. Default: no Redis.
    ///
    /// Over Redis the instances share newer sealed sessions, which dialect `platform` has. Implement it only in a channel that wraps
    /// `RedisRevocations`, by a call of that one's. It is called once without commands, to see whether there is a Redis. A request
    /// waits for it, so a twelfth of `call_timeout` is the limit: 250 ms by default.
    fn redis<'a>(
        &'a self,
        commands: &'a [Vec<String>],
    ) -> Option<ChannelFuture<'a, Vec<Option<String>>>> {
        let _ = commands;
        None
    }
}

/// The result of [`RevocationChannel::receive`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelUpdate {
    /// A part of the stored entries that have not expired. More follows.
    SnapshotPart(Vec<String>),
    /// The last part, or all of it: the channel was just joined.
    SnapshotEnd {
        /// The stored entries.
        texts: Vec<String>,
        /// The number of stored entries beyond the limit, which were left out.
        left_out: usize,
    },
    /// Messages published since then. Empty if there are none but the connection was just checked.
    Published(Vec<String>),
}

/// A channel failure. Says what failed but never at which address, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelError(&'static str);

impl ChannelError {
    /// An error with a few words for the log.
    pub const fn new(what: &'static str) -> Self {
        Self(what)
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ChannelError {}
