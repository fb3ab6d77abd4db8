//! Tasks of one deployment that run side by side, and wait for what a target gives them in the order of its choice.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::{Engine, Replies};
use mastra_auth_cloud_core::flow::authenticate::Verdict;
use mastra_auth_cloud_core::flow::permissions::PermissionsResult;
use mastra_auth_cloud_core::flow::validate_session::LiveSession;
use mastra_auth_cloud_core::flow::{Event, Finished, Renewal, Step, Task, Work};
use mastra_auth_cloud_core::http::{Delivery, Request};
use mastra_auth_cloud_core::revocation::redis::Command;
use mastra_auth_cloud_core::session::TokenDigest;
use mastra_auth_cloud_core::time::{Now, Timestamp};

pub const START: i64 = 1_769_594_400;

/// What comes of a question.
pub enum Answer {
    Verdict(Verdict),
    Permissions(PermissionsResult),
    Session(LiveSession),
    Renewal(Renewal),
}

/// What comes of a task.
pub enum Output {
    /// The answer to the question with this number.
    Answer(usize, Answer),
    /// Of work that others wait for.
    Work(WorkId, Finished),
    /// Of a task whose result does not matter.
    Over,
}

type WorkId = (u8, TokenDigest);

/// What a task waits for.
pub enum Waits {
    Answer(Request),
    Time,
    Work(WorkId),
    Redis(Vec<Command>),
}

pub struct World {
    pub engine: Arc<Engine>,
    pub now: Now,
    parked: Vec<(Waits, Task<'static, Output>)>,
    works: Vec<WorkId>,
    /// The answers since they were last taken.
    pub answers: Vec<(usize, Answer)>,
}

impl World {
    pub fn new(engine: Arc<Engine>) -> Self {
        let wall = Timestamp::from_unix_seconds(START);
        Self {
            engine,
            now: Now {
                wall,
                monotonic: Duration::ZERO,
            },
            parked: Vec::new(),
            works: Vec::new(),
            answers: Vec::new(),
        }
    }

    pub fn start(&mut self, task: Task<'static, Output>) {
        self.go_on(task, Event::Start);
    }

    /// Starts a task that answers the question with this number.
    pub fn ask<T: 'static>(
        &mut self,
        number: usize,
        task: Task<'static, T>,
        kind: fn(T) -> Answer,
    ) {
        self.start(task.map(move |found| Output::Answer(number, kind(found))));
    }

    /// The calls that are under way.
    pub fn calls(&self) -> Vec<&Request> {
        let calls = self.parked.iter().filter_map(|(waits, _)| match waits {
            Waits::Answer(request) => Some(request),
            _ => None,
        });
        calls.collect()
    }

    /// The commands that Redis is to run.
    pub fn commands(&self) -> Vec<&Vec<Command>> {
        let commands = self.parked.iter().filter_map(|(waits, _)| match waits {
            Waits::Redis(commands) => Some(commands),
            _ => None,
        });
        commands.collect()
    }

    /// Answers one of the calls.
    pub fn answer(&mut self, number: usize, delivery: Delivery) {
        self.resume(
            number,
            |waits| matches!(waits, Waits::Answer(_)),
            Event::Delivered(delivery),
        );
    }

    /// Answers one of the lists of commands; none where Redis does not.
    pub fn reply(&mut self, number: usize, replies: Option<Replies>) {
        let event = replies.map_or(Event::Lost, Event::Replied);
        self.resume(number, |waits| matches!(waits, Waits::Redis(_)), event);
    }

    /// Wakes one of the tasks that wait for time to pass, where there is one.
    pub fn wake(&mut self, number: usize) {
        self.resume(number, |waits| matches!(waits, Waits::Time), Event::Woken);
    }

    fn resume(&mut self, number: usize, is_meant: fn(&Waits) -> bool, event: Event) {
        let mut meant = (0..self.parked.len()).filter(|at| is_meant(&self.parked[*at].0));
        if let Some(at) = meant.nth(number) {
            let (_, task) = self.parked.remove(at);
            self.go_on(task, event);
        }
    }

    fn go_on(&mut self, mut task: Task<'static, Output>, mut event: Event) {
        let (waits, rest) = loop {
            match task.step(event, self.now) {
                Step::Send(request, rest) => break (Waits::Answer(request), rest),
                Step::Wait(_, rest) => break (Waits::Time, rest),
                Step::Redis(commands, rest) => break (Waits::Redis(commands), rest),
                Step::Share(work, rest) => {
                    let id = id(&work);
                    self.parked.push((Waits::Work(id), rest));
                    return self.work(id, work);
                }
                Step::Spawn(work, rest) => {
                    self.work(id(&work), work);
                    (event, task) = (Event::Start, rest);
                }
                Step::Check(check, rest) => (event, task) = (Event::Checked(check.run()), rest),
                Step::Done(Output::Over) => return,
                Step::Done(Output::Answer(number, answer)) => {
                    return self.answers.push((number, answer));
                }
                Step::Done(Output::Work(id, finished)) => return self.finish(id, &finished),
            }
        };
        self.parked.push((waits, rest));
    }

    /// Begins work, where none like it is under way.
    fn work(&mut self, id: WorkId, work: Work) {
        if !self.works.contains(&id) {
            self.works.push(id);
            self.start(
                work.into_task()
                    .map(move |finished| Output::Work(id, finished)),
            );
        }
    }

    fn finish(&mut self, id: WorkId, finished: &Finished) {
        self.works.retain(|other| *other != id);
        let mut waiting = Vec::new();
        for (waits, task) in std::mem::take(&mut self.parked) {
            match waits {
                Waits::Work(other) if other == id => waiting.push(task),
                waits => self.parked.push((waits, task)),
            }
        }
        for task in waiting {
            self.go_on(task, Event::Shared(finished.clone()));
        }
    }
}

const fn id(work: &Work) -> WorkId {
    let kind = match work {
        Work::Verify(_) => 0,
        Work::Refresh(_) => 1,
        Work::FetchKeys(_) => 2,
    };
    (kind, work.key())
}

/// The token of a call: its bearer, or the Cloud's own cookie.
pub fn token_of(request: &Request) -> Option<&str> {
    let header = |wanted: &str| request.headers().find(|(name, _)| *name == wanted);
    if let Some((_, bearer)) = header("authorization") {
        return bearer.strip_prefix("Bearer ");
    }
    header("cookie").and_then(|(_, cookie)| cookie.strip_prefix("wos-session="))
}
