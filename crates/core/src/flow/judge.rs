//! Judge: the answer that a request with one token would get now, as a flow of its own.
//!
//! Runs the checks of [`Authenticate`], in the same order and with the same keys, for a token that no request has brought
//! yet. So a sign-in is accepted by no other rules than the next request.

use std::sync::Arc;

use super::authenticate::{Authenticate, Next};
use super::credentials::Credentials;
use super::identify::{Answer, Identify};
use super::keys::FetchKeys;
use super::step::{Event, Flow, Jitter, Step};
use crate::counters::Counting;
use crate::engine::Engine;
use crate::secret::SessionToken;
use crate::time::Now;

/// The check of one token.
#[derive(Debug)]
pub(crate) struct Judge {
    request: Authenticate<'static>,
    under_way: Option<Part>,
    jitter: Jitter,
}

#[derive(Debug)]
enum Part {
    Identify(Identify),
    Keys(FetchKeys),
}

impl Judge {
    /// Checks this token.
    pub(crate) fn new(engine: &Arc<Engine>, token: &SessionToken, jitter: Jitter) -> Self {
        let credentials = Credentials::token(token.expose()).into_owned();
        Self {
            request: Authenticate::new(engine, credentials).counting(Counting::Never),
            under_way: None,
            jitter,
        }
    }

    /// Steps the running flow. Returns its answer once it is done, else what it waits for.
    fn part(&mut self, event: Event, now: Now) -> Result<Option<Answer>, Step<Answer>> {
        let step = match &mut self.under_way {
            None => return Ok(None),
            Some(Part::Identify(flow)) => match flow.step(event, now) {
                Step::Done(answer) => Ok(Some(answer)),
                Step::Send(request) => Err(Step::Send(request)),
                Step::Wait(time) => Err(Step::Wait(time)),
            },
            Some(Part::Keys(flow)) => match flow.step(event, now) {
                // The next check reads the keys anew.
                Step::Done(_) => Ok(None),
                Step::Send(request) => Err(Step::Send(request)),
                Step::Wait(time) => Err(Step::Wait(time)),
            },
        };
        if step.is_ok() {
            self.under_way = None;
        }
        step
    }
}

impl Flow for Judge {
    type Output = Answer;

    fn step(&mut self, mut event: Event, now: Now) -> Step<Answer> {
        loop {
            let last = match self.part(event, now) {
                Ok(last) => last,
                Err(step) => return step,
            };
            event = Event::Start;
            self.under_way = Some(match self.request.next(last, now, self.jitter) {
                Next::Done(answer) => return Step::Done(answer),
                Next::Identify(flow) => Part::Identify(flow),
                Next::Keys(flow) => Part::Keys(flow),
            });
        }
    }
}
