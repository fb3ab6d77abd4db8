//! Any flow of the core as one handle: start it, perform its step, report the result.

use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::Background;
use mastra_auth_cloud_core::flow::identify::Identify;
use mastra_auth_cloud_core::flow::keys::{FetchKeys, Fetched};
use mastra_auth_cloud_core::flow::renew::Renewal;
use mastra_auth_cloud_core::flow::{Event, Flow as CoreFlow, Jitter, Step as CoreStep};
use mastra_auth_cloud_core::http::{Request as CoreRequest, Response, TransportError};
use mastra_auth_cloud_core::session::TokenDigest;
use mastra_auth_cloud_core::time::Now;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::answer::{Answer, Identity};
use crate::convert::{Failure, Session, now};
use crate::guard::{Result, guard};

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

/// A flow in progress.
#[napi]
pub struct Flow {
    key: Option<String>,
    running: Option<Box<dyn Running>>,
}

trait Running {
    fn step(&mut self, event: Event, now: Now) -> CoreStep<Outcome>;
}

struct Shell<F, R> {
    flow: F,
    read: R,
}

impl<F: CoreFlow, R: Fn(F::Output) -> Outcome> Running for Shell<F, R> {
    fn step(&mut self, event: Event, now: Now) -> CoreStep<Outcome> {
        match self.flow.step(event, now) {
            CoreStep::Send(request) => CoreStep::Send(request),
            CoreStep::Wait(time) => CoreStep::Wait(time),
            CoreStep::Done(output) => CoreStep::Done((self.read)(output)),
        }
    }
}

impl Flow {
    pub(crate) fn new<F: CoreFlow + 'static>(
        flow: F,
        read: impl Fn(F::Output) -> Outcome + 'static,
    ) -> Self {
        Self {
            key: None,
            running: Some(Box::new(Shell { flow, read })),
        }
    }

    /// `kind` separates flows of different kinds with equal keys: one must not receive the other's outcome.
    pub(crate) fn keyed<F: CoreFlow + 'static>(
        kind: &'static str,
        key: TokenDigest,
        flow: F,
        read: impl Fn(F::Output) -> Outcome + 'static,
    ) -> Self {
        Self {
            key: Some(format!("{kind} {}", hex(key.as_bytes()))),
            ..Self::new(flow, read)
        }
    }

    pub(crate) fn identify(flow: Identify) -> Self {
        Self::keyed("identify", flow.key(), flow, |answer| Outcome {
            answer: Some(Answer(answer)),
            ..Outcome::default()
        })
    }

    /// Ends empty, or with the reason why the keys could not be fetched; the core keeps the keys.
    pub(crate) fn keys(flow: FetchKeys) -> Self {
        Self::keyed("keys", flow.key(), flow, |fetched| match fetched {
            Fetched::Brought | Fetched::NotNow => Outcome::default(),
            Fetched::BroughtInPart(count) => Outcome {
                odd_entries: u32::try_from(count).ok(),
                ..Outcome::default()
            },
            Fetched::Failed(error) => Err(error).into(),
        })
    }

    pub(crate) fn background(task: Background) -> Self {
        match task {
            Background::Identify(flow) => Self::identify(flow),
            Background::Keys(flow) => Self::keys(flow),
        }
    }

    fn step(&mut self, event: Event, now: Now) -> Step {
        let step = self
            .running
            .as_mut()
            .map(|running| running.step(event, now));
        match step {
            Some(CoreStep::Send(request)) => Step {
                send: Some(whole(&request)),
                wait: None,
                done: None,
            },
            Some(CoreStep::Wait(time)) => Step {
                send: None,
                wait: Some(time.as_secs_f64() * 1e3),
                done: None,
            },
            Some(CoreStep::Done(outcome)) => {
                // Drops the tokens and codes it held now, not when the handle is collected.
                self.running = None;
                done(outcome)
            }
            None => done(Outcome::default()),
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
