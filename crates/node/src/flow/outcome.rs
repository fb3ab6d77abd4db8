//! Results.

use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::{Authentication, Renewal, Source};
use napi_derive::napi;

use super::Pending;
use crate::convert::{Failure, Session};
use crate::js_values::Record;

/// Which of the four answers a request gets.
#[napi(object, object_from_js = false)]
pub struct Verdict {
    /// The answer.
    #[napi(ts_type = "'authenticated' | 'anonymous' | 'rejected' | 'unavailable'")]
    pub kind: &'static str,
    /// Its source.
    #[napi(ts_type = "Source")]
    pub source: &'static str,
}

/// The result of a job: the members of its kind, or a failure.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Outcome {
    /// Of an authentication.
    pub verdict: Option<Verdict>,
    /// Of an authentication or another call that returns a user; `None` if there is none.
    #[napi(ts_type = "User")]
    pub user: Option<Record>,
    /// Of a call that returns a session; `None` if there is none.
    pub session: Option<Session>,
    /// Of a permission look-up.
    pub grants: Option<Vec<String>>,
    /// Of a sign-in: the cookies to set, in this order. Of an authentication that renewed the session: the cookie to set.
    pub cookies: Option<Vec<String>>,
    /// Of a sign-in: the return path.
    pub return_path: Option<String>,
    /// Of a sign-in: whether this repeats a recent result that was already logged.
    pub again: Option<bool>,
    /// Of a code exchange or a sign-in: the session's token. Of a session look-up: a newer token, if any.
    pub token: Option<String>,
    /// Of a code exchange: lifetime of the token in seconds.
    pub expires_in: Option<f64>,
    /// Of a sign-out: `ended` or `already_gone`.
    #[napi(ts_type = "'ended' | 'already_gone'")]
    pub sign_out: Option<&'static str>,
    /// Of a sign-out: the id of the session's user, if known.
    pub user_id: Option<String>,
    /// Of a sign-out, or of an authentication that renewed the session: the Cloud's id of the session, if known.
    pub session_id: Option<String>,
    /// Of a fetch of the key set: the number of entries that are not keys.
    pub odd_entries: Option<u32>,
    /// Of a sign-in: the sign-outs of the sessions that it replaced, or of its own session if it was refused here.
    pub sign_outs: Option<Vec<Pending>>,
    /// The error, if the job failed.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// Whether it is of an authentication by keys, and nothing else.
    pub(crate) fn is_by_keys(&self) -> bool {
        let verdict = self.verdict.as_ref();
        self.cookies.is_none()
            && verdict.is_some_and(|verdict| verdict.source == Source::Keys.as_str())
    }

    pub(crate) fn of(answer: Authentication, source: Source, cookie: Option<&SetCookie>) -> Self {
        let verdict = Some(Verdict {
            kind: answer.outcome().as_str(),
            source: source.as_str(),
        });
        let session_id = match &answer {
            Authentication::Authenticated(identity) if cookie.is_some() => identity.session_id(),
            _ => None,
        };
        let session_id = session_id.map(|id| id.as_str().to_owned());
        let (user, failure) = match answer {
            Authentication::Authenticated(identity) => (Some(identity.as_ref().into()), None),
            Authentication::Anonymous => (None, None),
            Authentication::Rejected(error) | Authentication::Unavailable(error) => {
                (None, Some(error.into()))
            }
        };
        Self {
            verdict,
            user,
            cookies: cookie.map(|cookie| vec![cookie.expose().to_owned()]),
            session_id,
            failure,
            ..Self::default()
        }
    }
}

impl From<Result<Self, CloudApiError>> for Outcome {
    fn from(result: Result<Self, CloudApiError>) -> Self {
        result.unwrap_or_else(|error| Self {
            failure: Some(error.into()),
            ..Self::default()
        })
    }
}

impl From<Renewal> for Outcome {
    fn from(renewal: Renewal) -> Self {
        match renewal {
            Renewal::Renewed(renewed) => {
                let token = renewed.identity.user().session_token();
                Self {
                    token: Some(token.expose().to_owned()),
                    session: Some((&renewed.session).into()),
                    ..Self::default()
                }
            }
            Renewal::Unchanged { session, .. } => Self {
                session: Some((&session).into()),
                ..Self::default()
            },
            Renewal::Ended(_) => Self::default(),
            Renewal::Unavailable(error) => Err(error).into(),
        }
    }
}
