//! Tasks: jobs of several steps, written as `async` functions and driven step by step, without a runtime.
//!
//! A job asks its [`Host`] for what it cannot do itself: send a request, wait, share work with other requests. That parks the
//! job. [`Task::step`] hands the need to the driver, together with the rest of the task, and takes the result with the next
//! step. A finished task is gone, so none can be driven past its end. Only its driver wakes a task, so it is polled with a
//! waker that does nothing.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::results::{Authentication, Fetched, Renewal};
use crate::engine::{CheckedSignature, Replies, SignatureCheck};
pub(super) use crate::entropy::Jitter;
use crate::error::{CloudApiError, Code};
use crate::http::{Delivery, Request, TransportError};
use crate::revocation::redis::Command;
use crate::session::TokenDigest;
use crate::time::{Now, Timestamp};

/// What a task needs next, and the rest of the task. Exhaustive on purpose: a driver does each.
#[derive(Debug)]
pub enum Step<'t, T> {
    /// Send this request and pass its result on.
    Send(Request, Task<'t, T>),
    /// Wake the task after this time.
    Wait(Duration, Task<'t, T>),
    /// Run this work, once for all tasks that ask for it, and pass its result on.
    Share(Work, Task<'t, T>),
    /// Start this work, once for all tasks that ask for it. The task goes on at once, with any event.
    Spawn(Work, Task<'t, T>),
    /// Run this check on any thread and pass its result on. Only where the driver asked for checks.
    Check(SignatureCheck, Task<'t, T>),
    /// Run these commands on the Redis that the instances share, in one round trip, and pass the replies on. Only where the driver
    /// asked for it with [`Engine::share_sessions`](crate::engine::Engine::share_sessions), which returns the time-out.
    Redis(Vec<Command>, Task<'t, T>),
    /// The result.
    Done(T),
}

impl<'t, T: 't> Step<'t, T> {
    /// The step of the task with another output.
    pub fn map<U>(self, map: impl FnOnce(T) -> U + Send + 't) -> Step<'t, U> {
        match self {
            Self::Send(request, rest) => Step::Send(request, rest.map(map)),
            Self::Wait(time, rest) => Step::Wait(time, rest.map(map)),
            Self::Share(work, rest) => Step::Share(work, rest.map(map)),
            Self::Spawn(work, rest) => Step::Spawn(work, rest.map(map)),
            Self::Check(check, rest) => Step::Check(check, rest.map(map)),
            Self::Redis(commands, rest) => Step::Redis(commands, rest.map(map)),
            Self::Done(output) => Step::Done(map(output)),
        }
    }
}

/// What a driver passes to a task. Where an event is not what the task asked for, the task takes it as a failure.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is passed on at once")]
#[non_exhaustive]
pub enum Event {
    /// Begin, or go on after [`Step::Spawn`].
    Start,
    /// The result of the request.
    Delivered(Delivery),
    /// The time to wait has passed.
    Woken,
    /// The result of shared work.
    Shared(Finished),
    /// The result of the check.
    Checked(CheckedSignature),
    /// The replies of Redis.
    Replied(Replies),
    /// The work or the check was lost, for its runtime ended first; or Redis did not answer in time.
    Lost,
}

/// Work that tasks share: run one for each kind and [`key`](Shared::key). Exhaustive on purpose: a driver shares each kind by
/// itself.
#[derive(Debug)]
pub enum Work {
    /// Ask the Cloud about a token.
    Verify(Shared<Authentication>),
    /// Refresh a session.
    Refresh(Shared<Renewal>),
    /// Fetch the key set.
    FetchKeys(Shared<Fetched>),
}

impl Work {
    /// The single-flight key: of one kind of work, that with the same key is one.
    pub const fn key(&self) -> TokenDigest {
        match self {
            Self::Verify(verify) => verify.key(),
            Self::Refresh(refresh) => refresh.key(),
            Self::FetchKeys(fetch) => fetch.key(),
        }
    }

    /// The work as a task.
    pub fn into_task(self) -> Task<'static, Finished> {
        match self {
            Self::Verify(verify) => verify.into_task().map(Finished::Verified),
            Self::Refresh(refresh) => refresh.into_task().map(Finished::Refreshed),
            Self::FetchKeys(fetch) => fetch.into_task().map(Finished::KeysFetched),
        }
    }
}

/// The result of shared work. Exhaustive on purpose, as [`Work`].
#[derive(Clone, Debug)]
pub enum Finished {
    /// Of [`Work::Verify`].
    Verified(Authentication),
    /// Of [`Work::Refresh`].
    Refreshed(Renewal),
    /// Of [`Work::FetchKeys`].
    KeysFetched(Fetched),
}

/// A task that concurrent callers share.
#[derive(Debug)]
pub struct Shared<T> {
    key: TokenDigest,
    task: Task<'static, T>,
}

impl<T> Shared<T> {
    pub(crate) const fn new(key: TokenDigest, task: Task<'static, T>) -> Self {
        Self { key, task }
    }

    /// The single-flight key: of one kind of work, tasks with the same key are one.
    pub const fn key(&self) -> TokenDigest {
        self.key
    }

    /// The task.
    pub fn into_task(self) -> Task<'static, T> {
        self.task
    }
}

/// A job in steps.
pub struct Task<'t, T> {
    job: Pin<Box<dyn Future<Output = T> + Send + 't>>,
    host: Host,
}

impl<'t, T> Task<'t, T> {
    pub(crate) fn new<F>(jitter: Jitter, job: impl FnOnce(Host) -> F) -> Self
    where
        F: Future<Output = T> + Send + 't,
    {
        let host = Host::new(jitter);
        Self {
            job: Box::pin(job(host.clone())),
            host,
        }
    }

    /// The task with another output.
    pub fn map<U>(self, map: impl FnOnce(T) -> U + Send + 't) -> Task<'t, U>
    where
        T: 't,
    {
        let Self { job, host } = self;
        Task {
            job: Box::pin(async move { map(job.await) }),
            host,
        }
    }

    /// Takes the next step: with [`Event::Start`] at first, then with what the last step asked for.
    pub fn step(mut self, event: Event, now: Now) -> Step<'t, T> {
        self.host.resume(event, now);
        match self
            .job
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(output) => Step::Done(output),
            Poll::Pending => match self.host.take_need() {
                Need::Send(request) => Step::Send(request, self),
                Need::Wait(time) => Step::Wait(time, self),
                Need::Share(work) => Step::Share(work, self),
                Need::Spawn(work) => Step::Spawn(work, self),
                Need::Check(check) => Step::Check(check, self),
                Need::Redis(commands) => Step::Redis(commands, self),
            },
        }
    }
}

/// The driver, as a job sees it.
#[derive(Clone)]
pub(crate) struct Host(Arc<Mutex<Desk>>);

struct Desk {
    now: Now,
    jitter: Jitter,
    need: Option<Need>,
    event: Option<Event>,
}

enum Need {
    Send(Request),
    Wait(Duration),
    Share(Work),
    Spawn(Work),
    Check(SignatureCheck),
    Redis(Vec<Command>),
}

impl Host {
    fn new(jitter: Jitter) -> Self {
        Self(Arc::new(Mutex::new(Desk {
            now: Now {
                wall: Timestamp::from_unix_seconds(0),
                monotonic: Duration::ZERO,
            },
            jitter,
            need: None,
            event: None,
        })))
    }

    /// The time of the last step.
    pub(crate) fn now(&self) -> Now {
        self.desk().now
    }

    /// Jitter for a task of its own.
    pub(crate) fn jitter(&self) -> Jitter {
        self.desk().jitter
    }

    /// Between 0.5 and 1.5 times `base`, another share each time.
    pub(crate) fn spread(&self, base: Duration) -> Duration {
        self.desk().jitter.spread(base)
    }

    pub(crate) async fn send(&self, request: Request) -> Delivery {
        match self.ask(Need::Send(request)).await {
            Event::Delivered(delivery) => delivery,
            _ => Err(TransportError::Other),
        }
    }

    pub(crate) async fn wait(&self, time: Duration) {
        self.ask(Need::Wait(time)).await;
    }

    pub(crate) async fn verify(&self, verify: Shared<Authentication>) -> Authentication {
        match self.ask(Need::Share(Work::Verify(verify))).await {
            Event::Shared(Finished::Verified(answer)) => answer,
            _ => Authentication::Unavailable(lost()),
        }
    }

    pub(crate) async fn refresh(&self, refresh: Shared<Renewal>) -> Renewal {
        match self.ask(Need::Share(Work::Refresh(refresh))).await {
            Event::Shared(Finished::Refreshed(renewal)) => renewal,
            _ => Renewal::Unavailable(lost()),
        }
    }

    /// The caller reads the keys anew.
    pub(crate) async fn fetch_keys(&self, fetch: Shared<Fetched>) {
        self.ask(Need::Share(Work::FetchKeys(fetch))).await;
    }

    pub(crate) async fn spawn(&self, work: Work) {
        self.ask(Need::Spawn(work)).await;
    }

    /// None where the check was lost.
    pub(crate) async fn check(&self, check: SignatureCheck) -> Option<CheckedSignature> {
        match self.ask(Need::Check(check)).await {
            Event::Checked(checked) => Some(checked),
            _ => None,
        }
    }

    /// None where Redis did not answer in time.
    pub(crate) async fn redis(&self, commands: Vec<Command>) -> Option<Replies> {
        match self.ask(Need::Redis(commands)).await {
            Event::Replied(replies) => Some(replies),
            _ => None,
        }
    }

    /// Leaves a need for the driver, and parks the job until the driver's next step.
    fn ask(&self, need: Need) -> impl Future<Output = Event> + use<'_> {
        {
            let mut desk = self.desk();
            (desk.event, desk.need) = (None, Some(need));
        }
        poll_fn(|_| self.desk().event.take().map_or(Poll::Pending, Poll::Ready))
    }

    fn resume(&self, event: Event, now: Now) {
        let mut desk = self.desk();
        desk.event = Some(event);
        desk.now = now;
    }

    fn take_need(&self) -> Need {
        // Jobs wait for nothing but their host, which leaves a need each time.
        self.desk()
            .need
            .take()
            .unwrap_or(Need::Wait(Duration::ZERO))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error for work whose runtime ended first.
fn lost() -> CloudApiError {
    CloudApiError::new(Code::NetworkError)
}

impl<T> fmt::Debug for Task<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
