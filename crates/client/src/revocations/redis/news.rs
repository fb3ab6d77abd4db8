//! What is told on the channel: taken off the connection as it comes, and held within bounds until it is asked for.
//!
//! Whoever may write to the channel decides how much comes and how long it is. What is longer than any entry is let go of at
//! once. Where more waits than is held, nothing is picked out of it: the listening ends, and the set says what stands.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::AbortHandle;

use super::{COMMAND_TIMEOUT, within};
use crate::revocations::channel::ChannelError;

/// How often whoever listens asks whether the other end is there.
const PING: Duration = Duration::from_secs(1);
/// How many are taken together.
const TOGETHER: usize = 256;
/// How many wait at most: 16 MB where all are as long as can be.
const WAITING: usize = 16_384;
/// No entry is longer: see [`Message::text`](crate::Message::text).
const LONGEST: usize = 1024;

/// The channel is listened to.
pub(super) struct News {
    sink: PubSubSink,
    waiting: Receiver<String>,
    taking: AbortHandle,
}

impl News {
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

    /// What came since, or nothing where the other end was just seen to be there.
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

impl Drop for News {
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

/// What is no text, or too long to be an entry, is told as one that cannot be read.
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
