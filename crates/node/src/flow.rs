//! Any task of the core as one handle: start it, perform its step, report the result.

use std::time::Duration;

use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::{
    Event, Fetched, Finished, Jitter, Renewal, Shared, Step as CoreStep, Task, Work,
};
use mastra_auth_cloud_core::http::{Request as CoreRequest, Response, TransportError};
use mastra_auth_cloud_core::time::Now;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::convert::{Failure, Session, now};
use crate::guard::{Result, guard};
use crate::values::{Answer, Identity};

/// The next step of a flow: exactly one member is set.
#[napi(object, object_from_js = false)]
pub struct Step {
    /// Send this request and report the result.
    pub send: Option<Request>,
    /// Resume after this many milliseconds.
    pub wait: Option<f64>,
    /// The flow is done.
    pub done: Option<Outcome>,
}

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

/// The result of a flow: the members of its kind, or a failure.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Outcome {
    /// Of an authentication.
    pub answer: Option<Answer>,
    /// Of a call that returns a user; `None` if there is none.
    pub identity: Option<Identity>,
    /// Of a call that returns a session; `None` if there is none.
    pub session: Option<Session>,
    /// Of a permission look-up.
    pub grants: Option<Vec<String>>,
    /// Of a sign-in: the cookies to set, in this order.
    pub cookies: Option<Vec<String>>,
    /// Of a sign-in: the return path.
    pub return_path: Option<String>,
    /// Of a sign-in: whether this repeats a recent result that was already logged.
    pub again: Option<bool>,
    /// Of a code exchange or a sign-in: the session's token. Of a session look-up: a newer token, if any.
    pub token: Option<String>,
    /// Of a code exchange: lifetime of the token in seconds.
    pub expires_in: Option<f64>,
    /// Of a sign-out: `ended` or `already_gone`.
    #[napi(ts_type = "'ended' | 'already_gone'")]
    pub sign_out: Option<&'static str>,
    /// Of a sign-out: the id of the session's user, if known.
    pub user_id: Option<String>,
    /// Of a sign-out: the Cloud's id of the session, if known.
    pub session_id: Option<String>,
    /// Of a fetch of the key set: the number of entries that are not keys.
    pub odd_entries: Option<u32>,
    /// Of a sign-in that was refused here: the flow that ends its session at the Cloud.
    pub refused: Option<Flow>,
    /// The error, if the flow failed.
    pub failure: Option<Failure>,
}

impl From<std::result::Result<Self, CloudApiError>> for Outcome {
    fn from(result: std::result::Result<Self, CloudApiError>) -> Self {
        result.unwrap_or_else(|error| Self {
            failure: Some(error.into()),
            ..Self::default()
        })
    }
}

impl From<Renewal> for Outcome {
    fn from(renewal: Renewal) -> Self {
        match renewal {
            Renewal::Renewed(renewed) => {
                let token = renewed.identity.user().session_token();
                Self {
                    token: Some(token.expose().to_owned()),
                    session: Some((&renewed.session).into()),
                    ..Self::default()
                }
            }
            Renewal::Unchanged { session, .. } => Self {
                session: Some((&session).into()),
                ..Self::default()
            },
            Renewal::Ended(_) => Self::default(),
            Renewal::Unavailable(error) => Err(error).into(),
        }
    }
}

/// A task in progress.
#[napi]
pub struct Flow {
    key: Option<String>,
    part: Option<Part>,
}

/// What of a task is running.
enum Part {
    Own(Task<'static, Outcome>),
    /// Work that the task asked for. Only a sign-in asks for any: no other task waits for the same.
    Work(Task<'static, Finished>, Task<'static, Outcome>),
}

impl Flow {
    pub(crate) fn new(task: Task<'static, Outcome>) -> Self {
        Self {
            key: None,
            part: Some(Part::Own(task)),
        }
    }

    /// `kind` separates tasks of different kinds with equal keys: one must not receive the other's outcome.
    pub(crate) fn keyed<T: 'static>(
        kind: &'static str,
        shared: Shared<T>,
        read: impl FnOnce(T) -> Outcome + Send + 'static,
    ) -> Self {
        Self {
            key: Some(format!("{kind} {}", hex(shared.key().as_bytes()))),
            ..Self::new(shared.into_task().map(read))
        }
    }

    pub(crate) fn work(work: Work) -> Self {
        match work {
            Work::Verify(verify) => Self::keyed("identify", verify, |answer| Outcome {
                answer: Some(Answer(answer)),
                ..Outcome::default()
            }),
            Work::Refresh(refresh) => Self::keyed("renew", refresh, Outcome::from),
            // Ends empty, or with the reason why the keys could not be fetched; the core keeps the keys.
            Work::FetchKeys(fetch) => Self::keyed("keys", fetch, |fetched| match fetched {
                Fetched::Brought | Fetched::NotNow => Outcome::default(),
                Fetched::BroughtInPart(count) => Outcome {
                    odd_entries: u32::try_from(count).ok(),
                    ..Outcome::default()
                },
                Fetched::Failed(error) => Err(error).into(),
            }),
        }
    }

    fn step(&mut self, mut event: Event, now: Now) -> Step {
        // Taken out: a task that has ended drops the tokens and codes it held now, not when the handle is collected.
        while let Some(part) = self.part.take() {
            let (next, rest) = match part {
                Part::Own(task) => match task.step(event, now) {
                    CoreStep::Send(request, rest) => return self.send(&request, Part::Own(rest)),
                    CoreStep::Wait(time, rest) => return self.wait(time, Part::Own(rest)),
                    CoreStep::Share(work, rest) => {
                        (Event::Start, Part::Work(work.into_task(), rest))
                    }
                    CoreStep::Spawn(_, rest) => (Event::Start, Part::Own(rest)),
                    CoreStep::Check(check, rest) => (Event::Checked(check.run()), Part::Own(rest)),
                    CoreStep::Done(outcome) => return done(outcome),
                },
                Part::Work(work, then) => match work.step(event, now) {
                    CoreStep::Send(request, rest) => {
                        return self.send(&request, Part::Work(rest, then));
                    }
                    CoreStep::Wait(time, rest) => {
                        return self.wait(time, Part::Work(rest, then));
                    }
                    CoreStep::Done(finished) => (Event::Shared(finished), Part::Own(then)),
                    CoreStep::Share(_, rest) | CoreStep::Spawn(_, rest) => {
                        (Event::Lost, Part::Work(rest, then))
                    }
                    CoreStep::Check(check, rest) => {
                        (Event::Checked(check.run()), Part::Work(rest, then))
                    }
                },
            };
            (event, self.part) = (next, Some(rest));
        }
        done(Outcome::default())
    }

    fn send(&mut self, request: &CoreRequest, rest: Part) -> Step {
        self.part = Some(rest);
        Step {
            send: Some(whole(request)),
            wait: None,
            done: None,
        }
    }

    fn wait(&mut self, time: Duration, rest: Part) -> Step {
        self.part = Some(rest);
        Step {
            send: None,
            wait: Some(time.as_secs_f64() * 1e3),
            done: None,
        }
    }
}

#[napi]
impl Flow {
    /// The single-flight key; `None` if the flow is never shared.
    #[napi]
    pub fn key(&self) -> Result<Option<String>> {
        guard("Flow.key", || self.key.clone())
    }

    /// Starts the flow.
    #[napi]
    pub fn start(&mut self) -> Result<Step> {
        guard("Flow.start", || self.step(Event::Start, now()))
    }

    /// Reports that the wait is over.
    #[napi]
    pub fn woken(&mut self) -> Result<Step> {
        guard("Flow.woken", || self.step(Event::Woken, now()))
    }

    /// Reports an answer.
    #[napi]
    pub fn answered(&mut self, status: u16, body: Uint8Array) -> Result<Step> {
        guard("Flow.answered", || {
            let response = Response::new(status, body.to_vec());
            self.step(Event::Delivered(Ok(response)), now())
        })
    }

    /// Reports that no answer came: `connect`, `closed`, `stale`, `timeout`, `too_large`, or anything else.
    #[napi]
    pub fn failed(&mut self, #[napi(ts_arg_type = "TransportError")] why: String) -> Result<Step> {
        guard("Flow.failed", || {
            self.step(Event::Delivered(Err(transport_error(&why))), now())
        })
    }
}

/// Maps the reason why there is no answer.
pub(crate) fn transport_error(why: &str) -> TransportError {
    match why {
        "connect" => TransportError::Connect,
        "closed" => TransportError::Closed,
        "stale" => TransportError::Stale,
        "timeout" => TransportError::Timeout,
        "too_large" => TransportError::TooLarge,
        _ => TransportError::Other,
    }
}

fn done(outcome: Outcome) -> Step {
    Step {
        send: None,
        wait: None,
        done: Some(outcome),
    }
}

#[allow(clippy::cast_precision_loss)]
fn whole(request: &CoreRequest) -> Request {
    Request {
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

/// Jitter from a number between 0 and 1, as `Math.random()` returns.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn jitter(share: f64) -> Jitter {
    Jitter((share * 9e15) as u64)
}

/// Jitter from the clock's last digits, for callers without a random number: they differ over time and between processes.
pub(crate) fn jitter_of(now: Now) -> Jitter {
    Jitter(now.monotonic.subsec_nanos().into())
}
