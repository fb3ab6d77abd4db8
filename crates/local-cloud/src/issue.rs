//! Issues a token without the login page: for a test, or to use with `curl`.

use std::time::Duration;

use crate::Dialect;
use crate::cloud::{Cloud, millis};
use crate::store::{SessionRow, StoreError, User};

/// The token to issue.
pub(crate) struct Asked<'a> {
    /// Handle, id, e-mail address, role or name.
    pub(crate) person: &'a str,
    /// The token's age.
    pub(crate) age: Duration,
    /// The token's lifetime from its issue; `None` means the default.
    pub(crate) token_lifetime: Option<Duration>,
    /// The session's lifetime; `None` means the default.
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

/// A token and its session.
pub(crate) struct Issued {
    pub(crate) token: String,
    /// When the token ends, in milliseconds since the Unix epoch.
    pub(crate) ends: i64,
    pub(crate) user: User,
    pub(crate) session: SessionRow,
    /// What the platform gives besides.
    pub(crate) platform: Option<OfPlatform>,
}

/// A browser's session and a program's refresh token.
pub(crate) struct OfPlatform {
    pub(crate) sealed: String,
    pub(crate) refresh: String,
}

impl Cloud {
    /// Creates a session of the first project and its token; `None` if the person is unknown.
    pub(crate) fn issue(&self, asked: &Asked<'_>) -> Result<Option<Issued>, StoreError> {
        let found = (self.seed.projects.first()).zip(self.seed.find(asked.person));
        let Some((project, person)) = found else {
            return Ok(None);
        };
        let Some(user) = self.store.user(&person.id())? else {
            return Ok(None);
        };
        let (mut session, own) = match self.dialect {
            Dialect::Platform => match self.platform_session(&user, None)? {
                Some(made) => made,
                None => return Ok(None),
            },
            _ => (self.new_session(&user.id, &project.id)?, None),
        };
        let issued_at = self.now().saturating_sub(millis(asked.age));
        if let Some(lifetime) = asked.session_lifetime {
            session.expires_at = session.created_at.saturating_add(millis(lifetime));
        }
        session.created_at = session.created_at.min(issued_at);
        self.store.add_session(&session)?;
        if self.dialect == Dialect::Platform {
            let lifetime = asked.token_lifetime;
            let tokens = self.program_tokens(&user, &session, own.as_ref(), issued_at, lifetime)?;
            let sealed = self.seal(&session, session.organization_id(), issued_at)?;
            return Ok(Some(Issued {
                token: tokens.access,
                ends: tokens.ends,
                user,
                session,
                platform: Some(OfPlatform {
                    sealed,
                    refresh: tokens.refresh,
                }),
            }));
        }
        let lifetime = asked.token_lifetime.or(self.token_lifetime);
        let (token, ends) = self.token_for(&user, &session, issued_at, lifetime)?;
        Ok(Some(Issued {
            token,
            ends,
            user,
            session,
            platform: None,
        }))
    }
}
