//! Flows: jobs of the core that call the Cloud or wait, which JavaScript drives.
//!
//! A job that cannot end at once has a ticket, under which its result arrives. The flow that brings it is the job's own, or
//! shared work that other jobs wait for too. Each function that goes on with a flow returns a [`Step`]: the flow's next call,
//! the results that arrived, and the flows to drive from now on.

mod outcome;
mod room;

use std::sync::Arc;

use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::counters::CallResult;
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, Request as CoreRequest, Response, TransportError};
use mastra_auth_cloud_core::time::Now;
use napi::bindgen_prelude::{Either, Either3, Uint8Array};
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::seconds;
use crate::guard::{Result, guard};
use crate::js_values::Record;
pub use outcome::Outcome;
use room::{Job, Next, Owner};
pub(crate) use room::{Kind, Room};

/// One call to the Cloud.
#[napi(object, object_from_js = false)]
pub struct Request {
    /// The method.
    #[napi(ts_type = "'GET' | 'POST'")]
    pub method: &'static str,
    /// The endpoint by its name.
    pub operation: &'static str,
    /// The contract path: safe to log.
    pub endpoint: String,
    /// The whole URL.
    pub url: String,
    /// Pairs of name and value.
    #[napi(ts_type = "[string, string][]")]
    pub headers: Vec<Vec<String>>,
    /// The body, if any.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub body: Option<Uint8Array>,
    /// Time-out of the whole exchange, in milliseconds.
    pub timeout: f64,
    /// Largest response body, in bytes.
    pub max_response_bytes: f64,
}

/// A flow to drive.
#[napi(object, object_from_js = false)]
pub struct Started {
    /// The flow.
    pub flow: Flow,
    /// What it needs first, as in `Step`.
    pub next: Either3<Request, f64, Vec<Vec<String>>>,
}

/// What is to be done after a call into the core.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Step {
    /// What the flow needs next: a request whose result it waits for, a time in milliseconds, or commands for Redis. `None` if it
    /// is done.
    pub next: Option<Either3<Request, f64, Vec<Vec<String>>>>,
    /// The results that arrived.
    pub settled: Vec<Settled>,
    /// Flows to drive from now on.
    pub started: Vec<Started>,
    /// Whether signature checks were enqueued.
    pub has_checks: bool,
    /// Whether revocations wait to be published.
    pub has_revocations: bool,
    /// By at least how many seconds the clock of this machine is ahead of the Cloud's, if a warning is due.
    pub clock_ahead: Option<f64>,
    /// The result of a fetch of the key set.
    pub key_set: Option<Outcome>,
    /// How often Redis did not answer about a sealed session, if a warning is due.
    pub sessions_not_shared: Option<u32>,
}

impl Step {
    /// Whether there is nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_checks && self.is_idle_but_for_checks()
    }

    /// Whether there is nothing to do but to start checks.
    pub(crate) fn is_idle_but_for_checks(&self) -> bool {
        self.next.is_none()
            && self.settled.is_empty()
            && self.started.is_empty()
            && !self.has_revocations
            && self.clock_ahead.is_none()
            && self.key_set.is_none()
            && self.sessions_not_shared.is_none()
    }

    /// Takes the user of the caller with this ticket, where there is nothing else: authenticated by keys.
    pub(crate) fn only_user(&mut self, ticket: u32) -> Option<Record> {
        let mut settled = std::mem::take(&mut self.settled);
        let user = match settled.as_mut_slice() {
            [
                Settled {
                    tickets,
                    result: Either::A(outcome),
                },
            ] if self.is_idle() && *tickets == [ticket] && outcome.is_by_keys() => {
                outcome.user.take()
            }
            _ => None,
        };
        if user.is_none() {
            self.settled = settled;
        }
        user
    }
}

/// A result that arrived.
#[napi(object, object_from_js = false)]
pub struct Settled {
    /// The tickets that it is for.
    pub tickets: Vec<u32>,
    /// The result, or why the addon failed.
    pub result: Either<Outcome, String>,
}

/// A job that was begun: `needs_site`, `outcome` or `ticket` is set.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Pending {
    /// The request's address decides over cookies: authenticate it with its site. `always` if that goes for all requests.
    #[napi(ts_type = "'always' | 'now'")]
    pub needs_site: Option<&'static str>,
    /// The result, if there is one at once.
    pub outcome: Option<Outcome>,
    /// The ticket of the result.
    pub ticket: Option<u32>,
    /// What is to be done now.
    pub step: Option<Step>,
}

impl From<Outcome> for Pending {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::default()
        }
    }
}

/// A flow in progress. Drive it to its end, or abandon it: others may wait for it.
#[napi]
pub struct Flow {
    room: Arc<Room>,
    owner: Owner,
    /// Taken while it is stepped: a job that has ended drops the tokens and codes it held now, not when the handle is
    /// collected.
    job: Option<Job>,
    /// The call that is under way.
    call: Option<CloudCall>,
}

impl Flow {
    fn step(&mut self, event: Event) -> Step {
        let mut step = Step::default();
        if let Some(job) = self.job.take() {
            let taken = job.step(event, now());
            match self.room.advance(self.owner, taken, &mut step) {
                Next::Done(end) => self.room.end(self.owner, end, &mut step),
                Next::Waits => {}
                Next::Needs(need, call, job) => {
                    (self.call, self.job, step.next) = (call, Some(job), Some(need));
                }
            }
        }
        self.room.report(step)
    }

    fn delivered(&mut self, delivery: Delivery, milliseconds: f64) -> Step {
        if let Some(call) = self.call.take() {
            let (result, took) = (CallResult::of(&delivery), seconds(milliseconds / 1e3));
            self.room.engine.counters().called(call, result, took);
        }
        self.step(Event::Delivered(delivery))
    }
}

/// A panic drops a flow that JavaScript never got: what waits for it must hear of that.
impl Drop for Flow {
    fn drop(&mut self) {
        if self.job.take().is_some() {
            self.room.lose(self.owner);
        }
    }
}

#[napi]
impl Flow {
    /// Reports that the wait is over.
    #[napi]
    pub fn woken(&mut self) -> Result<Step> {
        guard(|| self.step(Event::Woken))
    }

    /// Reports an answer, after how many milliseconds it came, and the values of its `Set-Cookie` headers.
    #[napi]
    pub fn answered(
        &mut self,
        status: u16,
        body: Uint8Array,
        milliseconds: f64,
        cookies: Option<Vec<String>>,
    ) -> Result<Step> {
        guard(|| {
            let response = Response::new(status, body.to_vec());
            let response = response.with_cookies(cookies.unwrap_or_default());
            self.delivered(Ok(response), milliseconds)
        })
    }

    /// Reports that no answer came: `connect`, `closed`, `stale`, `timeout`, `too_large`, `cancelled`, or anything else. Where only
    /// the body is missing, with the status and the values of the `Set-Cookie` headers.
    #[napi]
    pub fn failed(
        &mut self,
        #[napi(ts_arg_type = "TransportError")] why: String,
        milliseconds: f64,
        status: Option<u16>,
        cookies: Option<Vec<String>>,
    ) -> Result<Step> {
        guard(|| {
            let error = transport_error(&why);
            let delivery = match status {
                None => Err(error),
                Some(status) => {
                    let response = Response::without_body(status, error);
                    Ok(response.with_cookies(cookies.unwrap_or_default()))
                }
            };
            self.delivered(delivery, milliseconds)
        })
    }

    /// Reports Redis's reply to each command, `null` for nil; or that it did not answer in time.
    #[napi]
    pub fn replied(&mut self, replies: Option<Vec<Option<String>>>) -> Result<Step> {
        guard(|| {
            if let Some(replies) = replies {
                return self.step(Event::Replied(replies));
            }
            let failed = self.room.engine.redis_failed(now());
            let mut step = self.step(Event::Lost);
            step.sessions_not_shared = failed.and_then(|count| u32::try_from(count).ok());
            step
        })
    }

    /// The tickets that wait for it.
    #[napi]
    pub fn tickets(&self) -> Result<Vec<u32>> {
        guard(|| self.room.tickets(self.owner))
    }

    /// Gives the flow up. Returns the tickets that waited for it.
    #[napi]
    pub fn abandon(&mut self) -> Result<Vec<u32>> {
        guard(|| {
            self.job = None;
            self.room.abandon(self.owner)
        })
    }
}

/// Maps the reason why there is no answer.
fn transport_error(why: &str) -> TransportError {
    match why {
        "connect" => TransportError::Connect,
        "closed" => TransportError::Closed,
        "stale" => TransportError::Stale,
        "timeout" => TransportError::Timeout,
        "too_large" => TransportError::TooLarge,
        "cancelled" => TransportError::Cancelled,
        _ => TransportError::Other,
    }
}

#[allow(clippy::cast_precision_loss)]
impl From<&CoreRequest> for Request {
    fn from(request: &CoreRequest) -> Self {
        Self {
            method: request.method().as_str(),
            operation: request.call().as_str(),
            endpoint: request.endpoint().to_owned(),
            url: request.url().to_owned(),
            headers: request
                .headers()
                .map(|(name, value)| vec![name.to_owned(), value.to_owned()])
                .collect(),
            body: request.body().map(|body| body.to_vec().into()),
            timeout: request.timeout().as_secs_f64() * 1e3,
            max_response_bytes: request.max_response_bytes() as f64,
        }
    }
}

/// Jitter from a number between 0 and 1, as `Math.random()` returns.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn jitter(share: f64) -> Jitter {
    Jitter((share * 9e15) as u64)
}

/// Jitter from the clock's last digits, for callers without a random number: they differ over time and between processes.
pub(crate) fn jitter_of(now: Now) -> Jitter {
    Jitter(now.monotonic.subsec_nanos().into())
}
