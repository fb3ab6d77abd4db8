//! The write lock, and an epoch that each write increments.
//!
//! One thread writes at a time, so that no answer under way can follow a sign-out into the table. The epoch moves when a
//! write ends, before the next begins. A reader that sees the epoch it read before may rely on what it found.

use core::sync::atomic::Ordering;
use std::sync::PoisonError;

use crate::identity::sync::{AtomicU64, Mutex, MutexGuard};

#[derive(Default)]
pub(super) struct Writing {
    /// The last serial number of an identity, under the write lock.
    numbers: Mutex<u64>,
    changes: AtomicU64,
}

/// The write lock, held. Its changes must be visible before it is dropped.
pub(super) struct Turn<'w> {
    numbers: MutexGuard<'w, u64>,
    changes: &'w AtomicU64,
}

impl Writing {
    /// Waits for the write lock.
    pub(super) fn begin(&self) -> Turn<'_> {
        Turn {
            numbers: self.numbers.lock().unwrap_or_else(PoisonError::into_inner),
            changes: &self.changes,
        }
    }

    /// How many writes have ended. Read it before the lookup.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

impl Turn<'_> {
    /// The next identity's serial number, from 1.
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
