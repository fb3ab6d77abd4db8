//! The admin page and its JSON API: live sessions, roles, keys, faults, recent requests.

mod api;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};

use crate::cloud::Cloud;

pub(crate) fn router() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/admin", get(page::page))
        .route("/admin/api/state", get(api::state))
        .route("/admin/api/sessions", get(api::sessions))
        .route("/admin/api/sessions/{id}", delete(api::end_session))
        .route(
            "/admin/api/users/{id}/sessions",
            delete(api::end_sessions_of),
        )
        .route("/admin/api/users/{id}/role", put(api::set_role))
        .route(
            "/admin/api/organizations/{organization}/members/{id}",
            put(api::add_member).delete(api::remove_member),
        )
        .route(
            "/admin/api/platform",
            get(api::platform).patch(api::change_platform),
        )
        .route("/admin/api/keys", get(api::keys))
        .route("/admin/api/keys/rotate", post(api::rotate))
        .route(
            "/admin/api/faults",
            get(api::faults)
                .post(api::set_fault)
                .delete(api::clear_faults),
        )
        .route("/admin/api/faults/{id}", delete(api::clear_fault))
        .route("/admin/api/requests", get(api::requests))
        .route("/admin/api/clock", post(api::advance))
        .route("/admin/api/reset", post(api::reset))
        .route("/admin/api/tokens", post(api::token))
        .route("/admin/api/project-tokens", post(api::project_token))
}
