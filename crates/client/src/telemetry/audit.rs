//! Audit events: sign-ins, sign-outs, refresh, denied permissions and revocations, each emitted once.
//!
//! The rejection of a credential is logged with its request's answer, in the parent module.

#[cfg(feature = "axum")]
use http::HeaderMap;
use mastra_auth_cloud_core::counters::{Login, SignOutResult};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::sign_out::SignOut;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::session::Identity;
use mastra_auth_cloud_core::url::{MAX_RETURN_BYTES, ReturnPath};
use tracing::{Span, debug_span};

#[cfg(feature = "axum")]
use super::request_id;
use super::{AUDIT, RequestIds, emit};

/// The span of finishing a sign-in.
pub(crate) fn login_span() -> Span {
    debug_span!(target: AUDIT, "mastra_auth.login")
}

/// The span of ending a session.
pub(crate) fn sign_out_span() -> Span {
    debug_span!(target: AUDIT, "mastra_auth.sign_out")
}

/// A user signed in.
pub(crate) fn signed_in(identity: &Identity, ids: &RequestIds) {
    emit!(
        SIGNED_IN,
        outcome = Login::Succeeded.as_str(),
        user_id = identity.user().id().as_str(),
        session_id = session(identity),
        request_id = ids.request_id.as_deref(),
        "signed in"
    );
}

/// A sign-in failed, or could not begin.
pub(crate) fn sign_in_failed(error: &CloudApiError, ids: &RequestIds) {
    emit!(
        SIGN_IN_FAILED,
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
    emit!(
        ALREADY_SIGNED_IN,
        code = error.code(),
        status = error.status(),
        user_id = identity.user().id().as_str(),
        session_id = session(identity),
        request_id = ids.request_id.as_deref(),
        "already signed in"
    );
}

/// A session was ended here; the Cloud confirmed it or not. `identity` is the session's, if it was verified here.
pub(crate) fn signed_out(end: &SignOut, identity: Option<&Identity>, ids: &RequestIds) {
    let outcome = session_end(end).as_str();
    let user_id = identity.map(|identity| identity.user().id().as_str());
    let session_id = identity.and_then(session);
    let request_id = ids.request_id.as_deref();
    if let SignOut::NotConfirmed(error) = end {
        emit!(
            SIGN_OUT_NOT_CONFIRMED,
            outcome,
            code = error.code(),
            status = error.status(),
            endpoint = error.endpoint(),
            user_id,
            session_id,
            request_id,
            "sign-out not confirmed"
        );
    } else {
        emit!(
            SIGNED_OUT,
            outcome,
            user_id,
            session_id,
            request_id,
            "signed out"
        );
    }
}

/// The label of a sign-out, in the events and the metrics.
pub(crate) const fn session_end(end: &SignOut) -> SignOutResult {
    match end {
        SignOut::Ended => SignOutResult::Ended,
        SignOut::AlreadyGone => SignOutResult::AlreadyGone,
        SignOut::NotConfirmed(_) => SignOutResult::NotConfirmed,
    }
}

/// A user lacks the permission that a route requires.
#[cfg(feature = "axum")]
pub(crate) fn permission_denied(user: &str, permission: &str, headers: &HeaderMap) {
    emit!(
        PERMISSION_DENIED,
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
    emit!(
        CROSS_ORIGIN_REJECTED,
        code = "cross_origin",
        request_id = request_id(headers),
        "sign-out from another origin rejected"
    );
}

fn session(identity: &Identity) -> Option<&str> {
    identity.session_id().map(SessionId::as_str)
}

/// A session was refreshed, or not; emitted once for all requests that wait for it.
pub(crate) fn session_refresh(renewal: &Renewal) {
    match renewal {
        Renewal::Renewed(renewed) => emit!(
            SESSION_REFRESHED,
            user_id = renewed.identity.user().id().as_str(),
            session_id = session(&renewed.identity),
            "session refreshed"
        ),
        Renewal::Unchanged { session, .. } => emit!(
            SESSION_TOKEN_UNCHANGED,
            user_id = session.user_id().as_str(),
            session_id = session.id().as_str(),
            "session not refreshed yet"
        ),
        Renewal::Ended(error) => emit!(
            SESSION_REFRESH_REJECTED,
            code = error.code(),
            status = error.status(),
            endpoint = error.endpoint(),
            "session cannot be refreshed"
        ),
        Renewal::Unavailable(error) => emit!(
            SESSION_REFRESH_FAILED,
            code = error.code(),
            status = error.status(),
            endpoint = error.endpoint(),
            "session refresh unavailable"
        ),
    }
}

/// An operator revoked a session here.
pub(crate) fn session_revoked(session: &SessionId) {
    emit!(
        SESSION_REVOKED,
        session_id = session.as_str(),
        "session revoked by an operator"
    );
}

/// An operator revoked every session of a user here.
pub(crate) fn user_revoked(user: &UserId) {
    emit!(
        USER_REVOKED,
        user_id = user.as_str(),
        "user revoked by an operator"
    );
}

/// The login URL cannot hold the whole return path, so the path was shortened. The event omits it: a request chose it.
pub(crate) fn return_path_truncated(path: &ReturnPath) {
    if let Some(bytes) = path.cut_from() {
        emit!(
            RETURN_PATH_TRUNCATED,
            bytes,
            limit = MAX_RETURN_BYTES,
            "the return path is too long for a login URL and was shortened"
        );
    }
}
