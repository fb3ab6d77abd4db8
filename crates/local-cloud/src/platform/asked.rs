//! Reads a request of the platform: its cookie or bearer, and its body.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use crate::api::asked::{SESSION_COOKIE, bearer, cookie, object};
use crate::cloud::Cloud;
use crate::credentials::{BearerOf, Caller};

pub(super) type Body = Result<Bytes, BytesRejection>;
pub(super) type Answer = Result<Response, Problem>;

const NO_SESSION: Problem = Problem::unauthorized("A session is needed.");

/// The sealed session of the request's cookie.
pub(super) fn session(headers: &HeaderMap) -> Result<&str, Problem> {
    cookie(headers).ok_or(NO_SESSION)
}

/// Who has the session of the request's cookie, without a rotation.
pub(super) fn by_session(cloud: &Cloud, headers: &HeaderMap) -> Result<Caller, Problem> {
    Ok(cloud.by_session(session(headers)?)??)
}

/// Who has the request's bearer.
pub(super) fn by_bearer(cloud: &Cloud, headers: &HeaderMap) -> Result<BearerOf, Problem> {
    let bearer = bearer(headers).ok_or(Problem::unauthorized("A bearer token is needed."))?;
    Ok(cloud.by_bearer(bearer)??)
}

/// The organization that a header names.
pub(super) fn organization(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-organization-id")?.to_str().ok()
}

pub(super) fn members(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Problem> {
    Ok(object(headers, body.ok())?)
}

/// A text of 1 to 256 bytes without control characters.
pub(super) fn text<'b>(
    body: &'b Map<String, Value>,
    name: &'static str,
) -> Result<&'b str, Problem> {
    body.get(name)
        .and_then(Value::as_str)
        .filter(|text| (1..=256).contains(&text.len()) && !text.chars().any(char::is_control))
        .ok_or(Problem::field(
            name,
            "A member of the body is missing, or is no text of 1 to 256 bytes.",
        ))
}

/// That something was done, or the problem that there is nothing to do it to.
pub(super) fn done(is_done: bool, otherwise: Problem) -> Answer {
    if is_done {
        Ok(Json(json!({ "ok": true })).into_response())
    } else {
        Err(otherwise)
    }
}

/// An answer that sets the session's cookie; `None` clears it.
pub(super) fn with_session(sealed: Option<&str>, answer: impl IntoResponse) -> Answer {
    let cookie = match sealed {
        Some(sealed) => {
            format!("{SESSION_COOKIE}={sealed}; Path=/; HttpOnly; SameSite=Lax; Max-Age=1209600")
        }
        None => format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"),
    };
    let cookie =
        HeaderValue::from_str(&cookie).map_err(|_| Problem::bad("The session is no cookie."))?;
    let mut response = answer.into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}
