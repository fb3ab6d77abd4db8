//! Single flight: however many requests wait for one key, the work is done once.
//!
//! The work runs in a task of its own to its end, whoever goes away meanwhile: it may be the one call that finds out whether
//! the Cloud is back, and whoever hangs up must not be able to take that with him. Its own bound is its time-out. Keys say
//! all that the result depends on. A result is shared only by those who came before it was there; what is remembered longer
//! is the core's to decide.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::Shared;

type Landing<T> = Pin<Box<dyn Future<Output = Option<T>> + Send>>;
type Table<K, T> = Mutex<HashMap<K, Shared<Landing<T>>>>;

pub(crate) struct Flights<K: Eq + Hash, T: Clone> {
    table: Arc<Table<K, T>>,
}

impl<K, T> Flights<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            table: Arc::default(),
        }
    }

    /// Joins the work under way for this key, or begins it. None where its runtime was shut down before the end.
    pub(crate) fn join(
        &self,
        key: K,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = table.get(&key) {
            return flight.clone();
        }
        let seat = Seat {
            table: Arc::clone(&self.table),
            key,
        };
        let task = tokio::spawn(async move {
            // Given up when the work is over, and also where it panics or its runtime ends.
            let _seat = seat;
            work.await
        });
        let landing: Landing<T> = Box::pin(async { task.await.ok() });
        let flight = landing.shared();
        table.insert(key, flight.clone());
        flight
    }
}

/// A place in the table, as long as the work goes on.
struct Seat<K: Eq + Hash, T: Clone> {
    table: Arc<Table<K, T>>,
    key: K,
}

impl<K: Eq + Hash, T: Clone> Drop for Seat<K, T> {
    fn drop(&mut self) {
        let flight = self
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
        // Dropped after the lock is released: the last to hold a flight drops its result with it.
        drop(flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn one_key_is_worked_on_once_and_two_keys_apart() {
        let flights = Flights::<u8, u8>::new();
        let runs = Arc::new(AtomicU32::new(0));
        let work = |result: u8| {
            let runs = Arc::clone(&runs);
            async move {
                runs.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                result
            }
        };
        let (a, b, c) = tokio::join!(
            flights.join(1, work(10)),
            flights.join(1, work(11)),
            flights.join(2, work(20))
        );
        assert_eq!((a, b, c), (Some(10), Some(10), Some(20)));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(
            flights.join(1, work(12)).await,
            Some(12),
            "what has landed is not joined"
        );
        assert!(flights.table.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn threat_079_a_leader_that_goes_away_takes_nothing_with_it() {
        let flights = Flights::<u8, u8>::new();
        let (done, wait) = tokio::sync::oneshot::channel();
        let leader = flights.join(1, async move { wait.await.unwrap() });
        let follower = flights.join(1, async { 0 });
        drop(leader);
        done.send(7).unwrap();
        assert_eq!(follower.await, Some(7));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_goes_on_to_its_end() {
        let flights = Flights::<u8, u8>::new();
        let (done, wait) = tokio::sync::oneshot::channel();
        drop(flights.join(1, async move {
            tokio::task::yield_now().await;
            done.send(()).unwrap();
            0
        }));
        wait.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_leaves_its_place() {
        let flights = Flights::<u8, u8>::new();
        let lost = flights.join(1, async { panic!("told to") }).await;
        assert_eq!(lost, None);
        assert_eq!(flights.join(1, async { 3 }).await, Some(3));
    }
}
