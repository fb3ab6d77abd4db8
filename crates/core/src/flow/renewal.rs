//! The result of a renewal: a newer token, the unchanged session, or an error.

use std::sync::Arc;

use crate::cloud::model::CloudSession;
use crate::cookie::SetCookie;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::session::Identity;
use crate::time::Now;

/// The result of a renewal.
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
