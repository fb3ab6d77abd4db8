//! The API in the dialect `platform`: `contract/openapi.platform.yaml`, endpoint by endpoint, below `/v1`.

mod asked;
mod organizations;
mod problem;
mod programs;
mod sessions;
mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{delete, get, patch, post};

use crate::api::{MAX_BODY, endpoint, key_set};
use crate::cloud::Cloud;

/// The routes of the endpoints and of the key set.
pub(crate) fn router(cloud: &Arc<Cloud>) -> Router<Arc<Cloud>> {
    let at = |name, route| endpoint(cloud, name, route);
    Router::new()
        .route("/v1/auth/login", at("login", get(sign_in::login)))
        .route("/v1/auth/callback", at("callback", get(sign_in::callback)))
        .route("/v1/auth/me", at("me", get(sessions::me)))
        .route("/v1/auth/refresh", at("refresh", get(sessions::refresh)))
        .route("/v1/auth/logout", at("logout", post(sessions::logout)))
        .route(
            "/v1/auth/switch-org",
            at("switch-org", post(sessions::switch)),
        )
        .route("/v1/auth/verify", at("verify", get(programs::verify)))
        .route(
            "/v1/auth/refresh-token",
            at("refresh-token", post(programs::refresh)),
        )
        .route(
            "/v1/auth/ingest/verify",
            at("ingest", post(programs::ingest)),
        )
        .route(
            "/v1/auth/tokens",
            at("tokens", get(programs::tokens).post(programs::create_token)),
        )
        .route(
            "/v1/auth/tokens/{id}",
            at("tokens", delete(programs::delete_token)),
        )
        .route(
            "/v1/auth/orgs",
            at(
                "orgs",
                get(organizations::list)
                    .post(organizations::create)
                    .patch(organizations::rename),
            ),
        )
        .route(
            "/v1/org/members",
            at("members", get(organizations::members)),
        )
        .route(
            "/v1/org/members/{id}",
            at(
                "members",
                patch(organizations::change_member).delete(organizations::remove_member),
            ),
        )
        .route(
            "/v1/org/members/invitations",
            at(
                "invitations",
                get(organizations::invitations).post(organizations::invite),
            ),
        )
        .route(
            "/v1/org/members/invitations/{id}",
            at("invitations", delete(organizations::uninvite)),
        )
        .layer(from_fn(problem::write))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(key_set(cloud))
}
