//! Audit events: sign-ins, refusals and sign-outs, each counted and emitted once.
//!
//! The refusal of a credential is logged with its request's answer, in the parent module.

#[cfg(feature = "axum")]
use http::HeaderMap;
use mastra_auth_cloud_core::counters::{Counters, Login, SessionEnd};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::sign_out::SignOut;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::session::Identity;
use mastra_auth_cloud_core::url::{MAX_RETURN_BYTES, ReturnPath};
use tracing::{Span, debug_span};

#[cfg(feature = "axum")]
use super::request_id;
use super::{AUDIT, RequestIds, tell};

/// The span of finishing a sign-in.
pub(crate) fn login_span() -> Span {
    debug_span!(target: AUDIT, "mastra_auth.login")
}

/// The span of ending a session.
pub(crate) fn sign_out_span() -> Span {
    debug_span!(target: AUDIT, "mastra_auth.sign_out")
}

/// A user signed in.
pub(crate) fn signed_in(counters: &Counters, identity: &Identity, ids: &RequestIds) {
    counters.login(Login::Succeeded);
    tell!(
        INFO,
        AUDIT,
        "login",
        outcome = Login::Succeeded.as_str(),
        user_id = identity.user().id().as_str(),
        session_id = session(identity),
        request_id = ids.request_id.as_deref(),
        "signed in"
    );
}

/// A sign-in failed, or could not begin.
pub(crate) fn sign_in_failed(counters: &Counters, error: &CloudApiError, ids: &RequestIds) {
    counters.login(Login::Failed);
    tell!(
        WARN,
        AUDIT,
        "login",
        outcome = Login::Failed.as_str(),
        code = error.code(),
        status = error.status(),
        endpoint = error.endpoint(),
        reference = ids.reference.as_deref(),
        request_id = ids.request_id.as_deref(),
        "sign-in failed"
    );
}

/// A callback failed, but its browser is already signed in.
#[cfg(feature = "axum")]
pub(crate) fn already_signed_in(identity: &Identity, error: &CloudApiError, ids: &RequestIds) {
    tell!(
        INFO,
        AUDIT,
        "login",
        outcome = "signed_in_already",
        code = error.code(),
        user_id = identity.user().id().as_str(),
        session_id = session(identity),
        request_id = ids.request_id.as_deref(),
        "signed in already"
    );
}

/// A session was ended here; the Cloud confirmed it or not.
pub(crate) fn session_ended(
    counters: &Counters,
    end: &SignOut,
    whose: Option<&Identity>,
    ids: &RequestIds,
) {
    let user_id = whose.map(|identity| identity.user().id().as_str());
    let session_id = whose.and_then(session);
    let request_id = ids.request_id.as_deref();
    let how = match end {
        SignOut::Ended => SessionEnd::Ended,
        SignOut::AlreadyGone => SessionEnd::AlreadyGone,
        SignOut::NotConfirmed(_) => SessionEnd::NotConfirmed,
    };
    counters.session_end(how);
    let outcome = how.as_str();
    if let SignOut::NotConfirmed(error) = end {
        tell!(
            WARN,
            AUDIT,
            "sign_out",
            outcome,
            code = error.code(),
            user_id,
            session_id,
            request_id,
            "session end not confirmed"
        );
    } else {
        tell!(
            INFO,
            AUDIT,
            "sign_out",
            outcome,
            user_id,
            session_id,
            request_id,
            "signed out"
        );
    }
}

/// A user lacks the permission that a route requires.
#[cfg(feature = "axum")]
pub(crate) fn permission_denied(user: &str, permission: &str, headers: &HeaderMap) {
    tell!(
        INFO,
        AUDIT,
        "refusal",
        outcome = "denied",
        code = "permission_denied",
        user_id = user,
        permission,
        request_id = request_id(headers),
        "permission denied"
    );
}

/// A page of another origin posted a sign-out.
#[cfg(feature = "axum")]
pub(crate) fn cross_origin_rejected(headers: &HeaderMap) {
    tell!(
        WARN,
        AUDIT,
        "refusal",
        outcome = "denied",
        code = "cross_origin",
        request_id = request_id(headers),
        "sign-out from a foreign page refused"
    );
}

fn session(identity: &Identity) -> Option<&str> {
    identity.session_id().map(SessionId::as_str)
}

/// A renewal ended; emitted once for all requests that wait for it.
pub(crate) fn session_refresh(renewal: &Renewal) {
    match renewal {
        Renewal::Renewed(renewed) => tell!(
            INFO,
            AUDIT,
            "renewal",
            outcome = "renewed",
            user_id = renewed.identity.user().id().as_str(),
            session_id = session(&renewed.identity),
            "session renewed"
        ),
        Renewal::Unchanged { session, .. } => tell!(
            DEBUG,
            AUDIT,
            "renewal",
            outcome = "unchanged",
            user_id = session.user_id().as_str(),
            session_id = session.id().as_str(),
            "session not renewed yet"
        ),
        Renewal::Ended(error) => tell!(
            INFO,
            AUDIT,
            "renewal",
            outcome = "ended",
            code = error.code(),
            "session cannot be renewed"
        ),
        Renewal::Unavailable(error) => tell!(
            WARN,
            AUDIT,
            "renewal",
            outcome = "unavailable",
            code = error.code(),
            "session renewal unavailable"
        ),
    }
}

/// An operator revoked a session here.
pub(crate) fn session_revoked(session: &SessionId) {
    tell!(
        INFO,
        AUDIT,
        "operator_end",
        session_id = session.as_str(),
        "session ended by the operator"
    );
}

/// An operator revoked all sessions of a user here.
pub(crate) fn user_revoked(user: &UserId) {
    tell!(
        INFO,
        AUDIT,
        "operator_end",
        user_id = user.as_str(),
        "user ended by the operator"
    );
}

/// The login URL cannot hold the whole return path, so the path was cut. The event omits the path, which a request chose.
pub(crate) fn return_path_truncated(path: &ReturnPath) {
    if let Some(bytes) = path.cut_from() {
        tell!(
            WARN,
            AUDIT,
            "return_path_cut",
            bytes,
            limit = MAX_RETURN_BYTES,
            "the return path is too long for a login URL and was cut"
        );
    }
}
