//! Counters: requests by outcome and source, sign-ins, sign-outs, calls to the Cloud.
//!
//! Counters only grow. Counting is one atomic addition, without a lock or an allocation. Every label comes from a list here
//! or in [`cloud_call`](crate::cloud_call): no caller can create a new one.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::cloud_call::CloudCall;

mod call_result;
mod calls;
mod hits;

pub use call_result::CallResult;
use calls::Calls;
pub use calls::{CallCount, CallTimes, TIME_BOUNDS};
use hits::HitCounter;

/// The outcome of a request's authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The request is signed in.
    Authenticated,
    /// The request has no credential.
    Anonymous,
    /// The credential was refused.
    Rejected,
    /// The credential could not be checked.
    Unavailable,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [
        Self::Authenticated,
        Self::Anonymous,
        Self::Rejected,
        Self::Unavailable,
    ];

    /// The outcome as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Anonymous => "anonymous",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The source of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The cache: a verified identity, also a stale one, a refusal or a sign-out.
    Cache,
    /// A signature that was verified here.
    Keys,
    /// A call to the Cloud, whether it was answered or not.
    Cloud,
    /// None: there was nothing to look up, or no call was allowed.
    None,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 4] = [Self::Cache, Self::Keys, Self::Cloud, Self::None];

    /// The source as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Keys => "keys",
            Self::Cloud => "cloud",
            Self::None => "none",
        }
    }
}

/// Whether an authentication counts its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Count it.
    Always,
    /// Do not: it is counted elsewhere.
    Never,
}

/// The outcome of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Login {
    /// A user signed in.
    Succeeded,
    /// The sign-in failed, whatever the reason.
    Failed,
}

impl Login {
    /// Both outcomes.
    pub const ALL: [Self; 2] = [Self::Succeeded, Self::Failed];

    /// The outcome as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// The outcome of ending a session at the Cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The Cloud ended it.
    Ended,
    /// The Cloud knew no such session.
    AlreadyGone,
    /// The Cloud did not confirm.
    NotConfirmed,
}

impl SessionEnd {
    /// All outcomes.
    pub const ALL: [Self; 3] = [Self::Ended, Self::AlreadyGone, Self::NotConfirmed];

    /// The outcome as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::AlreadyGone => "already_gone",
            Self::NotConfirmed => "not_confirmed",
        }
    }
}

/// All counters of one deployment; they start at 0 with its [`Engine`](crate::engine::Engine).
#[derive(Debug, Default)]
pub struct Counters {
    requests: Requests,
    succeeded: AtomicU64,
    failed: AtomicU64,
    ended: AtomicU64,
    already_gone: AtomicU64,
    not_confirmed: AtomicU64,
    calls: Calls,
    fast_hits: HitCounter,
}

/// One field for each possible pair, so that counting needs no search.
#[derive(Debug, Default)]
struct Requests {
    authenticated: Sources,
    anonymous: Sources,
    rejected: Sources,
    unavailable: Sources,
}

#[derive(Debug, Default)]
struct Sources {
    cache: AtomicU64,
    keys: AtomicU64,
    cloud: AtomicU64,
    none: AtomicU64,
}

impl Counters {
    /// Counts the answer to a request.
    pub fn answered(&self, outcome: Outcome, source: Source) {
        add(self.request(outcome, source), 1);
    }

    /// Counts a request that the fast path answered: authenticated, from the cache. `serial` is the identity's.
    pub(crate) fn fast_hit(&self, serial: u64) {
        self.fast_hits.add(serial);
    }

    /// How many requests the fast path answered.
    pub(crate) fn fast_hits(&self) -> u64 {
        self.fast_hits.sum()
    }

    /// Counts a sign-in.
    pub fn login(&self, login: Login) {
        add(self.login_counter(login), 1);
    }

    /// Counts the end of a session.
    pub fn session_end(&self, end: SessionEnd) {
        add(self.end_counter(end), 1);
    }

    /// Counts a call to the Cloud.
    pub fn called(&self, call: CloudCall, result: CallResult, took: Duration) {
        self.calls.add(call, result, took);
    }

    /// Requests by outcome and source, for each possible pair.
    pub fn requests(&self) -> impl Iterator<Item = (Outcome, Source, u64)> {
        Outcome::ALL.into_iter().flat_map(move |outcome| {
            Source::ALL.into_iter().filter_map(move |source| {
                let count = self.count(outcome, source);
                (count > 0 || can_be(outcome, source)).then_some((outcome, source, count))
            })
        })
    }

    /// Sign-ins by outcome.
    pub fn logins(&self) -> impl Iterator<Item = (Login, u64)> {
        Login::ALL
            .map(|login| (login, read(self.login_counter(login))))
            .into_iter()
    }

    /// Ended sessions by the Cloud's answer.
    pub fn session_ends(&self) -> impl Iterator<Item = (SessionEnd, u64)> {
        SessionEnd::ALL
            .map(|end| (end, read(self.end_counter(end))))
            .into_iter()
    }

    /// Calls to the Cloud by endpoint and result, without those that never occurred.
    pub fn calls(&self) -> impl Iterator<Item = CallCount> {
        self.calls.counts()
    }

    /// How long calls took, for each endpoint that was called.
    pub fn call_times(&self) -> impl Iterator<Item = CallTimes> {
        self.calls.times()
    }

    fn count(&self, outcome: Outcome, source: Source) -> u64 {
        let fast_hits = match (outcome, source) {
            (Outcome::Authenticated, Source::Cache) => self.fast_hits(),
            _ => 0,
        };
        read(self.request(outcome, source)).wrapping_add(fast_hits)
    }

    const fn request(&self, outcome: Outcome, source: Source) -> &AtomicU64 {
        let sources = match outcome {
            Outcome::Authenticated => &self.requests.authenticated,
            Outcome::Anonymous => &self.requests.anonymous,
            Outcome::Rejected => &self.requests.rejected,
            Outcome::Unavailable => &self.requests.unavailable,
        };
        match source {
            Source::Cache => &sources.cache,
            Source::Keys => &sources.keys,
            Source::Cloud => &sources.cloud,
            Source::None => &sources.none,
        }
    }

    const fn login_counter(&self, login: Login) -> &AtomicU64 {
        match login {
            Login::Succeeded => &self.succeeded,
            Login::Failed => &self.failed,
        }
    }

    const fn end_counter(&self, end: SessionEnd) -> &AtomicU64 {
        match end {
            SessionEnd::Ended => &self.ended,
            SessionEnd::AlreadyGone => &self.already_gone,
            SessionEnd::NotConfirmed => &self.not_confirmed,
        }
    }
}

/// The pairs to show even at 0, so that their first count is seen as a rise.
const fn can_be(outcome: Outcome, source: Source) -> bool {
    match outcome {
        Outcome::Authenticated => !matches!(source, Source::None),
        Outcome::Anonymous => matches!(source, Source::None),
        Outcome::Rejected => true,
        Outcome::Unavailable => !matches!(source, Source::Cache),
    }
}

/// Relaxed, since no other data depends on a counter.
fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_a_counter_of_its_own() {
        let counters = Counters::default();
        let pairs = || {
            Outcome::ALL
                .into_iter()
                .flat_map(|o| Source::ALL.map(|s| (o, s)))
        };
        for (n, (outcome, source)) in (1..).zip(pairs()) {
            (0..n).for_each(|_| counters.answered(outcome, source));
        }
        for (n, (outcome, source)) in (1..).zip(pairs()) {
            assert!(counters.requests().any(|row| row == (outcome, source, n)));
        }
        assert_eq!(counters.requests().count(), 16);
    }

    #[test]
    fn what_can_be_is_shown_before_it_happens_and_nothing_else() {
        let counters = Counters::default();
        assert_eq!(counters.requests().count(), 11);
        assert!(counters.requests().all(|(_, _, count)| count == 0));
        assert!(counters.calls().next().is_none() && counters.call_times().next().is_none());
        assert_eq!(
            counters.logins().count() + counters.session_ends().count(),
            5
        );
    }

    #[test]
    fn sign_ins_and_sign_outs_are_told_apart() {
        let counters = Counters::default();
        counters.login(Login::Failed);
        counters.session_end(SessionEnd::NotConfirmed);
        counters.session_end(SessionEnd::NotConfirmed);
        assert_eq!(
            counters
                .logins()
                .map(|(_, count)| count)
                .collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(
            counters
                .session_ends()
                .map(|(_, count)| count)
                .collect::<Vec<_>>(),
            [0, 0, 2]
        );
    }
}
