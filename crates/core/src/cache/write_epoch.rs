//! The write lock, and an epoch that each write increments.
//!
//! One thread writes at a time, so that no answer under way can follow a sign-out into the table. The epoch moves when a
//! write ends, before the next begins. A reader that sees the epoch it read before may rely on what it found.

use core::sync::atomic::Ordering;
use std::sync::PoisonError;

use crate::sync::{AtomicU64, Mutex, MutexGuard};

#[derive(Default)]
pub(crate) struct WriteEpoch {
    /// The last serial number of an identity, under the write lock.
    numbers: Mutex<u64>,
    epoch: AtomicU64,
}

/// The write lock, held. Its epoch must be visible before it is dropped.
pub(crate) struct WriteGuard<'w> {
    numbers: MutexGuard<'w, u64>,
    epoch: &'w AtomicU64,
}

impl WriteEpoch {
    /// Waits for the write lock.
    pub(crate) fn begin(&self) -> WriteGuard<'_> {
        WriteGuard {
            numbers: self.numbers.lock().unwrap_or_else(PoisonError::into_inner),
            epoch: &self.epoch,
        }
    }

    /// How many writes have ended. Read it before the lookup.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

impl WriteGuard<'_> {
    /// The next identity's serial number, from 1.
    pub(crate) fn number(&mut self) -> u64 {
        *self.numbers = self.numbers.saturating_add(1);
        *self.numbers
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }
}
