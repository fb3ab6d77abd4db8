//! Events of the revocation channel: its connection and its traffic, as counts only.

use mastra_auth_cloud_core::engine::ChannelEvent;

use super::emit;

/// Emits events of the revocation worker.
pub(crate) fn emit(events: impl IntoIterator<Item = ChannelEvent>) {
    for event in events {
        match event {
            ChannelEvent::Connected {
                stored,
                new,
                republished,
            } => emit!(
                REVOCATIONS_CONNECTED,
                stored,
                new,
                republished,
                "the revocation channel is connected"
            ),
            ChannelEvent::PublishesAgain => {
                emit!(REVOCATIONS_CONNECTED, "the revocation channel is connected");
            }
            ChannelEvent::Disconnected(error) => emit!(
                REVOCATIONS_DISCONNECTED,
                error = tracing::field::display(error),
                "the revocation channel is disconnected"
            ),
            ChannelEvent::ReconnectFailed(error) => emit!(
                REVOCATIONS_RECONNECT_FAILED,
                error = tracing::field::display(error),
                "the revocation channel is still disconnected"
            ),
            ChannelEvent::Published(count) => {
                emit!(REVOCATIONS_PUBLISHED, count, "revocations published");
            }
            ChannelEvent::Received { new, lag } => emit!(
                REVOCATIONS_RECEIVED,
                new,
                lag_seconds = lag.map(|lag| lag.as_secs_f64()),
                "revocations received"
            ),
            ChannelEvent::Unreadable(count) => {
                emit!(REVOCATIONS_UNREADABLE, count, "revocations cannot be read");
            }
            ChannelEvent::Truncated(count) => emit!(
                REVOCATIONS_TRUNCATED,
                count,
                "the revocation channel stores more revocations than are read"
            ),
        }
    }
}

/// Redis did not answer about so many sealed sessions.
pub(crate) fn sessions_not_shared(count: usize) {
    emit!(
        SESSIONS_NOT_SHARED,
        count,
        "Redis does not answer in time: newer sessions are not shared with other instances"
    );
}
