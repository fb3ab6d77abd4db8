//! One operation, with retries where they are safe and may help.
//!
//! Retries follow a failed connection, a connection that closed before the response, and HTTP 502, 503 or 504. There are as
//! many as the operation allows, each after a wait that doubles and is spread by jitter. A time-out is not retried: the
//! caller has waited long enough. A request on a connection that was already closed is sent once more at once, whatever it
//! spends; that uses up no retry.

use core::time::Duration;
use std::sync::Arc;

use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::ops::Operation;
use crate::config::Config;
use crate::error::CloudApiError;
use crate::http::{Delivery, TransportError};
use crate::time::Now;

const FIRST_WAIT: Duration = Duration::from_millis(100);

/// One operation with its retries.
#[derive(Debug)]
pub struct Call<O> {
    config: Arc<Config>,
    operation: Option<O>,
    retries_left: u8,
    may_resend: bool,
    wait: Duration,
    jitter: Jitter,
}

impl<O: Operation> Call<O> {
    /// Takes the operation to run.
    pub fn new(config: Arc<Config>, operation: O, jitter: Jitter) -> Self {
        Self {
            config,
            operation: Some(operation),
            retries_left: O::RETRIES.count(),
            may_resend: true,
            wait: FIRST_WAIT,
            jitter,
        }
    }

    /// Turns off retries and resending: for background work.
    #[must_use]
    pub fn without_retries(self) -> Self {
        Self {
            retries_left: 0,
            may_resend: false,
            ..self
        }
    }

    fn send(&self) -> Step<Result<O::Output, CloudApiError>> {
        match self
            .operation
            .as_ref()
            .map(|operation| operation.request(&self.config))
        {
            Some(Ok(request)) => Step::Send(request),
            Some(Err(error)) => Step::Done(Err(error)),
            None => Step::Done(Err(out_of_turn())),
        }
    }

    fn delivered(&mut self, delivery: Delivery) -> Step<Result<O::Output, CloudApiError>> {
        if matches!(delivery, Err(TransportError::Stale)) && self.may_resend {
            self.may_resend = false;
            return self.send();
        }
        if self.retries_left > 0 && may_help(&delivery) {
            self.retries_left = self.retries_left.saturating_sub(1);
            let wait = self.jitter.spread(self.wait);
            self.wait = self.wait.saturating_mul(2);
            return Step::Wait(wait);
        }
        let Some(operation) = self.operation.take() else {
            return Step::Done(Err(out_of_turn()));
        };
        Step::Done(operation.response(&self.config, delivery))
    }
}

impl<O: Operation> Flow for Call<O> {
    type Output = Result<O::Output, CloudApiError>;

    fn step(&mut self, event: Event, _now: Now) -> Step<Self::Output> {
        match event {
            Event::Start | Event::Woken => self.send(),
            Event::Delivered(delivery) => self.delivered(delivery),
        }
    }
}

/// A flow that is driven past its end returns this error; a panic would end the driver's process.
pub(crate) fn out_of_turn() -> CloudApiError {
    CloudApiError::configuration("A flow was driven past its end.")
}

fn may_help(delivery: &Delivery) -> bool {
    match delivery {
        Ok(response) => matches!(response.status(), 502..=504),
        Err(error) => {
            use TransportError::{Closed, Connect, Stale};
            matches!(error, Connect | Closed | Stale)
        }
    }
}
