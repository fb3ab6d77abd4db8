//! Events of the revocation channel: its connection and its traffic, as counts only.

use std::time::Duration;

use tracing::field;

use super::emit;
use crate::revocation::ChannelError;

/// Connected, and the snapshot is read: `stored` entries, `new` of them new here, `republished` published again.
pub(crate) fn connected(stored: usize, new: usize, republished: usize) {
    emit!(
        REVOCATIONS_CONNECTED,
        stored,
        new,
        republished,
        "the revocation channel is connected"
    );
}

/// The channel holds `count` entries more than this instance can hold.
pub(crate) fn truncated(count: usize) {
    emit!(
        REVOCATIONS_TRUNCATED,
        count,
        "the revocation channel stores more revocations than are read"
    );
}

/// The channel is disconnected. Warned of once per loss, and once if it was never connected since the start.
pub(crate) fn disconnected(is_new: bool, error: &ChannelError) {
    if is_new {
        emit!(
            REVOCATIONS_DISCONNECTED,
            error = field::display(error),
            "the revocation channel is disconnected"
        );
    } else {
        emit!(
            REVOCATIONS_RECONNECT_FAILED,
            error = field::display(error),
            "the revocation channel is still disconnected"
        );
    }
}

/// `count` revocations were published.
pub(crate) fn published(count: usize) {
    emit!(REVOCATIONS_PUBLISHED, count, "revocations published");
}

/// `new` revocations arrived that say something new.
pub(crate) fn received(new: usize, lag: Option<Duration>) {
    emit!(
        REVOCATIONS_RECEIVED,
        new,
        lag_seconds = lag.map(|lag| lag.as_secs_f64()),
        "revocations received"
    );
}

/// `count` entries arrived that cannot be read.
pub(crate) fn unreadable(count: usize) {
    emit!(REVOCATIONS_UNREADABLE, count, "revocations cannot be read");
}
