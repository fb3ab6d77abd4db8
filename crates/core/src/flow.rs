//! Flows: state machines for the jobs of several calls, without a socket or a clock.
//!
//! A flow returns [`Step::Send`], [`Step::Wait`] or [`Step::Done`], and takes each result with the current time. The policies
//! for retries, time-outs, the breaker and stale-if-error live here, once. A driver is one loop:
//!
//! ```
//! use core::time::Duration;
//! use mastra_auth_cloud_core::flow::{Event, Flow, Step};
//! use mastra_auth_cloud_core::http::{Delivery, Request};
//! use mastra_auth_cloud_core::time::Now;
//!
//! async fn drive<F: Flow>(
//!     mut flow: F,
//!     now: impl Fn() -> Now,
//!     send: impl AsyncFn(Request) -> Delivery,
//!     sleep: impl AsyncFn(Duration),
//! ) -> F::Output {
//!     let mut event = Event::Start;
//!     loop {
//!         match flow.step(event, now()) {
//!             Step::Send(request) => event = Event::Delivered(send(request).await),
//!             Step::Wait(time) => {
//!                 sleep(time).await;
//!                 event = Event::Woken;
//!             }
//!             Step::Done(output) => return output,
//!         }
//!     }
//! }
//! ```

pub mod authenticate;
pub mod call;
pub mod callback;
mod credentials;
pub mod fast_path;
pub mod identify;
mod judge;
pub mod keys;
pub mod login;
pub mod logout;
pub mod permissions;
pub mod renew;
mod renewal;
pub mod renewing;
pub mod session;
pub mod step;

pub use crate::counters::{Counting, Outcome, Source};
pub use step::{Event, Flow, Jitter, Step};
