//! Reads answers of the platform to calls that are no operations: those that a program makes to refresh its tokens, or to list keys.

use crate::cloud::envelope::{Data, bad_member, open};
use crate::dialect::Wrapping;
use crate::error::CloudApiError;
use crate::http::Delivery;
use crate::json::{BadMember, Object};

/// Reads a good answer; any other is the error that it reports. No text that repeats one of the `secrets` gets into an error.
///
/// # Errors
///
/// - A refusal, with the platform's code, or `request_failed`. Only the HTTP status decides that it is one.
/// - No answer: `network_error`, `timeout`, `response_too_large`. An answer of another form: `invalid_response`.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::cloud::answer::read;
/// use mastra_auth_cloud_core::http::Response;
///
/// let answer = |status, body: &str| Ok(Response::new(status, body.into()));
/// let id = read(answer(200, r#"{"id":"u"}"#), &[], |user| user.text("id").map(str::to_owned));
/// assert_eq!(id.unwrap(), "u");
/// let problem = answer(401, r#"{"title":"Unauthorized","detail":"The token has expired."}"#);
/// let error = read(problem, &[], |_| Ok(())).unwrap_err();
/// assert!(error.is_refusal());
/// assert_eq!(error.message(), "The token has expired.");
/// ```
pub fn read<T>(
    delivery: Delivery,
    secrets: &[&str],
    read: impl FnOnce(Object<'_>) -> Result<T, BadMember>,
) -> Result<T, CloudApiError> {
    let answer = open(Wrapping::Problem, Data::Required, delivery, secrets)?;
    Object::new(&answer, "answer")
        .and_then(read)
        .map_err(bad_member)
}
