//! Calls to the Cloud, and its key set. No event holds a value of a request or a response.

use std::time::Duration;

use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::counters::CallResult;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::{Delivery, Response};
use tracing::{Span, debug_span, field};

use super::{CLOUD, emit};

/// The span of one call to the Cloud.
pub(crate) fn call_span(call: CloudCall) -> Span {
    debug_span!(
        target: CLOUD,
        "mastra_auth.cloud_call",
        operation = call.as_str(),
        status = field::Empty
    )
}

/// The Cloud answered a call, or did not.
pub(crate) fn called(
    span: &Span,
    call: CloudCall,
    endpoint: &str,
    delivery: &Delivery,
    took: Duration,
) {
    let (operation, result) = (call.as_str(), CallResult::of(delivery).as_str());
    span.record("status", result);
    let whole = delivery.as_ref().ok().filter(|it| it.lost().is_none());
    let status = whole.map(Response::status);
    let duration_seconds = took.as_secs_f64();
    if status.is_some() {
        emit!(
            CLOUD_CALL,
            outcome = "answered",
            operation,
            endpoint,
            status,
            duration_seconds,
            "the Cloud answered"
        );
    } else {
        emit!(
            CLOUD_CALL_FAILED,
            outcome = result,
            operation,
            endpoint,
            duration_seconds,
            "the Cloud did not answer"
        );
    }
}

/// The option for tests is on.
pub(crate) fn local_cloud_allowed() {
    emit!(
        LOCAL_CLOUD_ALLOWED,
        "a local Cloud is allowed, which checks no password: for tests alone"
    );
}

/// The answer to a refresh did not reach the credentials file.
#[cfg(feature = "program")]
pub(crate) fn sign_in_not_kept(error: &CloudApiError) {
    emit!(
        SIGN_IN_NOT_KEPT,
        code = error.code(),
        "the credentials file could not be written: this process alone holds the newer sign-in"
    );
}

/// The key set could not be fetched; the last good one stays in use.
pub(crate) fn key_set_fetch_failed(error: &CloudApiError) {
    emit!(
        KEY_SET_FETCH_FAILED,
        code = error.code(),
        status = error.status(),
        endpoint = error.endpoint(),
        "the key set could not be fetched"
    );
}

/// Entries of the key set are not objects. They are skipped, and the rest is used.
pub(crate) fn key_set_invalid_entries(count: usize) {
    emit!(
        KEY_SET_INVALID_ENTRIES,
        count,
        "entries of the key set are not objects"
    );
}
