//! `POST /auth/logout`: end the session, and say so only where it is so.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use mastra_auth_cloud_core::error::Code;
use mastra_auth_cloud_core::flow::logout::SignOut;
use serde_json::json;

use super::{Desk, with_cookies};
use crate::axum::origin;
use crate::axum::outside::{Denied, accepts_html, guard, json_error, see_other};
use crate::axum::page::{Page, reference};
use crate::signals::{self, Trail};
use crate::traits::SessionProvider as _;

const NOT_CONFIRMED: &str = "You are signed out here. Mastra Cloud did not confirm the end of the session, so it may stay open there until it expires.";

pub(super) async fn logout(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    if !origin::is_own(&headers, &desk.public_url) {
        signals::cross_origin(&headers);
        return Denied::CrossOrigin.into_response();
    }
    let outcome = desk.auth.sign_out_request(&headers).await;
    let html = accepts_html(&headers);
    let response = match (outcome, html) {
        (SignOut::NotConfirmed(error), true) => {
            let reference = reference();
            signals::not_confirmed_page(&error, &Trail::of(&headers).on_page(&reference));
            Page {
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "Signed out here",
                text: NOT_CONFIRMED,
                code: Code::SignOutNotConfirmed.as_str(),
                reference: &reference,
                action: ("Continue", "/"),
            }
            .into_response()
        }
        (SignOut::NotConfirmed(_), false) => json_error(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::SignOutNotConfirmed.as_str(),
            NOT_CONFIRMED,
        ),
        (_, true) => see_other("/"),
        (outcome, false) => {
            let session = match outcome {
                SignOut::Ended => "ended",
                _ => "already_gone",
            };
            let mut response =
                axum::Json(json!({ "signedOut": true, "session": session })).into_response();
            guard(response.headers_mut());
            response
        }
    };
    with_cookies(response, &[desk.auth.clear_session_cookie()])
}
