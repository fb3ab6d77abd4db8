//! What looks left behind on this side, until the other takes it.
//!
//! A look gives back a number, and most of the time that is all. Whoever wants more asks for it right after, in the same turn of
//! the event loop: so one place for each thing is enough, but for checks, which wait for a thread.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Background, Check, Turn};
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::identity::Identity as CoreIdentity;
use mastra_auth_cloud_core::identity::key::TokenKey;
use mastra_auth_cloud_core::time::Now;

use crate::answer::Search;

/// Most looks that wait for a check at once: 16 batches for each of four threads, some 30 ms of work for two processors. What
/// comes beyond is checked where it stands, which holds the event loop up and so whoever sends it.
const MOST_WAITING: usize = 512;

#[derive(Default)]
pub(crate) struct Left {
    /// What is to be done, for which nobody waits.
    pub(crate) background: Vec<Background>,
    /// Whom the last look verified by a signature.
    pub(crate) found: Option<Arc<CoreIdentity>>,
    /// The last look, where it did not find anybody at once.
    pub(crate) begun: Option<Result<Search, CloudApiError>>,
    /// What no thread has taken so far.
    checks: Vec<Check>,
    /// Who waits for a check, under the key of its token.
    looks: HashMap<TokenKey, Vec<Laid>>,
    /// How many they are.
    waiting: usize,
    tickets: u32,
}

/// A look that waits for a check.
pub(crate) struct Laid {
    pub(crate) search: Authenticate<'static>,
    pub(crate) ticket: u32,
    pub(crate) wanted: Wanted,
}

/// What is to come of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The user, where there is one.
    User,
    /// The search, whatever it ends with.
    Search,
}

impl Left {
    pub(crate) fn lock(left: &Mutex<Self>) -> MutexGuard<'_, Self> {
        left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays a check down; the answer is the ticket that it comes back under.
    pub(crate) fn lay_down(
        &mut self,
        check: Check,
        search: Authenticate<'static>,
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

    /// The same under a ticket that was given before. Of a token that is being checked there is one check however many wait.
    pub(crate) fn lay_again(&mut self, check: Check, laid: Laid) {
        self.waiting = self.waiting.saturating_add(1);
        match self.looks.entry(check.key()) {
            Entry::Occupied(waiting) => waiting.into_mut().push(laid),
            Entry::Vacant(place) => {
                place.insert(vec![laid]);
                self.checks.push(check);
            }
        }
    }

    /// Whether a thread is wanted.
    pub(crate) fn has_checks(&self) -> bool {
        !self.checks.is_empty()
    }

    pub(crate) fn take_checks(&mut self) -> Vec<Check> {
        std::mem::take(&mut self.checks)
    }

    /// Who waited for a check.
    pub(crate) fn take_looks(&mut self, key: &TokenKey) -> Vec<Laid> {
        let looks = self.looks.remove(key).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(looks.len());
        looks
    }

    /// The next step of a search: with its check handed out, where there is room for one.
    pub(crate) fn turn(
        left: &Mutex<Self>,
        search: &mut Authenticate<'_>,
        last: Option<Answer>,
        now: Now,
        jitter: Jitter,
    ) -> Turn {
        let is_full = Self::lock(left).waiting >= MOST_WAITING;
        if is_full {
            Turn::Next(search.next(last, now, jitter))
        } else {
            search.turn(last, now, jitter)
        }
    }
}
