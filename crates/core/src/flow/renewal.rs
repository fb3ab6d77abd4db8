//! What comes of a renewal: a newer token, the session as it is, or why there is neither.

use std::sync::Arc;

use crate::cookie::SetCookie;
use crate::error::CloudApiError;
use crate::identity::Identity;
use crate::identity::authority::Authority;
use crate::model::CloudSession;
use crate::time::Now;

/// What came of asking for a newer token.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// There is one.
    Renewed(Arc<Renewed>),
    /// There is none, and the session stands. The cookie is there where it ends later than was known.
    Unchanged {
        /// The session.
        session: CloudSession,
        /// What to set.
        cookie: Option<SetCookie>,
    },
    /// The session has ended.
    Ended(CloudApiError),
    /// It could not be found out.
    Unavailable(CloudApiError),
}

/// A session with its newer token, which is that of the user.
#[derive(Debug)]
#[non_exhaustive]
pub struct Renewed {
    /// Whose it is.
    pub identity: Arc<Identity>,
    /// The session.
    pub session: CloudSession,
    /// What to set.
    pub cookie: SetCookie,
}

impl Renewed {
    pub(crate) fn new(
        authority: &Authority,
        identity: Arc<Identity>,
        session: CloudSession,
        now: Now,
    ) -> Result<Self, CloudApiError> {
        let (token, until) = (identity.user().session_token(), session.expires_at());
        let cookie = authority.session_cookie(token, until, None, now.wall)?;
        Ok(Self {
            identity,
            session,
            cookie,
        })
    }
}
