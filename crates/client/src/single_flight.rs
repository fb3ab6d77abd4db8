//! Single flight: concurrent requests for one key share one piece of work.
//!
//! The work runs to completion in a task of its own, even if the client disconnects: it may be the one call that probes
//! whether the Cloud is back. Only its own time-out bounds it. A key covers everything that the result depends on. Only
//! requests that came before the result share it; longer caching is the core's decision.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;

/// The result of work that was started; `None` if its runtime ended first.
type InFlight<T> = Shared<Pin<Box<dyn Future<Output = Option<T>> + Send>>>;
type Table<K, T> = Mutex<HashMap<K, InFlight<T>>>;

pub(crate) struct SingleFlight<K: Eq + Hash, T: Clone> {
    table: Arc<Table<K, T>>,
    longest: Duration,
}

impl<K, T> SingleFlight<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// `longest` exceeds the time that any work takes. A wait beyond it means that the work's runtime is no longer driven.
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            table: Arc::default(),
            longest,
        }
    }

    /// Joins the work in flight for this key, or starts it. `None` if its runtime ended first.
    pub(crate) async fn join(
        &self,
        key: K,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let in_flight = self.start(key, work);
        if let Ok(result) = tokio::time::timeout(self.longest, in_flight.clone()).await {
            return result;
        }
        remove(&self.table, &key, &in_flight);
        None
    }

    /// Starts the work for this key in the background unless it is already in flight.
    pub(crate) fn start_in_background(
        &self,
        key: K,
        work: impl Future<Output = T> + Send + 'static,
    ) {
        drop(self.start(key, work));
    }

    fn start(&self, key: K, work: impl Future<Output = T> + Send + 'static) -> InFlight<T> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(in_flight) = table.get(&key) {
            return in_flight.clone();
        }
        let (send, receive) = oneshot::channel();
        let result: Pin<Box<dyn Future<Output = Option<T>> + Send>> =
            Box::pin(async { receive.await.ok() });
        let in_flight = result.shared();
        table.insert(key, in_flight.clone());
        // Only after the lock is released: a runtime that is shutting down drops the task at once, and its slot with it.
        drop(table);
        let slot = Slot {
            table: Arc::clone(&self.table),
            key,
            in_flight: in_flight.clone(),
        };
        tokio::spawn(async move {
            // Dropped when the work is over, when it panics and when its runtime ends.
            let _slot = slot;
            let result = work.await;
            // All waiters may have gone.
            let _ = send.send(result);
        });
        in_flight
    }
}

/// An entry of the table; removed when the work ends.
struct Slot<K: Eq + Hash, T: Clone> {
    table: Arc<Table<K, T>>,
    key: K,
    in_flight: InFlight<T>,
}

impl<K: Eq + Hash, T: Clone> Drop for Slot<K, T> {
    fn drop(&mut self) {
        remove(&self.table, &self.key, &self.in_flight);
    }
}

/// Removes the entry if it still belongs to this work and not to later work.
fn remove<K: Eq + Hash, T: Clone>(table: &Table<K, T>, key: &K, in_flight: &InFlight<T>) {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let is_own = table.get(key).is_some_and(|held| held.ptr_eq(in_flight));
    let entry = is_own.then(|| table.remove(key));
    drop(table);
    // Dropped after the lock is released: the last holder of an entry drops its result with it.
    drop(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const LONGEST: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn one_key_is_worked_on_once_and_two_keys_apart() {
        let flights = SingleFlight::<u8, u8>::new(LONGEST);
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
            "finished work is not joined"
        );
        assert!(flights.table.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn threat_079_a_leader_that_goes_away_takes_nothing_with_it() {
        let flights = SingleFlight::<u8, u8>::new(LONGEST);
        let (done, wait) = tokio::sync::oneshot::channel();
        let leader = flights.start(1, async move { wait.await.unwrap() });
        let follower = flights.start(1, async { 0 });
        drop(leader);
        done.send(7).unwrap();
        assert_eq!(follower.await, Some(7));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_goes_on_to_its_end() {
        let flights = SingleFlight::<u8, u8>::new(LONGEST);
        let (done, wait) = tokio::sync::oneshot::channel();
        drop(flights.start(1, async move {
            tokio::task::yield_now().await;
            done.send(()).unwrap();
            0
        }));
        wait.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_leaves_its_place() {
        let flights = SingleFlight::<u8, u8>::new(LONGEST);
        let lost = flights.join(1, async { panic!("told to") }).await;
        assert_eq!(lost, None);
        assert_eq!(flights.join(1, async { 3 }).await, Some(3));
    }

    #[test]
    fn a_runtime_that_was_shut_down_blocks_nobody() {
        let flights = Arc::new(SingleFlight::<u8, u8>::new(LONGEST));
        let dead = tokio::runtime::Runtime::new().unwrap();
        let handle = dead.handle().clone();
        dead.shutdown_background();
        let (tell, told) = std::sync::mpsc::channel();
        let there = Arc::clone(&flights);
        std::thread::spawn(move || {
            let _entered = handle.enter();
            let flight = there.start(1, async { 1 });
            tell.send(flight).unwrap();
        });
        let flight = told.recv_timeout(LONGEST).expect("it does not hang");
        let alive = tokio::runtime::Runtime::new().unwrap();
        // Another thread may drop the work a moment later.
        let result = alive.block_on(async { tokio::time::timeout(LONGEST, flight).await });
        assert_eq!(result.expect("it ends"), None);
        assert_eq!(alive.block_on(flights.join(1, async { 2 })), Some(2));
    }

    #[test]
    fn a_runtime_that_nobody_drives_is_not_waited_for_without_end() {
        let flights = Arc::new(SingleFlight::<u8, u8>::new(Duration::from_millis(100)));
        let left = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        left.block_on(async { drop(flights.start(1, std::future::pending())) });
        let alive = tokio::runtime::Runtime::new().unwrap();
        assert_eq!(alive.block_on(flights.join(1, async { 2 })), None);
        assert_eq!(alive.block_on(flights.join(1, async { 2 })), Some(2));
        while !flights.table.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        // The entry was abandoned. Dropping the slot must not remove its successor.
        let (done, wait) = oneshot::channel();
        let inside = alive.enter();
        let next = flights.start(1, async { wait.await.unwrap() });
        drop(left);
        let same = flights.start(1, async { 4 });
        drop(inside);
        done.send(3).unwrap();
        assert_eq!(
            alive.block_on(async { (next.await, same.await) }),
            (Some(3), Some(3))
        );
    }
}
