//! How it stands with the channel, for metrics and health pages.

use std::time::Duration;

use mastra_auth_cloud_core::time::Timestamp;

/// How it stands with the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// Whether it is there.
    pub link: Link,
    /// How long ago what was new in the last message had ended when it arrived here. None before the first.
    pub lag: Option<Duration>,
    /// How many revocations wait to be told.
    pub pending: usize,
    /// How many were told.
    pub sent: u64,
    /// How many came that said something new here, since the start: also of what was kept when the channel was joined.
    pub received: u64,
    /// How many came that could not be read or were not taken: of another version, by a stranger, or of a time to come.
    pub unreadable: u64,
    /// How many entries were too many to be read when the channel was joined the last time: what they say is not known here.
    pub left_out: usize,
    /// How often the channel was lost.
    pub lost: u64,
}

/// Whether the channel is there, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is, and all that it keeps is known here.
    Connected {
        /// Since then.
        since: Timestamp,
    },
    /// It is not: what ends elsewhere is not known here yet.
    Away {
        /// Since then, or since the start.
        since: Timestamp,
    },
}

impl RevocationStatus {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            link: Link::Away { since: now },
            lag: None,
            pending: 0,
            sent: 0,
            received: 0,
            unreadable: 0,
            left_out: 0,
            lost: 0,
        }
    }

    /// Whether the channel is there.
    pub const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Connected { .. })
    }
}
