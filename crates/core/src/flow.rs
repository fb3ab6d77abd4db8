//! Jobs of several steps, without a socket or a clock.
//!
//! Each is a [`Task`]: an `async` function that asks its driver for what it cannot do itself. [`Task::step`] returns what is
//! needed and takes each result with the current time. The policies for retries, time-outs, the breaker and stale-if-error
//! live here, once. A driver is one loop:
//!
//! ```
//! use core::time::Duration;
//! use mastra_auth_cloud_core::engine::Replies;
//! use mastra_auth_cloud_core::flow::{Event, Step, Task, Work};
//! use mastra_auth_cloud_core::http::{Delivery, Request};
//! use mastra_auth_cloud_core::revocation::redis::Command;
//! use mastra_auth_cloud_core::time::Now;
//!
//! async fn drive<T>(
//!     mut task: Task<'_, T>,
//!     now: impl Fn() -> Now,
//!     send: impl AsyncFn(Request) -> Delivery,
//!     sleep: impl AsyncFn(Duration),
//!     share: impl AsyncFn(Work) -> Event,
//!     spawn: impl Fn(Work),
//!     redis: impl AsyncFn(Vec<Command>) -> Option<Replies>,
//! ) -> T {
//!     let mut event = Event::Start;
//!     loop {
//!         (event, task) = match task.step(event, now()) {
//!             Step::Send(request, rest) => (Event::Delivered(send(request).await), rest),
//!             Step::Wait(time, rest) => {
//!                 sleep(time).await;
//!                 (Event::Woken, rest)
//!             }
//!             Step::Share(work, rest) => (share(work).await, rest),
//!             Step::Spawn(work, rest) => {
//!                 spawn(work);
//!                 (Event::Start, rest)
//!             }
//!             Step::Check(check, rest) => (Event::Checked(check.run()), rest),
//!             Step::Redis(commands, rest) => {
//!                 (redis(commands).await.map_or(Event::Lost, Event::Replied), rest)
//!             }
//!             Step::Done(output) => return output,
//!         }
//!     }
//! }
//! ```

pub mod authenticate;
pub mod call;
pub mod callback;
pub mod fetch_keys;
pub mod login;
pub mod permissions;
pub mod refresh_session;
mod results;
mod share_session;
pub mod sign_out;
mod signature;
mod task;
pub mod validate_session;
mod verify_token;

pub use crate::counters::{Counting, Outcome, Source};
pub use crate::entropy::Jitter;
pub use results::{Authentication, Fetched, Renewal, Renewed};
pub use task::{Event, Finished, Shared, Step, Task, Work};
