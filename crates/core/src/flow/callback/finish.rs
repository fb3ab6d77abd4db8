//! The end of a sign-in: its identity, its session and expiry, and the cookies for the browser.

use core::time::Duration;

use super::{SignIn, SignedIn};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::{CloudSession, CloudUser, derived_session_id};
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::login::cookie;
use crate::secret::SessionToken;
use crate::session::Identity;
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;

/// How long past its expiry the Cloud still renews a token.
const RENEWABLE_FOR: Duration = Duration::from_secs(60);

impl SignIn {
    /// The identity by the Cloud's answer alone.
    pub(super) fn said_by_cloud(&self, user: CloudUser) -> Identity {
        let said = Unverified::peek(user.session_token());
        let key = self.engine.key(user.session_token());
        // Use what every instance can read in the token, so that all agree whether it began before a revocation.
        Identity::new(key, user, said.session_id, said.expires_at).begun(said.issued_at)
    }

    /// Finishes a sign-in where the Cloud stated how long the token lasts, and nothing of its session.
    pub(super) fn without_session(
        &self,
        identity: Identity,
        expires_in: Duration,
    ) -> Result<SignedIn, CloudApiError> {
        let user = identity.user();
        let id = identity
            .session_id()
            .cloned()
            .or_else(|| derived_session_id(user.session_token()))
            .ok_or_else(|| bad_member(BadMember("access_token")))?;
        let now = self.host.now();
        let end = now.wall.plus(expires_in).min(Timestamp::LAST);
        // It is not known to have begun later: a revocation since then is of this session too.
        let session = CloudSession::new(id, user.id().clone(), self.came_at, end);
        // The session's end is unknown so far, only the token's.
        self.finish(identity, session, None)
    }

    pub(super) fn finish(
        &self,
        identity: Identity,
        session: CloudSession,
        session_end: Option<Timestamp>,
    ) -> Result<SignedIn, CloudApiError> {
        let (engine, now) = (&self.engine, self.host.now());
        if session.user_id() != identity.user().id() {
            // Two users in one answer: the session's owner is unclear.
            engine.cache.invalidate(&identity.key());
            return Err(bad_member(BadMember("session.user_id")));
        }
        let token = identity.user().session_token().clone();
        let (by_keys, own_end) = (engine.keys().is_some(), identity.expires_at());
        let life = life(&session, &token);
        let said_end = own_end.map_or(session.expires_at(), |end| end.min(session.expires_at()));
        let is_ahead = !life.is_zero() && said_end <= now.wall;
        let session = if by_keys {
            session
        } else {
            session.by_this_clock(now.wall)
        };
        let session_end = session_end.map(|_| session.expires_at());
        let end = own_end.map_or(session.expires_at(), |end| end.min(session.expires_at()));
        let begun = identity.begun_at().or(Some(session.created_at()));
        let identity = identity
            .named(Some(session.id().clone()))
            .begun(begun)
            .until(end);
        let identity = match session_end {
            Some(end) => identity.session_ending(end),
            None => identity,
        };
        let identity = if is_ahead && !by_keys {
            // A session cannot be over as it begins: the Cloud's clock counts.
            engine.ahead.note(said_end, now);
            let longest = engine.config().policy.session_max_age;
            identity.rebased(Some(life.min(longest)), now)
        } else {
            identity
        };
        if engine.cache.is_over(&identity, now) || engine.config().policy.session_max_age.is_zero()
        {
            return Err(CloudApiError::new(if is_ahead {
                Code::ClockAhead
            } else {
                Code::SessionExpired
            }));
        }
        // Where only the token's expiry is known, the cookie stays long enough to renew it.
        let cookie_until = session_end.unwrap_or(session.expires_at().plus(RENEWABLE_FOR));
        let cookies = vec![
            cookie::spec(engine.config(), self.state.id(), Some(self.site))?.clear(),
            engine.session_cookie(&token, cookie_until, Some(self.site), now.wall)?,
        ];
        let identity = engine
            .insert_sign_in(identity, now)
            .ok_or_else(|| CloudApiError::new(Code::SignedOut))?;
        Ok(SignedIn {
            identity,
            session,
            cookies,
            return_path: self.state.return_path(),
        })
    }
}

/// How long a new session and its token last, by the clock that issued them.
fn life(session: &CloudSession, token: &SessionToken) -> Duration {
    let said = Unverified::peek(token);
    let begun = said.issued_at.unwrap_or(session.created_at());
    let own = said.expires_at.map(|end| end.since(begun));
    own.map_or(session.life(), |own| own.min(session.life()))
}

/// The error for a token that was refused at sign-in. A token that is expired at once, or issued in the future, shows a wrong
/// clock.
pub(super) fn at_sign_in(error: CloudApiError, token: &SessionToken, now: Now) -> CloudApiError {
    let said = Unverified::peek(token);
    let is_past = said.expires_at.is_some_and(|end| end <= now.wall);
    let is_later = said.issued_at.is_some_and(|issued| issued > now.wall);
    let has_life = said.life().is_some_and(|life| !life.is_zero());
    if error.is(&Code::SessionExpired) && is_past && has_life {
        CloudApiError::new(Code::ClockAhead)
    } else if error.is(&Code::TokenNotYetValid) && is_later {
        CloudApiError::new(Code::ClockBehind)
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_to_be_wrong_where_the_token_says_so() {
        use Code::{ClockAhead, ClockBehind, SessionExpired, TokenNotYetValid};
        let now = Now {
            wall: Timestamp::from_unix_seconds(1000),
            monotonic: std::time::Duration::ZERO,
        };
        for (code, issued, end, expect) in [
            (SessionExpired, 900, 1000, ClockAhead),
            (SessionExpired, 900, 1001, SessionExpired),
            (SessionExpired, 1000, 1000, SessionExpired),
            (TokenNotYetValid, 1001, 2000, ClockBehind),
            (TokenNotYetValid, 1000, 2000, TokenNotYetValid),
        ] {
            let claims = format!(r#"{{"iat":{issued},"exp":{end}}}"#);
            let claims = crate::encoding::base64url(claims.as_bytes());
            let token = SessionToken::parse(&format!("e30.{claims}.c2ln")).unwrap();
            let error = at_sign_in(CloudApiError::new(code), &token, now);
            assert!(error.is(&expect), "{issued} {end}: {}", error.code());
        }
    }
}
