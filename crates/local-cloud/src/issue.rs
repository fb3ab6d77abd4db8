//! A token without the login page: for a test, and for a person who has to hand one to `curl`.

use std::time::Duration;

use crate::cloud::{Cloud, millis, now};
use crate::store::{SessionRow, StoreError, User};

/// What to issue.
pub(crate) struct Asked<'a> {
    /// Handle, id, e-mail address, role or name.
    pub(crate) person: &'a str,
    /// How long ago the token was issued.
    pub(crate) age: Duration,
    /// How long the token lasts from then on; `None` is as every token here.
    pub(crate) token_lifetime: Option<Duration>,
    /// How long the session lasts; `None` is as every session here.
    pub(crate) session_lifetime: Option<Duration>,
}

impl<'a> Asked<'a> {
    pub(crate) const fn of(person: &'a str) -> Self {
        Self {
            person,
            age: Duration::ZERO,
            token_lifetime: None,
            session_lifetime: None,
        }
    }
}

/// A token, and what it stands for.
pub(crate) struct Issued {
    pub(crate) token: String,
    /// When the token ends, in milliseconds since the Unix epoch.
    pub(crate) ends: i64,
    pub(crate) user: User,
    pub(crate) session: SessionRow,
}

impl Cloud {
    /// A new session of the first project and its token; `None` where nobody answers to that name.
    pub(crate) fn issue(&self, asked: &Asked<'_>) -> Result<Option<Issued>, StoreError> {
        let found = (self.seed.projects.first()).zip(self.seed.find(asked.person));
        let Some((project, person)) = found else {
            return Ok(None);
        };
        let Some(user) = self.store.user(&person.id())? else {
            return Ok(None);
        };
        let mut session = self.new_session(&user.id, &project.id)?;
        let issued_at = now().saturating_sub(millis(asked.age));
        if let Some(lifetime) = asked.session_lifetime {
            session.expires_at = session.created_at.saturating_add(millis(lifetime));
        }
        session.created_at = session.created_at.min(issued_at);
        self.store.add_session(&session)?;
        let lifetime = asked.token_lifetime.or(self.token_lifetime);
        let (token, ends) = self.token_for(&user, &session, issued_at, lifetime)?;
        Ok(Some(Issued {
            token,
            ends,
            user,
            session,
        }))
    }
}
