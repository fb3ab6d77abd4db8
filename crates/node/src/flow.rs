//! Any flow of the core as one handle: start it, do what it says, tell it what came of that.

use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::Background;
use mastra_auth_cloud_core::flow::identify::Identify;
use mastra_auth_cloud_core::flow::keys::{FetchKeys, Fetched};
use mastra_auth_cloud_core::flow::renew::Renewal;
use mastra_auth_cloud_core::flow::{Event, Flow as CoreFlow, Jitter, Step as CoreStep};
use mastra_auth_cloud_core::http::{Request as CoreRequest, Response, TransportError};
use mastra_auth_cloud_core::identity::key::TokenKey;
use mastra_auth_cloud_core::time::Now;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::answer::{Answer, Identity};
use crate::convert::{Failure, Session, now};
use crate::guard::{Result, guard};

/// What a flow wants next: exactly one of these is there.
#[napi(object, object_from_js = false)]
pub struct Step {
    /// Send this and tell what came of it.
    pub send: Option<Request>,
    /// Come back after this many milliseconds.
    pub wait: Option<f64>,
    /// The job is done.
    pub done: Option<Outcome>,
}

/// One call to the Cloud.
#[napi(object, object_from_js = false)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Which endpoint it goes to, by its name.
    pub operation: &'static str,
    /// The path of the contract: safe to log.
    pub endpoint: String,
    /// The whole URL.
    pub url: String,
    /// Names and values in pairs.
    pub headers: Vec<Vec<String>>,
    /// The body, where there is one.
    pub body: Option<Uint8Array>,
    /// How many milliseconds the whole exchange may take.
    pub timeout: f64,
    /// How many bytes of body may be read.
    pub max_response_bytes: f64,
}

/// What a flow ended with: what its kind has, or a failure.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Outcome {
    /// Of a look at a credential.
    pub answer: Option<Answer>,
    /// Of a call that names a user; none where there is none.
    pub identity: Option<Identity>,
    /// Of a call that names a session; none where there is none.
    pub session: Option<Session>,
    /// Of a permission look-up.
    pub grants: Option<Vec<String>>,
    /// Of a sign-in: what to set, in this order.
    pub cookies: Option<Vec<String>>,
    /// Of a sign-in: where the browser wanted to go.
    pub return_path: Option<String>,
    /// Of a sign-in: whether it ended a moment ago already, and was told of then.
    pub again: Option<bool>,
    /// Of a code exchange or a sign-in: the session's token. Of a look at a session: a newer one, where there is one.
    pub token: Option<String>,
    /// Of a code exchange: how many seconds the token lasts.
    pub expires_in: Option<f64>,
    /// Of a sign-out: `ended` or `already_gone`.
    pub sign_out: Option<&'static str>,
    /// Of a sign-out: whose session it was, where that is known.
    pub user_id: Option<String>,
    /// Of a sign-out: the Cloud's id of the session, where that is known.
    pub session_id: Option<String>,
    /// Of a fetch of the key set: how many of its entries are no keys at all.
    pub odd_entries: Option<u32>,
    /// Of a sign-in that was refused here: the end of its session at the Cloud, to be driven.
    pub refused: Option<Flow>,
    /// Why there is nothing of it.
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

/// A flow under way.
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

    /// `kind` keeps flows of different kinds apart whose keys are the same: one may not be answered with the other's outcome.
    pub(crate) fn keyed<F: CoreFlow + 'static>(
        kind: &'static str,
        key: TokenKey,
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

    /// Ends with nothing, or with the reason why the keys could not be had: they are the core's.
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
                // What it held of tokens and codes goes with it, whenever the handle is collected.
                self.running = None;
                done(outcome)
            }
            None => done(Outcome::default()),
        }
    }
}

#[napi]
impl Flow {
    /// What two flows must share to be one; none where each is its own.
    #[napi]
    pub fn key(&self) -> Result<Option<String>> {
        guard("Flow.key", || self.key.clone())
    }

    /// Begins.
    #[napi]
    pub fn start(&mut self) -> Result<Step> {
        guard("Flow.start", || self.step(Event::Start, now()))
    }

    /// The time is over.
    #[napi]
    pub fn woken(&mut self) -> Result<Step> {
        guard("Flow.woken", || self.step(Event::Woken, now()))
    }

    /// An answer came.
    #[napi]
    pub fn answered(&mut self, status: u16, body: Uint8Array) -> Result<Step> {
        guard("Flow.answered", || {
            let response = Response::new(status, body.to_vec());
            self.step(Event::Delivered(Ok(response)), now())
        })
    }

    /// No answer came: `connect`, `closed`, `stale`, `timeout`, `too_large`, or anything else.
    #[napi]
    pub fn failed(&mut self, why: String) -> Result<Step> {
        guard("Flow.failed", || {
            self.step(Event::Delivered(Err(transport_error(&why))), now())
        })
    }
}

/// Why there is no answer.
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

/// A number between 0 and 1, as JavaScript draws them, for spreading retries.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn jitter(share: f64) -> Jitter {
    Jitter((share * 9e15) as u64)
}

/// The same without a number at hand: the last digits of the clock differ from time to time and from process to process.
pub(crate) fn jitter_of(now: Now) -> Jitter {
    Jitter(now.monotonic.subsec_nanos().into())
}
