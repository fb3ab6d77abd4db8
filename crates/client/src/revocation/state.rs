//! The state of a channel's two tasks, and the link status that follows from it.
//!
//! The channel is connected if both tasks reach it. After leaving, it is disconnected whatever a task still reports.
//! Leaving is not a loss.

use mastra_auth_cloud_core::time::Timestamp;

use super::log_limit::LogLimit;
use super::status::{ChannelState, RevocationStatus};

pub(super) struct State {
    pub(super) status: RevocationStatus,
    /// Whether each of the two tasks reaches the channel.
    pub(super) receives: bool,
    pub(super) publishes: bool,
    /// The number of revocations being published.
    pub(super) under_way: usize,
    pub(super) unreadable_log: LogLimit,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not tried yet.
    Begun,
    Tried,
    /// The deployment left the channel or ended.
    Left,
}

impl State {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            status: RevocationStatus::new(now),
            receives: false,
            publishes: true,
            under_way: 0,
            unreadable_log: LogLimit::default(),
            stage: Stage::Begun,
        }
    }

    /// Recomputes the link status. Returns true if the channel was just lost, or is unreachable at the start.
    pub(super) fn relink(&mut self, now: Timestamp) -> bool {
        if self.was_left() {
            return false;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Tried);
        match (self.status.is_connected(), self.receives && self.publishes) {
            (false, true) => self.status.state = ChannelState::Connected { since: now },
            (true, false) => {
                self.status.state = ChannelState::Disconnected { since: now };
                self.status.lost = self.status.lost.saturating_add(1);
                return true;
            }
            (false, false) => return stage == Stage::Begun,
            (true, true) => {}
        }
        false
    }

    pub(super) fn leave(&mut self, now: Timestamp) {
        self.stage = Stage::Left;
        if self.status.is_connected() {
            self.status.state = ChannelState::Disconnected { since: now };
        }
    }

    pub(super) fn was_left(&self) -> bool {
        self.stage == Stage::Left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn it_is_there_where_both_tasks_have_it() {
        let mut state = State::new(at(0));
        assert!(state.relink(at(1)), "not there at the start");
        assert!(!state.relink(at(2)), "and that is known");
        assert_eq!(
            state.status.state,
            ChannelState::Disconnected { since: at(0) }
        );
        state.receives = true;
        assert!(!state.relink(at(3)));
        assert_eq!(state.status.state, ChannelState::Connected { since: at(3) });
        state.publishes = false;
        assert!(state.relink(at(4)), "lost");
        assert_eq!(
            state.status.state,
            ChannelState::Disconnected { since: at(4) }
        );
        assert_eq!(state.status.lost, 1);
    }

    #[test]
    fn one_that_was_left_is_not_lost_and_not_there_any_more() {
        let mut state = State::new(at(0));
        state.receives = true;
        assert!(!state.relink(at(1)) && state.status.is_connected());
        state.leave(at(2));
        // A task that did not yet see that the channel was left.
        state.receives = true;
        assert!(!state.relink(at(3)));
        assert_eq!(
            state.status.state,
            ChannelState::Disconnected { since: at(2) }
        );
        assert_eq!(state.status.lost, 0);
    }
}
