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

/// Runs one operation of [`cloud::ops`](crate::cloud::ops), with its retries and the checks of its answer.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use core::time::Duration;
///
/// use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
/// use mastra_auth_cloud_core::config::Config;
/// use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
/// use mastra_auth_cloud_core::flow::call::call;
/// use mastra_auth_cloud_core::flow::{Event, Jitter, Step};
/// use mastra_auth_cloud_core::http::Response;
/// use mastra_auth_cloud_core::ids::ProjectId;
/// use mastra_auth_cloud_core::secret::SessionToken;
/// use mastra_auth_cloud_core::time::{Now, Timestamp};
/// use mastra_auth_cloud_core::url::BaseUrl;
///
/// let config = Arc::new(Config::new(
///     BaseUrl::parse("https://cloud.mastra.ai").unwrap(),
///     ProjectId::parse("demo").unwrap(),
///     CookieSpec::new(CookieOptions::default()).unwrap(),
/// ));
/// let now = Now { wall: Timestamp::from_unix_seconds(1_800_000_000), monotonic: Duration::ZERO };
/// let verify = VerifyToken::new(SessionToken::parse("a-token").unwrap());
///
/// let Step::Send(request, task) = call(config, verify, Jitter(0)).step(Event::Start, now) else { panic!() };
/// assert_eq!(request.url(), "https://cloud.mastra.ai/api/v1/auth/verify");
///
/// let refused = br#"{"ok":false,"error":{"code":"invalid_token","message":"No."}}"#;
/// let answer = Event::Delivered(Ok(Response::new(401, refused.to_vec())));
/// let Step::Done(Err(error)) = task.step(answer, now) else { panic!() };
/// assert!(error.is_refusal());
/// assert_eq!((error.code(), error.status()), ("invalid_token", 401));
/// ```
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
