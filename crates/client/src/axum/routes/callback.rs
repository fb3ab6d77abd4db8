//! `GET /auth/callback`: finish a sign-in, or say on a page of its own why not. Never a redirect on failure, so a browser
//! that keeps no cookies does not go round in circles.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use mastra_auth_cloud_core::error::{CloudApiError, Code, Kind};
use mastra_auth_cloud_core::flow::callback::declined;
use mastra_auth_cloud_core::state::State as LoginState;
use url::form_urlencoded;

use super::{Desk, with_cookies};
use crate::axum::outside::{accepts_html, json_error, see_other};
use crate::axum::page::{Page, reference};
use crate::headers;
use crate::signals::{self, Trail};

/// The parameters of a callback; each at most once.
#[derive(Default)]
struct Parameters {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

pub(super) async fn callback(State(desk): State<Desk>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(parameters) = Parameters::read(uri.query().unwrap_or_default()) else {
        return failed(&desk, &headers, &CloudApiError::new(Code::StateMalformed));
    };
    let state = parameters.state.unwrap_or_default();
    let state = match LoginState::parse(&state, Some(desk.public_url.origin())) {
        Ok(state) => state,
        Err(error) => return failed(&desk, &headers, &error),
    };
    // However this ends, this sign-in is over for this browser.
    let over = desk.auth.clear_login(&state);
    let cookie = headers::cookie(&headers).unwrap_or_default();
    let trail = Trail::of(&headers);
    let result = match parameters.error {
        Some(error) => Err(declined(&error)),
        None => {
            desk.auth
                .finish(&parameters.code.unwrap_or_default(), state, &cookie, &trail)
                .await
        }
    };
    match result {
        Ok(signed_in) => with_cookies(
            see_other(signed_in.return_path.as_str()),
            &signed_in.cookies,
        ),
        Err(error) => with_cookies(failed(&desk, &headers, &error), over.as_slice()),
    }
}

impl Parameters {
    /// `None` where one stands twice: two readers could each take another one.
    fn read(query: &str) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "code" => &mut read.code,
                "state" => &mut read.state,
                "error" => &mut read.error,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(read)
    }
}

/// The page, or the JSON, for a sign-in that failed.
pub(super) fn failed(desk: &Desk, headers: &HeaderMap, error: &CloudApiError) -> Response {
    let reference = reference();
    let trail = Trail::of(headers).on_page(&reference);
    signals::login_failed(desk.auth.tally(), error, &trail);
    let (status, code, text) = outside(error);
    if !accepts_html(headers) {
        return json_error(status, code, text);
    }
    let home = desk.public_url.join("/");
    let (title, action) = match error.kind() {
        Kind::Cloud if error.is_refusal() => {
            ("Sign-in was not accepted", ("Sign in again", "/auth/login"))
        }
        Kind::Network | Kind::Cloud => ("Sign-in is not available", ("Try again", "/auth/login")),
        _ if error.is(&Code::AccessDenied) => (
            "You did not sign in",
            ("Sign in with Mastra Cloud", "/auth/login"),
        ),
        _ if error.is(&Code::CallbackReplayed) => ("This link was already used", ("Continue", "/")),
        _ if error.is(&Code::LoginCookieMissing) => (
            "Sign-in could not be finished",
            ("Open the app", home.as_str()),
        ),
        _ => (
            "Sign-in could not be finished",
            ("Sign in again", "/auth/login"),
        ),
    };
    Page {
        status,
        title,
        text,
        code,
        reference: &reference,
        action,
    }
    .into_response()
}

/// What the outside is told: our own codes as they are, the Cloud's as one.
fn outside(error: &CloudApiError) -> (StatusCode, &str, &str) {
    match error.kind() {
        Kind::Network => (
            StatusCode::SERVICE_UNAVAILABLE,
            error.code(),
            "Mastra Cloud could not be reached. Try again in a moment.",
        ),
        Kind::Cloud if error.is_refusal() => (
            StatusCode::BAD_REQUEST,
            "login_rejected",
            "Mastra Cloud did not accept this sign-in. It may have been used already or taken too long.",
        ),
        Kind::Cloud => (
            StatusCode::BAD_GATEWAY,
            "cloud_error",
            "Mastra Cloud answered with an error. Try again in a moment.",
        ),
        Kind::Credential => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let text = if error.is(&Code::LoginCookieMissing) {
                "The browser did not bring the cookie that this sign-in began with. Cookies may be blocked, or the app was opened under another host name."
            } else {
                error.message()
            };
            (status, error.code(), text)
        }
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            error.code(),
            "The sign-in is not set up correctly.",
        ),
    }
}
