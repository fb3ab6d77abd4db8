//! Single flight: however many requests wait for one key, the work is done once.
//!
//! The work is a shared future that whoever waits drives on, so a waiter that goes away, the first one too, takes nothing
//! with it; when nobody waits any more the work is dropped. Keys say all that the result depends on. A result is shared
//! only by those who came before it was there; what is remembered longer is the core's to decide.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Table<K, T> = Mutex<HashMap<K, WeakShared<Work<T>>>>;

/// Abandoned entries are swept when the table has grown to this.
const SWEEP_AT: usize = 1024;

pub(crate) struct Flights<K, T: Clone> {
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

    /// Joins the work under way for this key, or begins it.
    pub(crate) fn join(
        &self,
        key: K,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Shared<Work<T>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = table.get(&key).and_then(WeakShared::upgrade) {
            return flight;
        }
        if table.len() >= SWEEP_AT {
            table.retain(|_, flight| flight.upgrade().is_some());
        }
        let landing = Arc::clone(&self.table);
        let work: Work<T> = Box::pin(async move {
            let result = work.await;
            landing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            result
        });
        let flight = work.shared();
        if let Some(weak) = flight.downgrade() {
            table.insert(key, weak);
        }
        flight
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
        assert_eq!((a, b, c), (10, 10, 20));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(
            flights.join(1, work(12)).await,
            12,
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
        assert_eq!(follower.await, 7);
    }
}
