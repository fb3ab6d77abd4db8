//! Answers of the API: enveloped in one dialect, bare in the other.

use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::Dialect;
use crate::store::StoreError;

/// An error of the API: status, code, message.
#[derive(Debug)]
pub(crate) struct ApiError(
    pub(crate) StatusCode,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

impl ApiError {
    pub(crate) const fn bad(code: &'static str, message: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) const fn unauthorized(code: &'static str, message: &'static str) -> Self {
        Self(StatusCode::UNAUTHORIZED, code, message)
    }

    pub(crate) const fn forbidden(code: &'static str, message: &'static str) -> Self {
        Self(StatusCode::FORBIDDEN, code, message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The local Cloud failed.",
        )
    }
}

pub(crate) type ApiResult = Result<Value, ApiError>;

/// Formats a result as the dialect requires.
pub(crate) fn answer(dialect: Dialect, result: ApiResult) -> Response {
    let (status, body) = match (dialect, result) {
        (Dialect::V1, Ok(data)) => (StatusCode::OK, json!({ "ok": true, "data": data })),
        (Dialect::V1, Err(ApiError(status, code, message))) => (
            status,
            json!({ "ok": false, "error": { "message": message, "code": code, "status": status.as_u16() } }),
        ),
        (_, Ok(data)) => (StatusCode::OK, data),
        (_, Err(ApiError(status, code, message))) => {
            (status, json!({ "code": code, "message": message }))
        }
    };
    let mut response = (status, axum::Json(body)).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
