//! Reads a request: its project, bearer and body, or the contract's error for what is missing.

use axum::body::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::Dialect;
use crate::answer::ApiError;
use crate::cloud::{Bearer, Cloud, PastEnd};

/// The platform's cookie, which holds the sealed session.
pub(crate) const SESSION_COOKIE: &str = "wos-session";

/// Project, body and bearer of a verify or validate request.
pub(super) fn authorized(
    cloud: &Cloud,
    headers: &HeaderMap,
    body: Option<Bytes>,
    past_end: PastEnd,
) -> Result<Bearer, ApiError> {
    let project_id = project(cloud, headers)?;
    let body = match cloud.dialect {
        Dialect::V1 => Some(object(headers, body)?),
        _ => None,
    };
    let told = body.as_ref().map(|body| member(body, "token"));
    let told = told.transpose()?;
    let checked = checked(cloud, headers, Some(&project_id), past_end)?;
    if told.is_some() && bearer(headers) != told {
        return Err(ApiError::bad(
            "token_mismatch",
            "The token in the body is not the one in the header.",
        ));
    }
    Ok(checked)
}

pub(super) fn checked(
    cloud: &Cloud,
    headers: &HeaderMap,
    project_id: Option<&str>,
    past_end: PastEnd,
) -> Result<Bearer, ApiError> {
    let token = bearer(headers).ok_or(ApiError::unauthorized(
        "missing_token",
        "A bearer token is needed.",
    ))?;
    cloud
        .check(token, project_id, past_end)?
        .map_err(|(code, message)| ApiError::unauthorized(code, message))
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    // A scheme's name has no case (RFC 9110, section 11.1).
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The sealed session of the platform's cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == SESSION_COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}

pub(super) fn project(cloud: &Cloud, headers: &HeaderMap) -> Result<String, ApiError> {
    let id = headers
        .get("x-project-id")
        .and_then(|value| value.to_str().ok());
    let id = id.ok_or(ApiError::bad(
        "missing_project",
        "The X-Project-ID header is missing.",
    ))?;
    match cloud.seed.project(id) {
        Some(project) => Ok(project.id.clone()),
        None => Err(ApiError::forbidden(
            "unknown_project",
            "There is no such project.",
        )),
    }
}

/// The body as a JSON object, with the matching content type.
pub(crate) fn object(
    headers: &HeaderMap,
    body: Option<Bytes>,
) -> Result<Map<String, Value>, ApiError> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(ApiError(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be application/json.",
        ));
    }
    let body = body.ok_or(ApiError(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The body is too large.",
    ))?;
    serde_json::from_slice(&body)
        .map_err(|_| ApiError::bad("invalid_body", "The body must be a JSON object."))
}

pub(super) fn member<'b>(
    body: &'b Map<String, Value>,
    name: &'static str,
) -> Result<&'b str, ApiError> {
    body.get(name).and_then(Value::as_str).ok_or(ApiError::bad(
        "invalid_body",
        "A member of the body is missing or not text.",
    ))
}
