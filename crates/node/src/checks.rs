//! Checks expensive signatures on Node's thread pool.
//!
//! The checks of one turn of the event loop go to the pool in batches and return in batches: a hand-over per check would
//! cost more than it saves. The core learns each result on the event loop's thread, so that whatever happened meanwhile
//! counts.

use std::sync::{Arc, Mutex};

use mastra_auth_cloud_core::engine::{CheckedSignature, SignatureCheck};
use mastra_auth_cloud_core::flow::authenticate::Verdict;
use mastra_auth_cloud_core::flow::{Authentication, Event, Step};
use mastra_auth_cloud_core::session::TokenDigest;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::convert::{User, now};
use crate::engine::Authority;
use crate::guard::{Result, guard};
use crate::pending::{Pending, Waiting, Wanted};
use crate::search::Search;

/// Checks per batch: some 400 microseconds of work, for which the first of them waits.
const MOST: usize = 8;
/// Threads in Node's pool by default.
const THREADS: usize = 4;

/// The result of one enqueued authentication: exactly one of the members beside `ticket` is set.
#[napi(object, object_from_js = false)]
pub struct Settled {
    /// The ticket that the look returned.
    pub ticket: u32,
    /// The user.
    pub user: Option<User>,
    /// The search, to continue with.
    pub search: Option<Search>,
    /// Why the addon failed.
    pub internal: Option<String>,
}

/// The result of a batch.
#[napi(object, object_from_js = false)]
pub struct Batch {
    /// One entry for each waiting authentication that is settled.
    pub settled: Vec<Settled>,
    /// Whether checks were enqueued again.
    pub is_more: bool,
    /// Whether there is background work.
    pub is_due: bool,
}

#[napi]
impl Authority {
    /// Starts the enqueued checks. Each batch is a promise.
    #[napi(ts_return_type = "Promise<Batch>[]")]
    pub fn checks(&self) -> Result<Vec<AsyncTask<Checks>>> {
        guard("Authority.checks", || {
            let mut checks = Pending::lock(&self.1).take_checks();
            let size = checks.len().div_ceil(THREADS).clamp(1, MOST);
            let mut batches = Vec::new();
            while !checks.is_empty() {
                let rest = checks.split_off(size.min(checks.len()));
                batches.push(AsyncTask::new(Checks {
                    checks,
                    pending: Arc::clone(&self.1),
                }));
                checks = rest;
            }
            batches
        })
    }
}

/// One batch.
pub struct Checks {
    checks: Vec<SignatureCheck>,
    pending: Arc<Mutex<Pending>>,
}

impl Task for Checks {
    /// `None` if a check failed unexpectedly. It then runs again on the event loop, which reports the failure.
    type Output = Vec<(TokenDigest, Option<CheckedSignature>)>;
    type JsValue = Batch;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let run = |check: SignatureCheck| (check.key(), guard("Checks.run", || check.run()).ok());
        Ok(std::mem::take(&mut self.checks)
            .into_iter()
            .map(run)
            .collect())
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> napi::Result<Batch> {
        let mut settled = Vec::with_capacity(output.len());
        for (key, checked) in output {
            let mut waited = Pending::lock(&self.pending).take_waiting(&key);
            // Mostly there is one, which needs no copy.
            let last = waited.pop();
            for waiting in waited {
                settled.extend(settle(&self.pending, waiting, checked.clone()));
            }
            settled.extend(last.and_then(|waiting| settle(&self.pending, waiting, checked)));
        }
        let pending = Pending::lock(&self.pending);
        Ok(Batch {
            settled,
            is_more: pending.has_checks(),
            is_due: !pending.background.is_empty(),
        })
    }
}

/// `None` if it was enqueued again.
fn settle(
    pending: &Arc<Mutex<Pending>>,
    waiting: Waiting,
    checked: Option<CheckedSignature>,
) -> Option<Settled> {
    let ticket = waiting.ticket;
    guard("Checks.settle", || go_on(pending, waiting, checked)).unwrap_or_else(|error| {
        Some(Settled {
            ticket,
            user: None,
            search: None,
            internal: Some(error.reason.clone()),
        })
    })
}

fn go_on(
    pending: &Arc<Mutex<Pending>>,
    waiting: Waiting,
    checked: Option<CheckedSignature>,
) -> Option<Settled> {
    let Waiting {
        search,
        ticket,
        wanted,
    } = waiting;
    let event = checked.map_or(Event::Lost, Event::Checked);
    let settled = |user, search| Settled {
        ticket,
        user,
        search,
        internal: None,
    };
    match Pending::step(pending, search, event, now()) {
        Step::Check(check, search) => {
            let waiting = Waiting {
                search,
                ticket,
                wanted,
            };
            Pending::lock(pending).requeue(check, waiting);
            None
        }
        Step::Done(Verdict {
            answer: Authentication::Authenticated(identity),
            ..
        }) if wanted == Wanted::User => Some(settled(Some(identity.as_ref().into()), None)),
        step => Some(settled(
            None,
            Some(Search::begun(step, Arc::clone(pending))),
        )),
    }
}
