//! `GET /auth/me`: the signed-in user with permissions, for a page's script. A session near its end is renewed on the way.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use mastra_auth_cloud_core::dialect::Dialect;
use serde_json::json;

use super::{RouteState, with_cookies};
use crate::axum::rejection::{RejectionReason, refuse};
use crate::axum::response::guarded;

pub(super) async fn me(State(routes): State<RouteState>, headers: HeaderMap) -> Response {
    let (found, renewed) = routes.auth.find_user(&headers).await;
    let reject = |reason| refuse(Some(&routes.auth), reason, &headers);
    let identity = match found {
        Ok(identity) => identity,
        Err(why) => return reject(why),
    };
    let user = identity.user();
    let grants = match routes.auth.permissions(user).await {
        Ok(grants) => grants,
        // The session was signed out or expired after it was authenticated.
        Err(error) if error.is_end_of_session() => return reject(RejectionReason::InvalidToken),
        Err(_) => return with_cookies(reject(RejectionReason::Unavailable), renewed.as_slice()),
    };
    let mut body = json!({
        "id": user.id().as_str(),
        "email": user.email(),
        "name": user.name(),
        "avatarUrl": user.avatar_url(),
        "roles": user.roles(),
        "permissions": grants.iter().collect::<Vec<_>>(),
    });
    if routes.auth.config().dialect == Dialect::Platform
        && let Some(body) = body.as_object_mut()
    {
        body.insert("organizationId".to_owned(), json!(user.organization()));
        body.insert("memberOrgIds".to_owned(), json!(user.member_of()));
    }
    with_cookies(guarded(axum::Json(body)), renewed.as_slice())
}
