//! Errors as problems (RFC 9457): type, title, status, detail, instance, and what is wrong with each field.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::answer::ApiError;
use crate::cloud::Refusal;
use crate::store::StoreError;

#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: &'static str,
    field: Option<&'static str>,
}

impl Problem {
    const fn new(status: StatusCode, kind: &'static str, detail: &'static str) -> Self {
        Self {
            status,
            kind,
            detail,
            field: None,
        }
    }

    pub(super) const fn bad(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// A member of the body is wrong.
    pub(super) const fn field(field: &'static str, detail: &'static str) -> Self {
        let mut problem = Self::bad(detail);
        problem.field = Some(field);
        problem
    }

    pub(super) const fn unauthorized(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(super) const fn forbidden(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(super) const fn not_found(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) const fn failed(detail: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// A plain text, as the endpoints of API keys refuse.
    pub(super) fn as_text(&self) -> Response {
        (self.status, self.detail).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ApiError> for Problem {
    fn from(ApiError(status, kind, detail): ApiError) -> Self {
        match status {
            StatusCode::BAD_REQUEST => Self::bad(detail),
            _ => Self::new(status, kind, detail),
        }
    }
}

impl From<Refusal> for Problem {
    fn from((_, detail): Refusal) -> Self {
        Self::unauthorized(detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a problem's body, which names the path. No answer is to be cached.
pub(super) async fn write(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let mut body = json!({
            "type": problem.kind, "title": problem.status.canonical_reason().unwrap_or("Error"),
            "status": problem.status.as_u16(), "detail": problem.detail, "instance": path,
        });
        if let (Some(field), Some(members)) = (problem.field, body.as_object_mut()) {
            let wrong = json!([{ "field": field, "message": problem.detail }]);
            members.insert("errors".into(), wrong);
        }
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        response = (problem.status, kind, body.to_string()).into_response();
    }
    response
        .headers_mut()
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
