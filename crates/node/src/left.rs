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
pub(crate) struct Left {
    /// Background work; no request waits for it.
    pub(crate) background: Vec<Work>,
    /// The identity that the last look verified by a signature.
    pub(crate) found: Option<Arc<CoreIdentity>>,
    /// The last look, if it did not find an identity at once.
    pub(crate) begun: Option<Result<Step<'static, Verdict>, CloudApiError>>,
    /// Checks that no thread has taken yet.
    checks: Vec<SignatureCheck>,
    /// Authentications that wait for a check, by the key of the token.
    looks: HashMap<TokenDigest, Vec<Laid>>,
    /// Their number.
    waiting: usize,
    tickets: u32,
}

/// An authentication that waits for a check.
pub(crate) struct Laid {
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

impl Left {
    pub(crate) fn lock(left: &Mutex<Self>) -> MutexGuard<'_, Self> {
        left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enqueues a check and returns its ticket.
    pub(crate) fn lay_down(
        &mut self,
        check: SignatureCheck,
        search: Task<'static, Verdict>,
        wanted: Wanted,
    ) -> u32 {
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = self.tickets;
        self.lay_again(
            check,
            Laid {
                search,
                ticket,
                wanted,
            },
        );
        ticket
    }

    /// Enqueues a check under an existing ticket. Authentications of one token share one check.
    pub(crate) fn lay_again(&mut self, check: SignatureCheck, laid: Laid) {
        self.waiting = self.waiting.saturating_add(1);
        match self.looks.entry(check.key()) {
            Entry::Occupied(waiting) => waiting.into_mut().push(laid),
            Entry::Vacant(place) => {
                place.insert(vec![laid]);
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
    pub(crate) fn take_looks(&mut self, key: &TokenDigest) -> Vec<Laid> {
        let looks = self.looks.remove(key).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(looks.len());
        looks
    }

    /// Takes a step of a search. Background work is left here; a check runs at once where the queue is full.
    pub(crate) fn step(
        left: &Mutex<Self>,
        mut search: Task<'static, Verdict>,
        mut event: Event,
        now: Now,
    ) -> Step<'static, Verdict> {
        loop {
            (event, search) = match search.step(event, now) {
                Step::Spawn(work, rest) => {
                    Self::lock(left).background.push(work);
                    (Event::Start, rest)
                }
                Step::Check(check, rest) if Self::lock(left).waiting >= MOST_WAITING => {
                    (Event::Checked(check.run()), rest)
                }
                step => return step,
            };
        }
    }
}
