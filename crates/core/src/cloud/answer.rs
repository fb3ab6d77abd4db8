//! Reads answers of the platform to calls that are no operations: those that a program makes to refresh its tokens, or to list keys.

use crate::cloud::envelope::{Data, bad_member, open};
use crate::dialect::{Refusals, Wrapping};
use crate::error::CloudApiError;
use crate::http::Delivery;
use crate::json::{BadMember, Object};

/// Reads a good answer; any other is the error that it reports. `refusals` are the statuses with which the call's schema lets the
/// platform refuse. Any other 4xx is a proxy's, and answers nothing; so is each text but that of a 401. Without a list each may be a
/// refusal. No text that repeats one of the `secrets` gets into an error.
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
/// let id = read(answer(200, r#"{"id":"u"}"#), None, &[], |user| user.text("id").map(str::to_owned));
/// assert_eq!(id.unwrap(), "u");
/// let problem = |status| answer(status, r#"{"title":"Unauthorized","detail":"The token has expired."}"#);
/// let error = read(problem(401), Some(&[401]), &[], |_| Ok(())).unwrap_err();
/// assert!(error.is_refusal());
/// assert_eq!(error.message(), "The token has expired.");
/// let error = read(problem(404), Some(&[401]), &[], |_| Ok(())).unwrap_err();
/// assert_eq!((error.is_refusal(), error.code()), (false, "invalid_response"));
/// ```
pub fn read<T>(
    delivery: Delivery,
    refusals: Option<&[u16]>,
    secrets: &[&str],
    read: impl FnOnce(Object<'_>) -> Result<T, BadMember>,
) -> Result<T, CloudApiError> {
    let refusals = refusals.map_or(Refusals::ClientErrors, Refusals::Only);
    let answer = open(
        Wrapping::Problem,
        refusals,
        Data::Required,
        delivery,
        secrets,
    )?;
    Object::new(&answer, "answer")
        .and_then(read)
        .map_err(bad_member)
}
