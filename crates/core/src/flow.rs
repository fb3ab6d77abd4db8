//! Flows: several steps of one job, without a socket or a clock.
//!
//! A flow is a state machine. It says [`Step::Send`], [`Step::Wait`] or [`Step::Done`], and is told what came of it with
//! the time. Retry, time-out, breaker and stale-if-error policy live here, once; a driver is one loop:
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
pub mod glance;
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

pub use crate::tally::{Counting, Outcome, Source};
pub use step::{Event, Flow, Jitter, Step};
