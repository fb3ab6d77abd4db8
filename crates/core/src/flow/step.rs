//! The protocol between a flow and its driver.

use core::time::Duration;

use crate::http::{Delivery, Request};
use crate::time::Now;

/// What a flow needs next.
#[derive(Debug)]
pub enum Step<T> {
    /// Send this request and pass its result to the flow.
    Send(Request),
    /// Wake the flow after this time.
    Wait(Duration),
    /// The flow's result.
    Done(T),
}

/// What a driver passes to a flow.
#[derive(Debug)]
pub enum Event {
    /// Begin.
    Start,
    /// The result of the request.
    Delivered(Delivery),
    /// The time to wait has passed.
    Woken,
}

/// A job in steps. Do not step it after [`Step::Done`].
pub trait Flow {
    /// The result of the job.
    type Output;

    /// Takes the next step.
    fn step(&mut self, event: Event, now: Now) -> Step<Self::Output>;
}

/// Driven by reference, so that the caller can read the flow afterwards.
impl<F: Flow> Flow for &mut F {
    type Output = F::Output;

    fn step(&mut self, event: Event, now: Now) -> Step<Self::Output> {
        (**self).step(event, now)
    }
}

/// A random number from the driver that spreads retries over time. Not a secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter(pub u64);

impl Jitter {
    /// Between 0.5 and 1.5 times `base`, another share each time.
    pub fn spread(&mut self, base: Duration) -> Duration {
        // Knuth's multiplicative step: it varies enough, and nothing depends on it being unguessable.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = u32::try_from((self.0 >> 33) % 1000).unwrap_or(0);
        base / 2 + base * share / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_around_its_base() {
        let mut jitter = Jitter(42);
        let base = Duration::from_millis(100);
        let waits: Vec<Duration> = (0..1000).map(|_| jitter.spread(base)).collect();
        assert!(
            waits
                .iter()
                .all(|wait| (base / 2..base * 3 / 2).contains(wait))
        );
        assert!(
            waits
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len()
                > 100
        );
    }
}
