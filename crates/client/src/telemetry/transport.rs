//! The instrumented transport: every call to the Cloud is counted, timed and logged, never with a value.

use std::sync::Arc;

use mastra_auth_cloud_core::counters::CallResult;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::{Request, Response};
use tracing::{Instrument as _, debug_span, field};

use super::{CLOUD, emit};
use crate::system;
use crate::transport::{Transport, TransportFuture};

/// A transport that records each exchange.
pub(crate) struct Instrumented {
    inner: Arc<dyn Transport>,
    engine: Arc<Engine>,
}

impl Instrumented {
    pub(crate) fn new(inner: Arc<dyn Transport>, engine: Arc<Engine>) -> Self {
        Self { inner, engine }
    }
}

impl Transport for Instrumented {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        let call = request.call();
        let operation = call.as_str();
        let span = debug_span!(
            target: CLOUD,
            "mastra_auth.cloud_call",
            operation,
            status = field::Empty
        );
        let endpoint = request.endpoint().to_owned();
        Box::pin(async move {
            let begun = system::now().monotonic;
            let sending = self.inner.send(request);
            let delivery = sending.instrument(span.clone()).await;
            let took = system::now().monotonic.saturating_sub(begun);
            let result = CallResult::of(&delivery);
            self.engine.counters().called(call, result, took);
            span.record("status", result.as_str());
            let status = delivery.as_ref().ok().map(Response::status);
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
                    outcome = result.as_str(),
                    operation,
                    endpoint,
                    duration_seconds,
                    "the Cloud did not answer"
                );
            }
            delivery
        })
    }
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
