//! Reads answers of the platform to calls that are no operations: those that a program makes to refresh its tokens, or to list keys.

use crate::cloud::envelope::{bad_member, open_unless};
use crate::dialect::{Refusals, Wrapping};
use crate::error::CloudApiError;
use crate::http::Delivery;
use crate::json::{BadMember, Object};

/// Reads a good answer; any other is the error that it reports. `refusals` are the statuses with which the call's schema lets the
/// platform refuse. Any other 4xx is a proxy's, and answers nothing; so is each text but that of a 401. Without a list each may be a
/// refusal. An answer that `read` takes refuses nothing, whatever its status. No text that repeats one of the `secrets` gets into an error.
///
/// # Errors
///
/// - A refusal, with the platform's code, or `request_failed`.
/// - No answer: `network_error`, `timeout`, `response_too_large`. An answer of another form: `invalid_response`.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::cloud::answer::read;
/// use mastra_auth_cloud_core::http::Response;
///
/// let answer = |status, body: &str| Ok(Response::new(status, body.into()));
/// let id_of = |status, body| read(answer(status, body), Some(&[401]), &[], |user| user.text("id").map(str::to_owned));
/// assert_eq!(id_of(200, r#"{"id":"u"}"#).unwrap(), "u");
/// let problem = r#"{"title":"Unauthorized","detail":"The token has expired."}"#;
/// let error = id_of(401, problem).unwrap_err();
/// assert!(error.is_refusal());
/// assert_eq!(error.message(), "The token has expired.");
/// for (status, body) in [(404, problem), (401, r#"{"id":"u"}"#)] {
///     let error = id_of(status, body).unwrap_err();
///     assert_eq!((error.is_refusal(), error.code()), (false, "invalid_response"));
/// }
/// ```
pub fn read<T>(
    delivery: Delivery,
    refusals: Option<&[u16]>,
    secrets: &[&str],
    read: impl Fn(Object<'_>) -> Result<T, BadMember>,
) -> Result<T, CloudApiError> {
    let refusals = refusals.map_or(Refusals::ClientErrors, Refusals::Only);
    let reads = |answer: Object<'_>| read(answer).is_ok();
    let answer = open_unless(Wrapping::Problem, refusals, delivery, secrets, reads)?;
    Object::new(&answer, "answer")
        .and_then(read)
        .map_err(bad_member)
}
