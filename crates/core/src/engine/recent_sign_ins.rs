//! The outcomes of recent sign-ins, for a browser that never got the response and repeats the callback.
//!
//! Finding an outcome takes the browser's own login cookie. Bounded: each is kept for ten seconds, and the oldest are
//! evicted.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cloud::model::CloudSession;
use crate::cookie::SetCookie;
use crate::error::CloudApiError;
use crate::session::{Identity, TokenDigest};
use crate::time::Now;
use crate::url::ReturnPath;

const GRACE: Duration = Duration::from_secs(10);
const MOST: usize = 256;

/// The result of a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The identity that signed in.
    pub identity: Arc<Identity>,
    /// The new session.
    pub session: CloudSession,
    /// The cookies to set, in this order: the one that clears the login cookie first, the session cookie last.
    pub cookies: Vec<SetCookie>,
    /// Where to redirect the browser.
    pub return_path: ReturnPath,
}

type SignInResult = Result<SignedIn, CloudApiError>;

#[derive(Default)]
pub(crate) struct SignIns(Mutex<VecDeque<(Duration, TokenDigest, SignInResult)>>);

impl SignIns {
    /// Keeps an outcome.
    pub(crate) fn add(&self, key: TokenDigest, outcome: SignInResult, now: Now) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((end, ..)) = held.front() {
            if now.monotonic < *end && held.len() < MOST {
                break;
            }
            held.pop_front();
        }
        held.push_back((now.monotonic.saturating_add(GRACE), key, outcome));
    }

    /// The outcome of a recent sign-in.
    pub(crate) fn of(&self, key: &TokenDigest, now: Now) -> Option<SignInResult> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter()
            .find(|(end, own, _)| own == key && now.monotonic < *end)
            .map(|(.., outcome)| outcome.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::time::Timestamp;

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(0),
            monotonic: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn an_outcome_is_held_for_ten_seconds_and_the_oldest_gives_way() {
        let held = SignIns::default();
        let key = |n: usize| TokenDigest::of_sign_in(&n.to_string(), "verifier");
        let failed = || Err(CloudApiError::new(Code::NetworkError));
        held.add(key(0), failed(), at(0));
        assert!(held.of(&key(0), at(9)).is_some());
        assert!(held.of(&key(0), at(10)).is_none());
        (1..=MOST + 1).for_each(|n| held.add(key(n), failed(), at(1)));
        assert!(held.of(&key(1), at(1)).is_none());
        assert!(held.of(&key(2), at(1)).is_some());
        held.add(key(0), failed(), at(11));
        assert_eq!(held.0.lock().unwrap().len(), 1);
    }
}
