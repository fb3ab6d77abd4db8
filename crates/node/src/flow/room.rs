//! The waiting room: the jobs that wait for shared work or for a signature check.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::repeat_n;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::engine::{Engine as CoreEngine, HostCheck, SignatureCheck};
use mastra_auth_cloud_core::flow::{Event, Fetched, Finished, Step as CoreStep, Task, Work};
use mastra_auth_cloud_core::session::TokenDigest;
use napi::bindgen_prelude::{Either, Either3};

use super::{Flow, Outcome, Pending, Request, Settled, Started, Step};
use crate::clocks::now;
use crate::guard::guard;

/// Limit on jobs that wait for a check: 16 batches for each of four threads, some 30 ms of work for two processors. Beyond it
/// a check runs on the event loop, which slows down the sender of the flood.
#[cfg(not(target_family = "wasm"))]
const MOST_CHECKING: usize = 512;

/// A job of the core.
pub(crate) type Job = Task<'static, End>;

/// How a job ends.
pub(crate) struct End {
    /// For the jobs that asked for it.
    finished: Option<Finished>,
    /// For JavaScript.
    outcome: Outcome,
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        Self {
            finished: None,
            outcome,
        }
    }
}

/// Work that jobs share: one of each kind and digest at a time.
pub(crate) type Key = (Kind, TokenDigest);

/// The kinds of shared work. They separate work with equal digests: one must not receive the other's result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Check,
    Verify,
    Refresh,
    FetchKeys,
    Session,
    Permissions,
}

/// Who gets the result of a job.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// The caller with this ticket.
    Ticket(u32),
    /// Whatever waits for this work.
    Work(Key),
}

/// What waits for shared work.
enum Waiting {
    /// A job, which goes on with the result.
    Job(Owner, Job),
    /// A caller, which gets the outcome.
    Caller(u32),
}

/// How far a job went.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(crate) enum Next {
    Done(End),
    /// It is in the room.
    Waits,
    /// JavaScript is to send or to wait for it, or to ask Redis.
    Needs(Need, Option<CloudCall>, Job),
}

/// What a flow needs of JavaScript: a request, a time in milliseconds, or commands for Redis in one round trip.
type Need = Either3<Request, f64, Vec<Vec<String>>>;

pub(crate) struct Room {
    pub(crate) engine: Arc<CoreEngine>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Work under way, and what waits for it. By order and not by hash: in WebAssembly the standard library's hash is the same in
    /// every process, and clients choose the tokens.
    waiting: BTreeMap<Key, Vec<Waiting>>,
    /// Checks that no thread has taken yet.
    #[cfg(not(target_family = "wasm"))]
    checks: Vec<SignatureCheck>,
    /// Checks that the host has not taken yet, each with its number. There is no limit: the host keeps a request for each anyway.
    for_host: Vec<(u32, HostCheck)>,
    /// Checks that the host makes, by their numbers.
    at_host: BTreeMap<u32, HostCheck>,
    /// How many jobs wait for a check.
    checking: usize,
    /// Tickets of callers whose flow was dropped.
    lost: Vec<u32>,
    tickets: u32,
}

impl State {
    fn number(&mut self) -> u32 {
        self.tickets = self.tickets.wrapping_add(1);
        self.tickets
    }
}

impl Room {
    pub(crate) fn new(engine: Arc<CoreEngine>) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { engine, state })
    }

    /// Whether nothing is to be reported. That the clock is ahead is found out by flows, which report it themselves.
    pub(crate) fn is_idle(&self) -> bool {
        self.state().lost.is_empty() && self.engine.waiting() == 0
    }

    /// Begins a job of a caller.
    pub(crate) fn begin(self: &Arc<Self>, task: Task<'static, Outcome>) -> Pending {
        self.begun(task.step(Event::Start, now()))
    }

    /// Goes on with a job of a caller after its first step.
    pub(crate) fn begun(self: &Arc<Self>, first: CoreStep<'static, Outcome>) -> Pending {
        let (ticket, mut step) = (self.ticket(), Step::default());
        let end = self.go_on(Owner::Ticket(ticket), first.map(End::from), &mut step);
        self.pending(ticket, end, step)
    }

    /// Begins work whose outcome concurrent callers share, or joins the one under way.
    pub(crate) fn share(self: &Arc<Self>, (key, work): (Key, Job)) -> Pending {
        let (ticket, mut step) = (self.ticket(), Step::default());
        let end = self.start(key, work, &mut step);
        if end.is_none() {
            self.wait(key, Waiting::Caller(ticket));
        }
        self.pending(ticket, end, step)
    }

    /// Starts work unless it is under way. Returns its end if it has ended already.
    fn start(self: &Arc<Self>, key: Key, work: Job, step: &mut Step) -> Option<End> {
        if self.state().waiting.contains_key(&key) {
            return None;
        }
        let first = work.step(Event::Start, now());
        let mut end = self.go_on(Owner::Work(key), first, step);
        match &mut end {
            Some(end) => report(key, end, step),
            None => _ = self.state().waiting.insert(key, Vec::new()),
        }
        end
    }

    /// Goes on with a job after a step of it. JavaScript drives a flow for it if it needs one. `None` if the job has not ended.
    fn go_on(
        self: &Arc<Self>,
        owner: Owner,
        taken: CoreStep<'static, End>,
        step: &mut Step,
    ) -> Option<End> {
        match self.advance(owner, taken, step) {
            Next::Done(end) => Some(end),
            Next::Waits => None,
            Next::Needs(next, call, job) => {
                let flow = Flow {
                    room: Arc::clone(self),
                    owner,
                    job: Some(job),
                    call,
                };
                step.started.push(Started { flow, next });
                None
            }
        }
    }

    /// Goes on with a job after a step of it, until it ends, waits, or needs JavaScript.
    pub(crate) fn advance(
        self: &Arc<Self>,
        owner: Owner,
        mut taken: CoreStep<'static, End>,
        step: &mut Step,
    ) -> Next {
        loop {
            let (event, job) = match taken {
                CoreStep::Done(end) => return Next::Done(end),
                CoreStep::Send(request, rest) => {
                    let call = Some(request.call());
                    return Next::Needs(Either3::A((&request).into()), call, rest);
                }
                CoreStep::Wait(time, rest) => {
                    return Next::Needs(Either3::B(time.as_secs_f64() * 1e3), None, rest);
                }
                CoreStep::Redis(commands, rest) => {
                    return Next::Needs(Either3::C(commands), None, rest);
                }
                CoreStep::Spawn(work, rest) => {
                    let (key, work) = keyed(work);
                    self.start(key, work, step);
                    (Event::Start, rest)
                }
                CoreStep::Share(work, rest) => {
                    let (key, work) = keyed(work);
                    let Some(end) = self.start(key, work, step) else {
                        self.wait(key, Waiting::Job(owner, rest));
                        return Next::Waits;
                    };
                    (end.finished.map_or(Event::Lost, Event::Shared), rest)
                }
                CoreStep::Check(check, rest) => match self.check(owner, check, rest, step) {
                    Some(next) => next,
                    None => return Next::Waits,
                },
            };
            taken = job.step(event, now());
        }
    }

    /// Has a signature checked. `None` if the job waits for that.
    fn check(
        &self,
        owner: Owner,
        check: SignatureCheck,
        rest: Job,
        step: &mut Step,
    ) -> Option<(Event, Job)> {
        #[cfg(not(target_family = "wasm"))]
        if !self.engine.asks_host() {
            if self.state().checking >= MOST_CHECKING {
                return Some((Event::Checked(check.run()), rest));
            }
            let key = check.key();
            self.enqueue(key, Waiting::Job(owner, rest), |state| {
                state.checks.push(check);
            });
            step.has_checks = true;
            return None;
        }
        match check.for_host() {
            Err(checked) => Some((Event::Checked(checked), rest)),
            Ok(check) => {
                let key = check.key();
                self.enqueue(key, Waiting::Job(owner, rest), |state| {
                    let number = match owner {
                        Owner::Ticket(ticket) => ticket,
                        Owner::Work(_) => state.number(),
                    };
                    state.for_host.push((number, check));
                });
                step.has_checks = true;
                None
            }
        }
    }

    /// Passes on the end of a job.
    pub(crate) fn end(self: &Arc<Self>, owner: Owner, mut end: End, step: &mut Step) {
        match owner {
            Owner::Ticket(ticket) => step.settled.push(Settled {
                tickets: vec![ticket],
                result: Either::A(end.outcome),
            }),
            Owner::Work(key) => {
                report(key, &mut end, step);
                let callers = self.settle(key, end.finished, Event::Shared, step);
                if !callers.is_empty() {
                    step.settled.push(Settled {
                        tickets: callers,
                        result: Either::A(end.outcome),
                    });
                }
            }
        }
    }

    /// Goes on with the jobs that waited for work, and returns the callers that did.
    pub(crate) fn settle<R: Clone>(
        self: &Arc<Self>,
        key: Key,
        result: Option<R>,
        event: fn(R) -> Event,
        step: &mut Step,
    ) -> Vec<u32> {
        let waited = self.leave(key);
        // The last one gets the result itself: mostly there is one, which needs no copy.
        let results = repeat_n(result, waited.len());
        let mut callers = Vec::new();
        for (waiting, result) in waited.into_iter().zip(results) {
            match waiting {
                Waiting::Caller(ticket) => callers.push(ticket),
                Waiting::Job(owner, job) => {
                    self.resume(owner, job, result.map_or(Event::Lost, event), step);
                }
            }
        }
        callers
    }

    /// Goes on with a job that waited. A panic fails that job alone.
    fn resume(self: &Arc<Self>, owner: Owner, job: Job, event: Event, step: &mut Step) {
        match guard(|| self.go_on(owner, job.step(event, now()), step)) {
            Ok(Some(end)) => self.end(owner, end, step),
            Ok(None) => {}
            Err(error) => step.settled.push(Settled {
                tickets: self.abandon(owner),
                result: Either::B(error.reason.clone()),
            }),
        }
    }

    /// The tickets of all callers that wait for a job.
    pub(crate) fn tickets(&self, owner: Owner) -> Vec<u32> {
        fn of(state: &State, owner: Owner) -> Vec<u32> {
            let key = match owner {
                Owner::Ticket(ticket) => return vec![ticket],
                Owner::Work(key) => key,
            };
            let waiting = state.waiting.get(&key).into_iter().flatten();
            waiting
                .flat_map(|one| match one {
                    Waiting::Caller(ticket) => vec![*ticket],
                    Waiting::Job(owner, _) => of(state, *owner),
                })
                .collect()
        }
        of(&self.state(), owner)
    }

    /// Gives a job up. Returns the tickets of all callers that waited for it.
    pub(crate) fn abandon(&self, owner: Owner) -> Vec<u32> {
        let key = match owner {
            Owner::Ticket(ticket) => return vec![ticket],
            Owner::Work(key) => key,
        };
        let waited = self.leave(key).into_iter();
        waited
            .flat_map(|waiting| match waiting {
                Waiting::Caller(ticket) => vec![ticket],
                Waiting::Job(owner, _) => self.abandon(owner),
            })
            .collect()
    }

    fn pending(&self, ticket: u32, end: Option<End>, step: Step) -> Pending {
        let step = self.report(step);
        let is_idle = step.is_idle();
        Pending {
            needs_site: None,
            ticket: end.is_none().then_some(ticket),
            outcome: end.map(|end| end.outcome),
            step: (!is_idle).then_some(step),
        }
    }

    /// Adds what the core has to report by itself.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn report(&self, mut step: Step) -> Step {
        let tickets = std::mem::take(&mut self.state().lost);
        if !tickets.is_empty() {
            let result = Either::B("a flow was dropped".to_owned());
            step.settled.push(Settled { tickets, result });
        }
        step.has_revocations = self.engine.waiting() > 0;
        let ahead = self.engine.take_clock_ahead();
        step.clock_ahead = ahead.map(|by| by.as_secs() as f64);
        step
    }

    /// Gives every check up. Returns the tickets of all callers that waited for one.
    pub(crate) fn abandon_checks(&self) -> Vec<u32> {
        let keys: Vec<Key> = {
            let mut state = self.state();
            #[cfg(not(target_family = "wasm"))]
            state.checks.clear();
            state.for_host.clear();
            state.at_host.clear();
            let keys = state.waiting.keys().copied();
            keys.filter(|(kind, _)| *kind == Kind::Check).collect()
        };
        let abandoned = keys.into_iter().map(|key| self.abandon(Owner::Work(key)));
        abandoned.flatten().collect()
    }

    /// Gives up the job of a flow that was dropped, and reports that with the next step.
    pub(crate) fn lose(&self, owner: Owner) {
        let tickets = self.abandon(owner);
        self.state().lost.extend(tickets);
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn take_checks(&self) -> Vec<SignatureCheck> {
        std::mem::take(&mut self.state().checks)
    }

    /// Hands the enqueued checks to the host, each under a number: the ticket of the caller that it was enqueued for, if there is one.
    pub(crate) fn take_for_host(&self, mut describe: impl FnMut(u32, &HostCheck)) {
        let mut state = self.state();
        for (number, check) in std::mem::take(&mut state.for_host) {
            describe(number, &check);
            state.at_host.insert(number, check);
        }
    }

    /// What there is to say of a check that the host makes.
    pub(crate) fn at_host<T>(
        &self,
        number: u32,
        describe: impl FnOnce(&HostCheck) -> T,
    ) -> Option<T> {
        self.state().at_host.get(&number).map(describe)
    }

    /// Takes back a check that the host has made.
    pub(crate) fn take_from_host(&self, number: u32) -> Option<HostCheck> {
        self.state().at_host.remove(&number)
    }

    fn wait(&self, key: Key, waiting: Waiting) {
        self.state().waiting.entry(key).or_default().push(waiting);
    }

    /// Jobs of one token share a check: only the first is pushed.
    fn enqueue(&self, key: TokenDigest, waiting: Waiting, push: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.checking = state.checking.saturating_add(1);
        match state.waiting.entry((Kind::Check, key)) {
            Entry::Occupied(others) => {
                others.into_mut().push(waiting);
            }
            Entry::Vacant(place) => {
                place.insert(vec![waiting]);
                push(&mut state);
            }
        }
    }

    /// Takes what waited for work that is over.
    fn leave(&self, key: Key) -> Vec<Waiting> {
        let mut state = self.state();
        let waited = state.waiting.remove(&key).unwrap_or_default();
        if key.0 == Kind::Check {
            state.checking = state.checking.saturating_sub(waited.len());
        }
        waited
    }

    fn ticket(&self) -> u32 {
        self.state().number()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work of the core, by its key.
fn keyed(work: Work) -> (Key, Job) {
    match work {
        Work::Verify(verify) => (
            (Kind::Verify, verify.key()),
            verify.into_task().map(|answer| End {
                finished: Some(Finished::Verified(answer)),
                outcome: Outcome::default(),
            }),
        ),
        Work::Refresh(refresh) => (
            (Kind::Refresh, refresh.key()),
            refresh.into_task().map(|renewal| End {
                finished: Some(Finished::Refreshed(renewal.clone())),
                outcome: renewal.into(),
            }),
        ),
        Work::FetchKeys(fetch) => (
            (Kind::FetchKeys, fetch.key()),
            // Ends empty, or with the reason why the keys could not be fetched; the core keeps the keys.
            fetch.into_task().map(|fetched| End {
                finished: Some(Finished::KeysFetched(fetched.clone())),
                outcome: match fetched {
                    Fetched::Updated | Fetched::NotDue => Outcome::default(),
                    Fetched::UpdatedInPart(count) => Outcome {
                        odd_entries: u32::try_from(count).ok(),
                        ..Outcome::default()
                    },
                    Fetched::Failed(error) => Err(error).into(),
                },
            }),
        ),
    }
}

/// JavaScript hears of each fetch of the key set, whatever waits for it.
fn report((kind, _): Key, end: &mut End, step: &mut Step) {
    if kind == Kind::FetchKeys {
        step.key_set = Some(std::mem::take(&mut end.outcome));
    }
}
