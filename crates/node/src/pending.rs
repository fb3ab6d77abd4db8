//! Authentications waiting for JavaScript to pick them up.
//!
//! A look returns a number, which is mostly all. JavaScript fetches anything more right after, in the same turn of the
//! event loop. So one slot for each thing suffices, except for checks, which wait for a thread.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mastra_auth_cloud_core::engine::SignatureCheck;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::Verdict;
use mastra_auth_cloud_core::flow::{Event, Step, Task, Work};
use mastra_auth_cloud_core::session::{Identity as CoreIdentity, TokenDigest};
use mastra_auth_cloud_core::time::Now;

/// Limit on authentications that wait for a check: 16 batches for each of four threads, some 30 ms of work for two
/// processors. Beyond it a check runs on the event loop, which slows down the sender of the flood.
const MOST_WAITING: usize = 512;

#[derive(Default)]
pub(crate) struct Pending {
    /// Background work; no request waits for it.
    pub(crate) background: Vec<Work>,
    /// The identity that the last look verified by a signature.
    pub(crate) found: Option<Arc<CoreIdentity>>,
    /// The last look, if it did not find an identity at once.
    pub(crate) begun: Option<Result<Step<'static, Verdict>, CloudApiError>>,
    /// Checks that no thread has taken yet.
    checks: Vec<SignatureCheck>,
    /// Authentications that wait for a check, by the key of the token.
    waiting: HashMap<TokenDigest, Vec<Waiting>>,
    /// Their number.
    count: usize,
    tickets: u32,
}

/// An authentication that waits for a check.
pub(crate) struct Waiting {
    pub(crate) search: Task<'static, Verdict>,
    pub(crate) ticket: u32,
    pub(crate) wanted: Wanted,
}

/// The form in which JavaScript wants the result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The user, if there is one.
    User,
    /// The search, whatever its result.
    Search,
}

impl Pending {
    pub(crate) fn lock(pending: &Mutex<Self>) -> MutexGuard<'_, Self> {
        pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enqueues a check and returns its ticket.
    pub(crate) fn enqueue(
        &mut self,
        check: SignatureCheck,
        search: Task<'static, Verdict>,
        wanted: Wanted,
    ) -> u32 {
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = self.tickets;
        self.requeue(
            check,
            Waiting {
                search,
                ticket,
                wanted,
            },
        );
        ticket
    }

    /// Enqueues a check under an existing ticket. Authentications of one token share one check.
    pub(crate) fn requeue(&mut self, check: SignatureCheck, waiting: Waiting) {
        self.count = self.count.saturating_add(1);
        match self.waiting.entry(check.key()) {
            Entry::Occupied(others) => others.into_mut().push(waiting),
            Entry::Vacant(place) => {
                place.insert(vec![waiting]);
                self.checks.push(check);
            }
        }
    }

    /// Whether checks wait for a thread.
    pub(crate) fn has_checks(&self) -> bool {
        !self.checks.is_empty()
    }

    pub(crate) fn take_checks(&mut self) -> Vec<SignatureCheck> {
        std::mem::take(&mut self.checks)
    }

    /// Takes the authentications that waited for a check.
    pub(crate) fn take_waiting(&mut self, key: &TokenDigest) -> Vec<Waiting> {
        let waited = self.waiting.remove(key).unwrap_or_default();
        self.count = self.count.saturating_sub(waited.len());
        waited
    }

    /// Takes a step of a search. Background work is kept here; a check runs at once where the queue is full.
    pub(crate) fn step(
        pending: &Mutex<Self>,
        mut search: Task<'static, Verdict>,
        mut event: Event,
        now: Now,
    ) -> Step<'static, Verdict> {
        loop {
            (event, search) = match search.step(event, now) {
                Step::Spawn(work, rest) => {
                    Self::lock(pending).background.push(work);
                    (Event::Start, rest)
                }
                Step::Check(check, rest) if Self::lock(pending).count >= MOST_WAITING => {
                    (Event::Checked(check.run()), rest)
                }
                step => return step,
            };
        }
    }
}
