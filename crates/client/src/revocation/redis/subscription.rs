//! The subscription: messages are taken off the connection as they arrive and buffered, within limits, until the task asks
//! for them.
//!
//! Any publisher decides how many messages come and how long they are. Each one longer than any entry is dropped at once.
//! If the buffer overflows, the subscription ends instead of dropping some: the next snapshot has them all.

use futures_util::StreamExt as _;
use mastra_auth_cloud_core::revocation::redis::{RedisSet, text_of};
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::AbortHandle;

use super::within;
use crate::revocation::channel::ChannelError;

/// Messages taken together.
const TOGETHER: usize = 256;
/// The buffer's size in messages: 16 MB at most, if all are of maximum length.
const WAITING: usize = 16_384;

/// An active subscription.
pub(super) struct Subscription {
    sink: PubSubSink,
    waiting: Receiver<String>,
    taking: AbortHandle,
}

impl Subscription {
    /// Must be called in a tokio runtime.
    pub(super) fn listen(sink: PubSubSink, stream: PubSubStream) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        let taking = tokio::spawn(take(stream, sender)).abort_handle();
        Self {
            sink,
            waiting,
            taking,
        }
    }

    /// The messages since the last call, or none if the other end was just seen to be alive.
    pub(super) async fn next(&mut self) -> Result<Vec<String>, ChannelError> {
        let mut texts = Vec::new();
        let coming = self.waiting.recv_many(&mut texts, TOGETHER);
        match tokio::time::timeout(RedisSet::PING_EVERY, coming).await {
            Ok(0) => Err(ChannelError::new(
                "redis closed the connection, or more came than is held",
            )),
            Ok(_) => Ok(texts),
            Err(_) => {
                let ping = self.sink.ping::<redis::Value>();
                within(ping, "redis does not answer").await?;
                Ok(Vec::new())
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.taking.abort();
    }
}

async fn take(mut stream: PubSubStream, sender: Sender<String>) {
    while let Some(message) = stream.next().await {
        if sender
            .try_send(text_of(message.get_payload_bytes()))
            .is_err()
        {
            return;
        }
    }
}
