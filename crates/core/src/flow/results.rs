//! The results of the tasks that requests share: of asking about a token, of refreshing a session, of fetching keys.

use std::sync::Arc;

use crate::cloud::model::CloudSession;
use crate::cookie::SetCookie;
use crate::counters::Outcome;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::session::Identity;
use crate::time::Now;

/// The answer for a request's credentials.
/// Exhaustive on purpose: a caller tells all four apart.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// The request is signed in.
    Authenticated(Arc<Identity>),
    /// The request has no credential: answer 401, or go on without a user.
    Anonymous,
    /// The credential was refused. Answer the error's [`status`](CloudApiError::status): 401, 403 for an account or an organization,
    /// 400 for cookies that cannot be read. [`remedy`](CloudApiError::remedy) says what the user can do.
    Rejected(CloudApiError),
    /// The credential could not be checked, as in an outage: answer 503, and keep the cookie. The user may be signed in.
    Unavailable(CloudApiError),
}

impl Authentication {
    /// The kind of the answer.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Authenticated(_) => Outcome::Authenticated,
            Self::Anonymous => Outcome::Anonymous,
            Self::Rejected(_) => Outcome::Rejected,
            Self::Unavailable(_) => Outcome::Unavailable,
        }
    }
}

/// The result of a renewal. Exhaustive on purpose: a caller tells all four apart.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// The Cloud issued a newer token.
    Renewed(Arc<Renewed>),
    /// The session is alive and has no newer token. The cookie is set where the session ends later than was known.
    Unchanged {
        /// The session.
        session: CloudSession,
        /// The cookie to set.
        cookie: Option<SetCookie>,
    },
    /// The session has ended.
    Ended(CloudApiError),
    /// The renewal could not be completed.
    Unavailable(CloudApiError),
}

/// A session with its newer token, which the identity's user holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Renewed {
    /// The identity of the newer token.
    pub identity: Arc<Identity>,
    /// The session.
    pub session: CloudSession,
    /// The cookie to set.
    pub cookie: SetCookie,
}

impl Renewed {
    pub(crate) fn new(
        engine: &Engine,
        identity: Arc<Identity>,
        session: CloudSession,
        now: Now,
    ) -> Result<Self, CloudApiError> {
        let (token, until) = (identity.user().session_token(), session.expires_at());
        let cookie = engine.session_cookie(token, until, None, now.wall)?;
        Ok(Self {
            identity,
            session,
            cookie,
        })
    }
}

/// The result of a fetch. Exhaustive on purpose: a driver logs all that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A usable set was fetched.
    Updated,
    /// A usable set was fetched; this many of its entries are no keys at all.
    UpdatedInPart(usize),
    /// It was not time to fetch: another caller did a moment ago.
    NotDue,
    /// The fetch failed.
    Failed(CloudApiError),
}
