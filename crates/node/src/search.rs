//! Authentications that take more than one step.

use std::sync::{Arc, Mutex};

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::Verdict;
use mastra_auth_cloud_core::flow::{Authentication, Event, Finished, Source, Step, Task};
use napi::bindgen_prelude::Either3;
use napi_derive::napi;

use crate::convert::now;
use crate::flow::Flow;
use crate::guard::{Result, guard};
use crate::pending::{Pending, Wanted};
use crate::values::Answer;

/// An authentication in progress.
#[napi]
pub struct Search {
    /// `None` while it waits for a check, which returns another search.
    step: Option<Next>,
    source: Source,
    pending: Arc<Mutex<Pending>>,
}

/// What is due when JavaScript goes on.
enum Next {
    /// A step that was taken before the search was handed over.
    Taken(Step<'static, Verdict>),
    /// The search waits for this event.
    Due(Task<'static, Verdict>),
}

impl Search {
    pub(crate) fn new(search: Task<'static, Verdict>, pending: Arc<Mutex<Pending>>) -> Self {
        Self {
            step: Some(Next::Due(search)),
            source: Source::None,
            pending,
        }
    }

    /// A search that has taken its first step.
    pub(crate) fn begun(step: Step<'static, Verdict>, pending: Arc<Mutex<Pending>>) -> Self {
        Self {
            step: Some(Next::Taken(step)),
            source: Source::None,
            pending,
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
                    Pending::step(&self.pending, search, event, now())
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
                    Either3::C(Pending::lock(&self.pending).enqueue(check, search, Wanted::Search))
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
            let work = Pending::lock(&self.pending).background.pop();
            work.map(Flow::work)
        })
    }

    /// The source of the answer, once there is one: `cache`, `keys`, `cloud` or `none`.
    #[napi(ts_return_type = "Source")]
    pub fn source(&self) -> Result<&'static str> {
        guard("Search.source", || self.source.as_str())
    }
}
