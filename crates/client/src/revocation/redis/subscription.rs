//! The subscription: messages are taken off the connection as they arrive and buffered, within limits, until the task asks
//! for them.
//!
//! Any publisher decides how many messages come and how long they are. Each one longer than any entry is dropped at once.
//! If the buffer overflows, the subscription ends instead of dropping some: the next snapshot has them all.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::AbortHandle;

use super::{COMMAND_TIMEOUT, within};
use crate::revocation::channel::ChannelError;

/// How often the subscriber pings Redis.
const PING: Duration = Duration::from_secs(1);
/// Messages taken together.
const TOGETHER: usize = 256;
/// The buffer's size in messages: 16 MB at most, if all are of maximum length.
const WAITING: usize = 16_384;
/// No entry is longer, in bytes: see [`ChannelMessage::text`](crate::revocation::ChannelMessage::text).
const LONGEST: usize = 1024;

/// An active subscription.
pub(super) struct Subscription {
    sink: PubSubSink,
    waiting: Receiver<String>,
    taking: AbortHandle,
}

impl Subscription {
    /// Must be called in a tokio runtime.
    pub(super) fn listen(sink: PubSubSink, stream: PubSubStream) -> Self {
        let (told, waiting) = mpsc::channel(WAITING);
        let taking = tokio::spawn(take(stream, told)).abort_handle();
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
        match tokio::time::timeout(PING, coming).await {
            Ok(0) => Err(ChannelError::new(
                "redis closed the connection, or more was told than is held",
            )),
            Ok(_) => Ok(texts),
            Err(_) => {
                let ping = self.sink.ping::<redis::Value>();
                within(COMMAND_TIMEOUT, ping, "redis does not answer").await?;
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

async fn take(mut stream: PubSubStream, told: Sender<String>) {
    while let Some(message) = stream.next().await {
        if told.try_send(text(message.get_payload_bytes())).is_err() {
            return;
        }
    }
}

/// The text of a message. One that is not UTF-8, or too long for an entry, counts as unreadable.
pub(super) fn text(bytes: &[u8]) -> String {
    if bytes.len() > LONGEST {
        return String::new();
    }
    std::str::from_utf8(bytes).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_entry_is_not_held() {
        let long = "x".repeat(LONGEST);
        assert_eq!(text(long.as_bytes()), long);
        assert_eq!(text(format!("{long}x").as_bytes()), "");
        assert_eq!(text(b"\xff\xfe"), "");
    }
}
