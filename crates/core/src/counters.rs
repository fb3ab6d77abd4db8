//! Counters: requests by outcome and source, sign-ins, sign-outs, calls to the Cloud.
//!
//! Counters only grow. Counting is one atomic addition, without a lock or an allocation. Every label comes from a list here
//! or in [`cloud_call`](crate::cloud_call): no caller can create a new one.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::cloud_call::CloudCall;

mod calls;
mod hits;

use calls::Calls;
pub use calls::{CallCount, CallResult, CallTimes, TIME_BOUNDS};
use hits::HitCounter;

labels! {
    /// The outcome of a request's authentication. Exhaustive on purpose: a caller tells all four apart.
    enum Outcome {
        /// The request is signed in.
        Authenticated = "authenticated",
        /// The request has no credential.
        Anonymous = "anonymous",
        /// The credential was refused.
        Rejected = "rejected",
        /// The credential could not be checked.
        Unavailable = "unavailable",
    }
}

labels! {
    /// The source of an answer.
    #[non_exhaustive]
    enum Source {
        /// The cache: a verified identity, also a stale one, a refusal or a sign-out.
        Cache = "cache",
        /// A signature that was verified here.
        Keys = "keys",
        /// A call to the Cloud, whether it was answered or not.
        Cloud = "cloud",
        /// None: there was nothing to look up, or no call was allowed.
        None = "none",
    }
}

/// Whether an authentication counts its answer. For drivers alone. Exhaustive: yes or no.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Count it.
    Always,
    /// Do not: it is counted elsewhere.
    Never,
}

labels! {
    /// The outcome of a sign-in.
    #[non_exhaustive]
    enum Login {
        /// A user signed in.
        Succeeded = "succeeded",
        /// The sign-in failed, whatever the reason.
        Failed = "failed",
    }
}

labels! {
    /// The outcome of ending a session at the Cloud.
    #[non_exhaustive]
    enum SignOutResult {
        /// The Cloud ended it.
        Ended = "ended",
        /// The Cloud knew no such session.
        AlreadyGone = "already_gone",
        /// The Cloud did not confirm.
        NotConfirmed = "not_confirmed",
    }
}

/// All counters of one deployment; they start at 0 with its [`Engine`](crate::engine::Engine).
#[derive(Debug, Default)]
pub struct Counters {
    requests: [[AtomicU64; Source::ALL.len()]; Outcome::ALL.len()],
    logins: [AtomicU64; Login::ALL.len()],
    session_ends: [AtomicU64; SignOutResult::ALL.len()],
    calls: Calls,
    fast_hits: HitCounter,
}

impl Counters {
    /// Counts the answer to a request.
    pub fn answered(&self, outcome: Outcome, source: Source) {
        let row = of(&self.requests, Outcome::ALL, outcome);
        add(row.and_then(|row| of(row, Source::ALL, source)), 1);
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
        add(of(&self.logins, Login::ALL, login), 1);
    }

    /// Counts the end of a session.
    pub fn session_end(&self, end: SignOutResult) {
        add(of(&self.session_ends, SignOutResult::ALL, end), 1);
    }

    /// Counts a call to the Cloud.
    pub fn called(&self, call: CloudCall, result: CallResult, took: Duration) {
        self.calls.add(call, result, took);
    }

    /// Requests by outcome and source, for each possible pair.
    pub fn requests(&self) -> impl Iterator<Item = (Outcome, Source, u64)> {
        Outcome::ALL
            .into_iter()
            .zip(&self.requests)
            .flat_map(move |(outcome, row)| {
                Source::ALL
                    .into_iter()
                    .zip(row)
                    .filter_map(move |(source, counter)| {
                        let count = match (outcome, source) {
                            (Outcome::Authenticated, Source::Cache) => {
                                read(counter).wrapping_add(self.fast_hits())
                            }
                            _ => read(counter),
                        };
                        (count > 0 || can_be(outcome, source)).then_some((outcome, source, count))
                    })
            })
    }

    /// Sign-ins by outcome.
    pub fn logins(&self) -> impl Iterator<Item = (Login, u64)> {
        Login::ALL.into_iter().zip(self.logins.iter().map(read))
    }

    /// Ended sessions by the Cloud's answer.
    pub fn session_ends(&self) -> impl Iterator<Item = (SignOutResult, u64)> {
        SignOutResult::ALL
            .into_iter()
            .zip(self.session_ends.iter().map(read))
    }

    /// Calls to the Cloud by endpoint and result, without those that never occurred.
    pub fn calls(&self) -> impl Iterator<Item = CallCount> {
        self.calls.counts()
    }

    /// How long calls took, for each endpoint that was called.
    pub fn call_times(&self) -> impl Iterator<Item = CallTimes> {
        self.calls.times()
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

/// The counter of one label. A search through a few labels costs less than what is counted.
fn of<T: Copy + PartialEq, C, const N: usize>(
    counters: &[C; N],
    labels: [T; N],
    label: T,
) -> Option<&C> {
    let mut each = counters.iter().zip(labels);
    each.find(|(_, own)| *own == label)
        .map(|(counter, _)| counter)
}

/// Relaxed, since no other data depends on a counter.
fn add(counter: Option<&AtomicU64>, count: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(count, Ordering::Relaxed);
    }
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
        counters.session_end(SignOutResult::NotConfirmed);
        counters.session_end(SignOutResult::NotConfirmed);
        counters.called(
            CloudCall::KeySet,
            CallResult::of_status(200),
            Duration::ZERO,
        );
        assert_eq!(counters.calls().map(|row| row.count).sum::<u64>(), 1);
        assert_eq!(counters.call_times().map(|row| row.count).sum::<u64>(), 1);
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
