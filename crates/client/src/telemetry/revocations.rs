//! Events of the revocation channel: its connection and its traffic, as counts only.

use std::time::Duration;

use super::{REVOCATIONS, tell};
use crate::revocation::ChannelError;

/// Connected, and the snapshot is read: `standing` entries, `new` of them new here, `again` published again.
pub(crate) fn connected(standing: usize, new: usize, again: usize) {
    tell!(
        INFO,
        REVOCATIONS,
        "revocations_connected",
        standing,
        new,
        again,
        "the channel to other instances is there"
    );
}

/// The channel holds `count` entries more than this instance can hold.
pub(crate) fn truncated(count: usize) {
    tell!(
        WARN,
        REVOCATIONS,
        "revocations_left_out",
        count,
        "the channel to other instances keeps more revocations than are read"
    );
}

/// The channel is disconnected. Warned of once per loss, and once if it was never connected since the start.
pub(crate) fn disconnected(is_new: bool, error: &ChannelError) {
    if is_new {
        tell!(
            WARN,
            REVOCATIONS,
            "revocations_lost",
            %error,
            "the channel to other instances is not there"
        );
    } else {
        tell!(
            DEBUG,
            REVOCATIONS,
            "revocations_away",
            %error,
            "the channel to other instances is still not there"
        );
    }
}

/// `count` revocations were published.
pub(crate) fn published(count: usize) {
    tell!(
        DEBUG,
        REVOCATIONS,
        "revocations_sent",
        count,
        "revocations sent"
    );
}

/// `new` revocations arrived that say something new.
pub(crate) fn received(new: usize, lag: Option<Duration>) {
    tell!(
        DEBUG,
        REVOCATIONS,
        "revocations_received",
        new,
        lag_ms = lag.map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
        "revocations received"
    );
}

/// `count` entries arrived that cannot be read.
pub(crate) fn unreadable(count: usize) {
    tell!(
        WARN,
        REVOCATIONS,
        "revocations_unreadable",
        count,
        "revocations cannot be read"
    );
}
