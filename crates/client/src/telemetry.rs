//! Every event and span that this crate emits, in one place, so that the set stays consistent.
//!
//! Names, targets, levels and fields come from the core's list, [`mastra_auth_cloud_core::events`]: another one does not compile. A field holds an id,
//! a code, a word of a fixed list or a number. It never holds a token, a cookie, an authorization code, an e-mail address, a
//! name or a body. Events of every request have the level `TRACE` and cost one comparison when no subscriber enables them.

mod audit;
mod cloud;
pub(crate) mod revocations;

use std::time::Duration;

use http::HeaderMap;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::events::{EventInfo, Level, Target};
use mastra_auth_cloud_core::flow::Authentication;
#[cfg(feature = "axum")]
use mastra_auth_cloud_core::flow::Outcome;
use mastra_auth_cloud_core::flow::Source;
#[cfg(feature = "axum")]
use mastra_auth_cloud_core::url::PublicUrl;
use tracing::{Span, debug_span, field};

#[cfg(feature = "axum")]
pub(crate) use audit::{already_signed_in, cross_origin_rejected, permission_denied};
pub(crate) use audit::{
    login_span, return_path_truncated, session_end, session_refresh, session_revoked,
    sign_in_failed, sign_out_span, signed_in, signed_out, user_revoked,
};
#[cfg(feature = "program")]
pub(crate) use cloud::sign_in_not_kept;
pub(crate) use cloud::{
    call_span, called, key_set_fetch_failed, key_set_invalid_entries, local_cloud_allowed,
};

use crate::system;

const REQUEST: &str = Target::Request.as_str();
const AUDIT: &str = Target::Audit.as_str();
const CLOUD: &str = Target::Cloud.as_str();

/// Emits an event of the core's list: its constant there, its fields, a message for people. A field that the list does not
/// give the event does not compile.
macro_rules! emit {
    ($event:ident, $($field:ident $(= $value:expr)?,)* $message:literal) => {{
        const EVENT: mastra_auth_cloud_core::events::EventInfo =
            mastra_auth_cloud_core::events::$event;
        const LEVEL: tracing::Level = $crate::telemetry::level(&EVENT);
        $(const _: () = assert!(EVENT.has(stringify!($field)), "the list gives the event no such field");)*
        tracing::event!(
            name: EVENT.full_name,
            target: EVENT.target.as_str(),
            LEVEL,
            event = EVENT.name,
            $($field $(= $value)?,)*
            $message
        )
    }};
}
use emit;

/// The level of an event, read while compiling.
const fn level(event: &EventInfo) -> tracing::Level {
    match event.level() {
        Some(Level::Trace) => tracing::Level::TRACE,
        Some(Level::Debug) => tracing::Level::DEBUG,
        Some(Level::Info) => tracing::Level::INFO,
        Some(Level::Warn) => tracing::Level::WARN,
        level => {
            assert!(level.is_some(), "the list says that Rust never emits it");
            tracing::Level::ERROR
        }
    }
}

/// An answer, and where it came from.
pub(crate) struct AuthOutcome {
    pub(crate) answer: Authentication,
    pub(crate) source: Source,
    /// When the request asked, on the monotonic clock.
    pub(crate) begun: Duration,
}

/// Ids that correlate a request with other logs: its `x-request-id`, and the reference that an error page shows.
#[derive(Clone, Default)]
pub(crate) struct RequestIds {
    request_id: Option<String>,
    reference: Option<String>,
}

#[cfg(feature = "axum")]
impl RequestIds {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self {
            request_id: request_id(headers).map(str::to_owned),
            reference: None,
        }
    }

    pub(crate) fn on_page(self, reference: &str) -> Self {
        Self {
            reference: Some(reference.to_owned()),
            ..self
        }
    }
}

/// The request's `x-request-id`, if it has exactly one and that is harmless: clients choose it.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("x-request-id").iter();
    let id = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?,
        _ => return None,
    };
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=64).contains(&id.len()) && id.bytes().all(is_plain)).then_some(id)
}

/// The span of authenticating a request.
pub(crate) fn authenticate_span() -> Span {
    debug_span!(
        target: REQUEST,
        "mastra_auth.authenticate",
        outcome = field::Empty,
        source = field::Empty,
        code = field::Empty
    )
}

/// Whether a subscriber enables the events of each request.
pub(crate) fn request_events_enabled() -> bool {
    tracing::event_enabled!(target: REQUEST, tracing::Level::TRACE, event)
        || tracing::span_enabled!(target: REQUEST, tracing::Level::DEBUG, "mastra_auth.authenticate")
}

/// A request was authenticated, or not.
pub(crate) fn authenticated(result: &AuthOutcome, span: &Span, headers: Option<&HeaderMap>) {
    let AuthOutcome {
        answer,
        source,
        begun,
    } = result;
    let (outcome, source) = (answer.outcome().as_str(), source.as_str());
    if !span.is_disabled() {
        span.record("outcome", outcome).record("source", source);
    }
    match answer {
        Authentication::Authenticated(identity) => emit!(
            REQUEST_AUTHENTICATED,
            outcome,
            source,
            user_id = identity.user().id().as_str(),
            duration_seconds = seconds_since(*begun),
            request_id = headers.and_then(request_id),
            "request authenticated"
        ),
        Authentication::Anonymous => emit!(
            REQUEST_ANONYMOUS,
            outcome,
            source,
            duration_seconds = seconds_since(*begun),
            request_id = headers.and_then(request_id),
            "request without credential"
        ),
        Authentication::Rejected(error) => {
            span.record("code", error.code());
            emit!(
                CREDENTIAL_REJECTED,
                outcome,
                code = error.code(),
                status = error.status(),
                endpoint = error.endpoint(),
                source,
                duration_seconds = seconds_since(*begun),
                request_id = headers.and_then(request_id),
                "credential rejected"
            );
        }
        Authentication::Unavailable(error) => {
            span.record("code", error.code());
            emit!(
                AUTHENTICATION_UNAVAILABLE,
                outcome,
                code = error.code(),
                status = error.status(),
                endpoint = error.endpoint(),
                source,
                duration_seconds = seconds_since(*begun),
                request_id = headers.and_then(request_id),
                "credential could not be checked"
            );
        }
    }
}

/// The user's permissions could not be read.
#[cfg(feature = "axum")]
pub(crate) fn permissions_unavailable(
    error: &CloudApiError,
    permission: &str,
    headers: &HeaderMap,
) {
    emit!(
        PERMISSIONS_UNAVAILABLE,
        outcome = Outcome::Unavailable.as_str(),
        code = error.code(),
        status = error.status(),
        endpoint = error.endpoint(),
        permission,
        request_id = request_id(headers),
        "permissions could not be read"
    );
}

/// A browser was shown an error page.
#[cfg(feature = "axum")]
pub(crate) fn error_page_shown(code: &str, ids: &RequestIds) {
    emit!(
        ERROR_PAGE_SHOWN,
        code,
        reference = ids.reference.as_deref(),
        request_id = ids.request_id.as_deref(),
        "error page shown"
    );
}

/// The Cloud refused a look-up with a status that points to the configuration rather than the credential.
pub(crate) fn unexpected_rejection(error: &CloudApiError) {
    emit!(
        UNEXPECTED_REJECTION,
        code = error.code(),
        status = error.status(),
        endpoint = error.endpoint(),
        "the Cloud refused with an unexpected status"
    );
}

/// A route outside of the layer asks for a user.
#[cfg(feature = "axum")]
pub(crate) fn layer_missing() {
    emit!(
        LAYER_MISSING,
        code = "layer_missing",
        "a route asks for a user outside of the sign-in layer"
    );
}

/// The layer answers the path to which browsers are sent to sign in.
#[cfg(feature = "axum")]
pub(crate) fn routes_unreachable(login_path: &str) {
    emit!(
        ROUTES_UNREACHABLE,
        code = "invalid_configuration",
        login_path,
        "the sign-in layer answers where browsers are sent to sign in: merge the sign-in routes after the layer, beside what it closes"
    );
}

/// Browsers are sent to sign in from below a path prefix that the public URL lacks. The event omits the path: it may hold
/// what a request chose.
#[cfg(feature = "axum")]
pub(crate) fn public_url_lacks_prefix(public_url: Option<&PublicUrl>, login_path: &str) {
    emit!(
        PUBLIC_URL_LACKS_PREFIX,
        code = "invalid_configuration",
        public_url = public_url.map(field::display),
        login_path,
        "the app stands below a path that its public URL does not have: where the sign-in routes are nested too, \
         put the path into MASTRA_PUBLIC_URL, as in https://example.com/app"
    );
}

/// The clock of this machine is ahead of the Cloud's by at least this much.
pub(crate) fn clock_ahead(by: Duration) {
    emit!(
        CLOCK_AHEAD,
        code = "clock_ahead",
        ahead_seconds = by.as_secs(),
        "the clock of this machine is ahead of Mastra Cloud's: the Cloud accepts a token that is past its end here"
    );
}

/// The connections are too old and no new client could be built.
#[cfg(feature = "reqwest")]
pub(crate) fn http_client_rebuild_failed() {
    emit!(
        HTTP_CLIENT_REBUILD_FAILED,
        code = "invalid_configuration",
        "no new HTTP client could be built; the old one stays in use"
    );
}

/// Seconds since `begun`. Evaluated only if the event is enabled.
fn seconds_since(begun: Duration) -> f64 {
    let took = system::now().monotonic.saturating_sub(begun);
    took.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn threat_105_a_request_id_cannot_forge_a_log_line() {
        let long = "a".repeat(65);
        for (value, expect) in [
            ("req-1_a.B", Some("req-1_a.B")),
            (&long[1..], Some(&long[1..])),
            (&long, None),
            ("", None),
            ("two words", None),
            ("a\tb", None),
            ("a\x1b[31m", None),
            ("a\" outcome=\"authenticated", None),
            ("gr\u{fc}n", None),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append("x-request-id", value);
            }
            assert_eq!(request_id(&headers), expect, "{value:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append("x-request-id", HeaderValue::from_static("a"));
        twice.append("x-request-id", HeaderValue::from_static("b"));
        assert_eq!(request_id(&twice), None);
    }
}
