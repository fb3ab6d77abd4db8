//! What is published on a channel.

use crate::revocation::{Namespace, Revocation, SpentCallback};
use crate::time::Timestamp;

/// One revocation, or one used sign-in callback, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMessage {
    text: String,
    until: Timestamp,
    is_kept: bool,
}

impl ChannelMessage {
    pub(crate) fn revocation(namespace: &Namespace, one: &Revocation) -> Self {
        Self {
            text: namespace.encode(one),
            until: one.until,
            is_kept: true,
        }
    }

    pub(crate) fn spent_callback(namespace: &Namespace, one: &SpentCallback) -> Self {
        Self {
            text: namespace.encode_spent(one),
            until: one.until,
            is_kept: false,
        }
    }

    /// The text to send: visible ASCII and spaces, up to 1,024 bytes. Equal texts are one revocation. Holds ids, and no
    /// token.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When the message expires.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether the channel stores the message for disconnected instances. A used callback is not stored: there is one for
    /// every sign-in, and an instance that missed it asks the Cloud. Storing it does no harm.
    pub const fn is_kept(&self) -> bool {
        self.is_kept
    }
}
