//! Results of authentication, as handles: the core's own values stay in Rust.

use std::sync::{Arc, Mutex};

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::Verdict;
use mastra_auth_cloud_core::flow::{Authentication, Event, Finished, Source, Step, Task};
use mastra_auth_cloud_core::session::Identity as CoreIdentity;
use napi::bindgen_prelude::Either3;
use napi_derive::napi;

use crate::convert::{Failure, User, now};
use crate::flow::Flow;
use crate::guard::{Result, guard};
use crate::left::{Left, Wanted};

/// An identity that the Cloud vouched for; permission look-ups take it.
#[napi]
pub struct Identity(Who);

pub(crate) enum Who {
    Remembered(Arc<CoreIdentity>),
    Told(Box<CloudUser>),
}

impl Identity {
    pub(crate) fn remembered(identity: Arc<CoreIdentity>) -> Self {
        Self(Who::Remembered(identity))
    }

    pub(crate) fn told(user: CloudUser) -> Self {
        Self(Who::Told(Box::new(user)))
    }

    pub(crate) fn who(&self) -> &CloudUser {
        match &self.0 {
            Who::Remembered(identity) => identity.user(),
            Who::Told(user) => user,
        }
    }
}

#[napi]
impl Identity {
    /// The serial number that a warm look returns for this identity; 0 if it is not cached.
    #[napi]
    pub fn serial(&self) -> Result<f64> {
        guard("Identity.serial", || match &self.0 {
            Who::Remembered(identity) => serial(identity),
            Who::Told(_) => 0.0,
        })
    }

    /// The user as a plain object.
    #[napi]
    pub fn user(&self) -> Result<User> {
        guard("Identity.user", || match &self.0 {
            Who::Remembered(identity) => identity.as_ref().into(),
            Who::Told(user) => user.as_ref().into(),
        })
    }
}

/// Exact for 2^53 identities.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn serial(identity: &CoreIdentity) -> f64 {
    identity.serial() as f64
}

/// One of the four answers.
#[napi]
pub struct Answer(pub(crate) Authentication);

#[napi]
impl Answer {
    /// `authenticated`, `anonymous`, `rejected` or `unavailable`.
    #[napi(ts_return_type = "'authenticated' | 'anonymous' | 'rejected' | 'unavailable'")]
    pub fn kind(&self) -> Result<&'static str> {
        guard("Answer.kind", || self.0.outcome().as_str())
    }

    /// The identity, if the answer is `authenticated`.
    #[napi]
    pub fn identity(&self) -> Result<Option<Identity>> {
        guard("Answer.identity", || match &self.0 {
            Authentication::Authenticated(identity) => {
                Some(Identity::remembered(Arc::clone(identity)))
            }
            _ => None,
        })
    }

    /// The error, if the credential was rejected or could not be checked.
    #[napi]
    pub fn failure(&self) -> Result<Option<Failure>> {
        guard("Answer.failure", || match &self.0 {
            Authentication::Rejected(error) | Authentication::Unavailable(error) => {
                Some(error.clone().into())
            }
            _ => None,
        })
    }
}

/// An authentication in progress.
#[napi]
pub struct Search {
    /// `None` while it waits for a check, which returns another search.
    step: Option<Next>,
    source: Source,
    left: Arc<Mutex<Left>>,
}

/// What is due when JavaScript goes on.
enum Next {
    /// A step that was taken before the search was handed over.
    Taken(Step<'static, Verdict>),
    /// The search waits for this event.
    Due(Task<'static, Verdict>),
}

impl Search {
    pub(crate) fn new(search: Task<'static, Verdict>, left: Arc<Mutex<Left>>) -> Self {
        Self {
            step: Some(Next::Due(search)),
            source: Source::None,
            left,
        }
    }

    /// A search that has taken its first step.
    pub(crate) fn begun(step: Step<'static, Verdict>, left: Arc<Mutex<Left>>) -> Self {
        Self {
            step: Some(Next::Taken(step)),
            source: Source::None,
            left,
        }
    }
}

#[napi]
impl Search {
    /// Continues the search: without an answer at first, then with each flow's answer. Drive a flow once per key. A number
    /// is the ticket of an enqueued check, which returns another search.
    #[napi]
    pub fn next(&mut self, last: Option<&Answer>) -> Result<Either3<Answer, Flow, u32>> {
        guard("Search.next", || {
            let step = match self.step.take() {
                Some(Next::Taken(step)) => step,
                Some(Next::Due(search)) => {
                    let event = last.map_or(Event::Lost, |answer| {
                        Event::Shared(Finished::Verified(answer.0.clone()))
                    });
                    Left::step(&self.left, search, event, now())
                }
                None => {
                    let error = CloudApiError::configuration("A search was driven past its end.");
                    return Either3::A(Answer(Authentication::Unavailable(error)));
                }
            };
            match step {
                Step::Done(verdict) => {
                    self.source = verdict.source;
                    Either3::A(Answer(verdict.answer))
                }
                Step::Share(work, rest) => {
                    self.step = Some(Next::Due(rest));
                    Either3::B(Flow::work(work))
                }
                Step::Check(check, search) => {
                    Either3::C(Left::lock(&self.left).lay_down(check, search, Wanted::Search))
                }
                // An authentication sends nothing itself and waits for nothing.
                Step::Send(_, rest) | Step::Wait(_, rest) | Step::Spawn(_, rest) => {
                    drop(rest);
                    let error = CloudApiError::configuration("A search asked for another step.");
                    Either3::A(Answer(Authentication::Unavailable(error)))
                }
            }
        })
    }

    /// Background work, once there is an answer; no request waits for it.
    #[napi]
    pub fn background(&mut self) -> Result<Option<Flow>> {
        guard("Search.background", || {
            let work = Left::lock(&self.left).background.pop();
            work.map(Flow::work)
        })
    }

    /// The source of the answer, once there is one: `cache`, `keys`, `cloud` or `none`.
    #[napi(ts_return_type = "Source")]
    pub fn source(&self) -> Result<&'static str> {
        guard("Search.source", || self.source.as_str())
    }
}
