//! One operation, with retries where they are safe and may help.
//!
//! Retries follow a failed connection, a connection that closed before the response, a cancelled exchange, and HTTP 502, 503 or 504. There are as
//! many as the operation allows, each after a wait that doubles and is spread by jitter. A time-out is not retried: the
//! caller has waited long enough. A request on a connection that was already closed is sent once more at once, whatever it
//! spends; that uses up no retry.
//!
//! An answer may replace the session that it is for, also one that is retried: the next request is made with the newer one.

use core::time::Duration;
use std::sync::Arc;

use super::task::{Host, Jitter, Task};
use crate::cloud::ops::Operation;
use crate::config::Config;
use crate::error::CloudApiError;
use crate::http::{Delivery, Response, TransportError};

const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Runs one operation.
pub fn call<O>(
    config: Arc<Config>,
    operation: O,
    jitter: Jitter,
) -> Task<'static, Result<O::Output, CloudApiError>>
where
    O: Operation + Send + 'static,
{
    Task::new(
        jitter,
        |host| async move { host.call(&config, operation).await },
    )
}

impl Host {
    /// Runs an operation, with its retries.
    pub(crate) async fn call<O: Operation + Send>(
        &self,
        config: &Config,
        operation: O,
    ) -> Result<O::Output, CloudApiError> {
        self.attempts(config, operation, O::RETRIES.count(), true)
            .await
    }

    /// Runs an operation without retrying or resending it: for work that no request waits for.
    pub(crate) async fn call_once<O: Operation + Send>(
        &self,
        config: &Config,
        operation: O,
    ) -> Result<O::Output, CloudApiError> {
        self.attempts(config, operation, 0, false).await
    }

    async fn attempts<O: Operation + Send>(
        &self,
        config: &Config,
        mut operation: O,
        mut retries: u8,
        mut may_resend: bool,
    ) -> Result<O::Output, CloudApiError> {
        let mut wait = FIRST_WAIT;
        loop {
            let delivery = self.send(operation.request(config)?).await;
            let is_done = operation.note(config, &delivery);
            let delivery = delivery.and_then(Response::whole);
            if is_done {
                return operation.response(config, delivery);
            }
            if may_resend && matches!(delivery, Err(TransportError::Stale)) {
                may_resend = false;
            } else if retries > 0 && may_help(&delivery) {
                retries = retries.saturating_sub(1);
                self.wait(self.spread(wait)).await;
                wait = wait.saturating_mul(2);
            } else {
                return operation.response(config, delivery);
            }
        }
    }
}

fn may_help(delivery: &Delivery) -> bool {
    use TransportError::{Cancelled, Closed, Connect, Stale};
    match delivery {
        Ok(response) => matches!(response.status(), 502..=504),
        Err(error) => matches!(error, Connect | Closed | Stale | Cancelled),
    }
}
