//! The logout page: confirms the end of the session, and links back if the address is allowed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use maud::html;
use url::form_urlencoded;

use super::{frame, refusal};
use crate::Dialect;
use crate::cloud::{Bearer, Cloud, PastEnd};

pub(super) async fn logout(State(cloud): State<Arc<Cloud>>, uri: Uri) -> Response {
    cloud.note("logout", "GET", 200, 0);
    let query = uri.query().unwrap_or_default();
    let find = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let redirect = match cloud.dialect {
        Dialect::V1 => find("redirect_uri"),
        Dialect::Pkce => find("post_logout_redirect_uri"),
        Dialect::Platform => find("return_to"),
    };
    if cloud.dialect == Dialect::Pkce
        && let Some(token) = find("id_token_hint")
        && let Ok(Ok(Bearer::Person { session, .. })) = cloud.check(&token, None, PastEnd::Refused)
        && cloud.store.end_session(&session.id, cloud.now()).is_err()
    {
        return refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The local Cloud failed",
            "The session was not ended. Its log says more.",
        );
    }
    if let Some(redirect) = redirect {
        return match HeaderValue::from_str(&redirect) {
            Ok(location) if cloud.may_redirect(None, &redirect) => {
                (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
            }
            _ => refusal(
                StatusCode::BAD_REQUEST,
                "Signed out",
                "The way back is neither on this machine nor listed for a project.",
            ),
        };
    }
    let page = html! {
        section.card {
            h1 { "Signed out" }
            p { "You can close this page." }
        }
    };
    frame("Signed out", "narrow", &page).into_response()
}
