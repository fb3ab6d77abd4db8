//! Flows: several steps of one job, without a socket or a clock.
//!
//! A flow is a state machine. It says [`Step::Send`], [`Step::Wait`] or [`Step::Done`], and is told what came of it with
//! the time. Retry, time-out, breaker and stale-if-error policy live here, once; a driver is one loop:
//!
//! ```ignore
//! let mut event = Event::Start;
//! loop {
//!     match flow.step(event, clock.now()) {
//!         Step::Send(request) => event = Event::Delivered(transport.send(request).await),
//!         Step::Wait(time) => { sleep(time).await; event = Event::Woken }
//!         Step::Done(output) => return output,
//!     }
//! }
//! ```

pub mod authenticate;
pub mod call;
pub mod callback;
pub mod identify;
pub mod login;
pub mod logout;
pub mod permissions;
pub mod step;

pub use step::{Event, Flow, Jitter, Step};
