//! `POST /auth/logout`: ends the session, and reports success only if the Cloud confirmed.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use mastra_auth_cloud_core::flow::sign_out::SignOut;
use serde_json::json;

use super::{RouteState, with_cookies};
use crate::axum::origin;
use crate::axum::page::{Address, reference};
use crate::axum::public_error::{Link, PublicError};
use crate::axum::rejection::{RejectionReason, refuse};
use crate::axum::response::{accepts_html, guarded, see_other};
use crate::telemetry::{self, RequestIds};

const NOT_CONFIRMED: PublicError<'static> = PublicError {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "sign_out_not_confirmed",
    text: "You are signed out here. Mastra Cloud did not confirm the end of the session, so it may stay open there until it expires.",
    title: "Signed out here",
    link: Link::Home("Continue"),
};

pub(super) async fn logout(State(routes): State<RouteState>, headers: HeaderMap) -> Response {
    if !origin::is_own(&headers, &routes.public_url, &routes.auth.config().cookie) {
        telemetry::cross_origin_rejected(&headers);
        return refuse(Some(&routes.auth), RejectionReason::CrossOrigin, &headers);
    }
    let (outcome, cleared, page) = routes.auth.sign_out_request(&headers).await;
    let html = accepts_html(&headers);
    let home = routes.auth.place("/");
    let response = match (outcome, html) {
        (SignOut::NotConfirmed(error), true) => {
            let reference = reference();
            telemetry::error_page_shown(
                error.code(),
                &RequestIds::of(&headers).on_page(&reference),
            );
            NOT_CONFIRMED.page(Some(&routes.auth), &headers, &reference, Address::Kept)
        }
        (SignOut::NotConfirmed(_), false) => NOT_CONFIRMED.json(),
        // There the browser's session at the identity service ends too.
        (_, true) => see_other(page.as_deref().unwrap_or(&home)),
        (outcome, false) => {
            let session = match outcome {
                SignOut::Ended => "ended",
                _ => "already_gone",
            };
            let mut body = json!({ "signedOut": true, "session": session });
            if let (Some(page), Some(body)) = (page, body.as_object_mut()) {
                body.insert("logoutUrl".to_owned(), page.into());
            }
            guarded(axum::Json(body))
        }
    };
    with_cookies(response, &cleared)
}
