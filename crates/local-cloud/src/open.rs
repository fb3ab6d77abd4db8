//! What a page was shown for and is not answered yet, by a number that is good once and for ten minutes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::keys::random_id;

/// How long a page may stay open, in milliseconds, and how many may be open at once.
const OPEN_FOR: i64 = 10 * 60 * 1000;
const OPEN_AT_MOST: usize = 1000;

pub(crate) struct Open<T>(Mutex<BTreeMap<String, (i64, T)>>);

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Open<T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (i64, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it and returns its number. The oldest one goes where there are too many.
    pub(crate) fn add(&self, one: T, now: i64) -> Option<String> {
        let number = random_id("login_").ok()?;
        let mut open = self.lock();
        if open.len() >= OPEN_AT_MOST {
            let oldest = open
                .iter()
                .min_by_key(|(_, (shown_at, _))| *shown_at)
                .map(|(number, _)| number.clone())?;
            open.remove(&oldest);
        }
        open.insert(number.clone(), (now, one));
        Some(number)
    }

    pub(crate) fn get(&self, number: &str, now: i64) -> Option<T> {
        still_open(self.lock().get(number).cloned(), now)
    }

    pub(crate) fn take(&self, number: &str, now: i64) -> Option<T> {
        still_open(self.lock().remove(number), now)
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

fn still_open<T>(kept: Option<(i64, T)>, now: i64) -> Option<T> {
    kept.filter(|(shown_at, _)| now.saturating_sub(*shown_at) < OPEN_FOR)
        .map(|(_, one)| one)
}
