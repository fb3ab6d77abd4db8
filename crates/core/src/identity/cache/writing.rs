//! Whose turn it is to change what is remembered, and how often that was done.
//!
//! One writes at a time, so that no answer under way can follow a sign-out into the table. Each turn counts as a change when it
//! ends, before the next begins: whoever found something and sees the same number again may take it that it still stands.

use core::sync::atomic::Ordering;
use std::sync::PoisonError;

use crate::identity::sync::{AtomicU64, Mutex, MutexGuard};

#[derive(Default)]
pub(super) struct Writing {
    /// Counts identities.
    numbers: Mutex<u64>,
    changes: AtomicU64,
}

/// A turn; what it changed is to be seen when it ends.
pub(super) struct Turn<'w> {
    numbers: MutexGuard<'w, u64>,
    changes: &'w AtomicU64,
}

impl Writing {
    /// Waits for a turn.
    pub(super) fn begin(&self) -> Turn<'_> {
        Turn {
            numbers: self.numbers.lock().unwrap_or_else(PoisonError::into_inner),
            changes: &self.changes,
        }
    }

    /// How many turns have ended. To be asked before what is found is looked for.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

impl Turn<'_> {
    /// The number of the next identity, from 1.
    pub(super) fn number(&mut self) -> u64 {
        *self.numbers = self.numbers.saturating_add(1);
        *self.numbers
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.changes.fetch_add(1, Ordering::Release);
    }
}
