//! Limits on revocations received from other instances.
//!
//! Anyone who can write to the channel can revoke what exists. Without limits they could also revoke sessions that have not
//! begun yet, and fill the memory with entries that never expire. Revocations made on this instance do not pass through here.
//! The limits cannot tell a liar from a wrong clock.

use core::time::Duration;

use crate::revocation::{Revocation, Subject};
use crate::time::Timestamp;

/// How far the clocks of two instances may be apart.
const CLOCKS: Duration = Duration::from_secs(5 * 60);
/// No browser keeps a cookie longer (RFC 6265bis section 5.5).
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

#[derive(Debug)]
pub(crate) struct RemoteLimits {
    /// How long the revocation of a user counts at most, from when it was made.
    of_user: Duration,
    /// How long the revocation of a token or a session counts at most, from when it was made.
    of_one: Duration,
}

impl RemoteLimits {
    /// The limits for sessions of at most `longest_session`.
    pub(crate) fn new(longest_session: Duration, leeway: Duration) -> Self {
        Self {
            of_user: longest_session.saturating_add(leeway),
            of_one: longest_session.max(LONGEST).saturating_add(leeway),
        }
    }

    /// The revocation within the limits; none where it revokes a user from more than five minutes ahead.
    ///
    /// Revoking a user covers every session that began until then: those to come, and those whose begin is unknown. So its
    /// limits are tighter. A token or a session is over for good: to cut its revocation short would accept it again. The
    /// limits count from when the revocation was made and not from now, so that repeating it extends nothing.
    pub(crate) fn bounded(&self, said: Revocation, now: Timestamp) -> Option<Revocation> {
        let latest = now.plus(CLOCKS);
        let longest = match said.subject {
            Subject::User(_) if said.at > latest => return None,
            Subject::User(_) => self.of_user,
            Subject::Token(_) | Subject::Session(_) => self.of_one,
        };
        let until = said.until.min(said.at.min(latest).plus(longest));
        Some(Revocation::new(said.subject, said.at, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SessionId, UserId};

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(1_000_000)
    }

    /// For how long the revocations of a user and of a session are accepted, counted from now.
    fn taken(at: Timestamp, until: Timestamp) -> [Option<Duration>; 2] {
        let remote_limits = RemoteLimits::new(DAY, MINUTE);
        [
            Subject::User(UserId::parse("ada").unwrap()),
            Subject::Session(SessionId::parse("ses_1").unwrap()),
        ]
        .map(|subject| {
            let said = Revocation::new(subject, at, until);
            let taken = remote_limits.bounded(said.clone(), now())?;
            assert_eq!((&taken.subject, taken.at), (&said.subject, said.at));
            Some(taken.until.since(now()))
        })
    }

    #[test]
    fn threat_031_what_others_say_ends_no_later_than_a_session_can() {
        let (of_user, of_session) = (DAY + MINUTE, 400 * DAY + MINUTE);
        for (until, expect) in [
            (now().plus(DAY), [DAY, DAY]),
            (now().plus(of_user), [of_user, of_user]),
            (now().plus(of_session), [of_user, of_session]),
            (now().plus(of_session * 2), [of_user, of_session]),
            (Timestamp::from_unix_millis(i64::MAX), [of_user, of_session]),
            (Timestamp::from_unix_millis(i64::MIN), [Duration::ZERO; 2]),
        ] {
            assert_eq!(taken(now(), until), expect.map(Some), "{until}");
        }
        // Received again later, it ends no later.
        let (begun, forever) = (now().minus(DAY), Timestamp::from_unix_millis(i64::MAX));
        let left = [MINUTE, 399 * DAY + MINUTE];
        assert_eq!(taken(begun, forever), left.map(Some));
        let ahead = taken(forever, forever);
        assert_eq!(ahead, [None, Some(400 * DAY + 6 * MINUTE)]);
    }

    #[test]
    fn threat_031_what_others_say_of_a_user_ends_nothing_to_come() {
        let until = now().plus(DAY);
        let ahead = now().plus(5 * MINUTE);
        assert_eq!(taken(ahead, until), [Some(DAY); 2], "a clock that is ahead");
        for at in [
            ahead.plus(Duration::from_millis(1)),
            Timestamp::from_unix_millis(i64::MAX),
        ] {
            // A revocation of one session counts whatever its time.
            assert_eq!(taken(at, until), [None, Some(DAY)], "{at}");
        }
    }
}
