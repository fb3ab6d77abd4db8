//! The channel to other instances: when it is there, and what goes over it; counts only.

use std::time::Duration;

use super::{REVOCATIONS, tell};
use crate::revocations::ChannelError;

/// It is there, and what it keeps is known: so many stand, so many of them are new here, so many are told again.
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

/// The channel keeps so many more than can be known here.
pub(crate) fn left_out(count: usize) {
    tell!(
        WARN,
        REVOCATIONS,
        "revocations_left_out",
        count,
        "the channel to other instances keeps more revocations than are read"
    );
}

/// It is not there: told aloud once for each time that it was lost, and once where it was never there since the start.
pub(crate) fn away(is_new: bool, error: &ChannelError) {
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

/// So many were told.
pub(crate) fn sent(count: usize) {
    tell!(
        DEBUG,
        REVOCATIONS,
        "revocations_sent",
        count,
        "revocations sent"
    );
}

/// So many came that say something new.
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

/// So many came that cannot be read.
pub(crate) fn unreadable(count: usize) {
    tell!(
        WARN,
        REVOCATIONS,
        "revocations_unreadable",
        count,
        "revocations cannot be read"
    );
}
