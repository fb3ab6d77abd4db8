//! Status of the revocation channel, for metrics and health pages.

use std::time::Duration;

use mastra_auth_cloud_core::time::Timestamp;

/// Status of the revocation channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// Whether the channel is connected.
    pub state: ChannelState,
    /// How long before its arrival the new revocations of the last message were made. `None` before the first.
    pub lag: Option<Duration>,
    /// Revocations that wait to be published.
    pub pending: usize,
    /// Revocations published.
    pub sent: u64,
    /// Revocations received since the start that said something new here, including those of the snapshot.
    pub received: u64,
    /// Entries that could not be read or were not applied: another version, a foreign publisher, or a time in the future.
    pub unreadable: u64,
    /// Entries beyond the limit at the last join, which were not read. This instance does not know what they revoke.
    pub left_out: usize,
    /// How often the channel was lost.
    pub lost: u64,
}

/// Whether the channel is connected, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelState {
    /// Connected, and this instance knows all that the channel holds.
    Connected {
        /// Since then.
        since: Timestamp,
    },
    /// Disconnected: this instance does not learn of revocations made elsewhere.
    Disconnected {
        /// Since then, or since the start.
        since: Timestamp,
    },
}

impl RevocationStatus {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            state: ChannelState::Disconnected { since: now },
            lag: None,
            pending: 0,
            sent: 0,
            received: 0,
            unreadable: 0,
            left_out: 0,
            lost: 0,
        }
    }

    /// Whether the channel is connected.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, ChannelState::Connected { .. })
    }
}
