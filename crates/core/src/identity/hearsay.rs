//! What is taken of the word of others on what ended: no later and no longer than is of use.
//!
//! Whoever may write to the channel can end what there is. Without bounds they could also end what has not begun yet, and fill
//! the memory with what is never over. Nothing that ended here goes through this. It does not tell a liar from a clock that is
//! wrong.

use core::time::Duration;

use super::revocation::{Revocation, Subject};
use crate::time::Timestamp;

/// How far the clocks of two instances may be apart.
const CLOCKS: Duration = Duration::from_secs(5 * 60);
/// No browser keeps a cookie longer (RFC 6265bis section 5.5).
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

#[derive(Debug)]
pub(crate) struct Hearsay {
    /// How long the end of a user is taken for at most, from when it was.
    of_user: Duration,
    /// The same of a token or a session.
    of_one: Duration,
}

impl Hearsay {
    /// Where sessions live no longer than this.
    pub(crate) fn new(longest_session: Duration, leeway: Duration) -> Self {
        Self {
            of_user: longest_session.saturating_add(leeway),
            of_one: longest_session.max(LONGEST).saturating_add(leeway),
        }
    }

    /// What is taken over of it; nothing where it ends what begins later than now.
    ///
    /// The end of a user is for every session until then, those to come and those of which nobody knows when they began. So it
    /// has the tighter bounds. A token or a session is over for good: to cut its end short would let it in again. The bounds count
    /// from when it was said to end, and not from now, so that nothing grows older with every time that it is told.
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

    /// What is taken of the end of a user, and of a session: until when, counted from now.
    fn taken(at: Timestamp, until: Timestamp) -> [Option<Duration>; 2] {
        let hearsay = Hearsay::new(DAY, MINUTE);
        [
            Subject::User(UserId::parse("ada").unwrap()),
            Subject::Session(SessionId::parse("ses_1").unwrap()),
        ]
        .map(|subject| {
            let said = Revocation::new(subject, at, until);
            let taken = hearsay.bounded(said.clone(), now())?;
            assert_eq!((&taken.subject, taken.at), (&said.subject, said.at));
            Some(taken.until.since(now()))
        })
    }

    #[test]
    fn threat_031_what_others_say_ends_no_later_than_a_session_can() {
        let (of_user, of_session) = (DAY + MINUTE, LONGEST + MINUTE);
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
        // Told again later, it ends no later.
        let (begun, forever) = (now().minus(DAY), Timestamp::from_unix_millis(i64::MAX));
        let left = [MINUTE, (LONGEST + MINUTE).saturating_sub(DAY)];
        assert_eq!(taken(begun, forever), left.map(Some));
        let ahead = taken(forever, forever);
        assert_eq!(ahead, [None, Some(CLOCKS + LONGEST + MINUTE)]);
    }

    #[test]
    fn threat_031_what_others_say_of_a_user_ends_nothing_to_come() {
        let until = now().plus(DAY);
        let ahead = now().plus(CLOCKS);
        assert_eq!(taken(ahead, until), [Some(DAY); 2], "a clock that is ahead");
        for at in [
            ahead.plus(Duration::from_millis(1)),
            Timestamp::from_unix_millis(i64::MAX),
        ] {
            // What ends one session ends it whenever that was.
            assert_eq!(taken(at, until), [None, Some(DAY)], "{at}");
        }
    }
}
