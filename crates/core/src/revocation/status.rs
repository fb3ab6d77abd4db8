//! Status of a revocation channel, and the link status that follows from its two directions.

use core::time::Duration;

use crate::time::Timestamp;

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
    /// Whether the channel is connected.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, ChannelState::Connected { .. })
    }
}

/// The link: connected if both directions work. After leaving, it is disconnected whatever a direction still reports.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) status: RevocationStatus,
    pub(crate) receives: bool,
    pub(crate) publishes: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not tried yet.
    Begun,
    Tried,
    /// The deployment left the channel or ended.
    Left,
}

/// How the link changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Connected,
    /// Just lost, or unreachable at the start, which is no loss.
    Disconnected,
}

impl Link {
    pub(crate) const fn new(now: Timestamp) -> Self {
        let status = RevocationStatus {
            state: ChannelState::Disconnected { since: now },
            lag: None,
            pending: 0,
            sent: 0,
            received: 0,
            unreadable: 0,
            left_out: 0,
            lost: 0,
        };
        Self {
            status,
            receives: false,
            publishes: true,
            stage: Stage::Begun,
        }
    }

    /// Recomputes the status of the link.
    pub(crate) fn update(&mut self, now: Timestamp) -> Change {
        if self.was_left() {
            return Change::None;
        }
        let stage = core::mem::replace(&mut self.stage, Stage::Tried);
        match (self.status.is_connected(), self.receives && self.publishes) {
            (false, true) => {
                self.status.state = ChannelState::Connected { since: now };
                Change::Connected
            }
            (true, false) => {
                self.status.state = ChannelState::Disconnected { since: now };
                self.status.lost = self.status.lost.saturating_add(1);
                Change::Disconnected
            }
            (false, false) if stage == Stage::Begun => Change::Disconnected,
            (false, false) | (true, true) => Change::None,
        }
    }

    /// Disconnects for good. Leaving is not a loss.
    pub(crate) fn leave(&mut self, now: Timestamp) {
        self.stage = Stage::Left;
        if self.status.is_connected() {
            self.status.state = ChannelState::Disconnected { since: now };
        }
    }

    pub(crate) fn was_left(&self) -> bool {
        self.stage == Stage::Left
    }
}
