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
use crate::left::{Laid, Left, Wanted};
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
            let mut checks = Left::lock(&self.1).take_checks();
            let size = checks.len().div_ceil(THREADS).clamp(1, MOST);
            let mut batches = Vec::new();
            while !checks.is_empty() {
                let rest = checks.split_off(size.min(checks.len()));
                batches.push(AsyncTask::new(Checks {
                    checks,
                    left: Arc::clone(&self.1),
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
    left: Arc<Mutex<Left>>,
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
            let mut waited = Left::lock(&self.left).take_looks(&key);
            // Mostly there is one, which needs no copy.
            let last = waited.pop();
            for laid in waited {
                settled.extend(settle(&self.left, laid, checked.clone()));
            }
            settled.extend(last.and_then(|laid| settle(&self.left, laid, checked)));
        }
        let left = Left::lock(&self.left);
        Ok(Batch {
            settled,
            is_more: left.has_checks(),
            is_due: !left.background.is_empty(),
        })
    }
}

/// `None` if it was enqueued again.
fn settle(
    left: &Arc<Mutex<Left>>,
    laid: Laid,
    checked: Option<CheckedSignature>,
) -> Option<Settled> {
    let ticket = laid.ticket;
    guard("Checks.settle", || go_on(left, laid, checked)).unwrap_or_else(|error| {
        Some(Settled {
            ticket,
            user: None,
            search: None,
            internal: Some(error.reason.clone()),
        })
    })
}

fn go_on(
    left: &Arc<Mutex<Left>>,
    laid: Laid,
    checked: Option<CheckedSignature>,
) -> Option<Settled> {
    let Laid {
        search,
        ticket,
        wanted,
    } = laid;
    let event = checked.map_or(Event::Lost, Event::Checked);
    let settled = |user, search| Settled {
        ticket,
        user,
        search,
        internal: None,
    };
    match Left::step(left, search, event, now()) {
        Step::Check(check, search) => {
            let laid = Laid {
                search,
                ticket,
                wanted,
            };
            Left::lock(left).lay_again(check, laid);
            None
        }
        Step::Done(Verdict {
            answer: Authentication::Authenticated(identity),
            ..
        }) if wanted == Wanted::User => Some(settled(Some(identity.as_ref().into()), None)),
        step => Some(settled(None, Some(Search::begun(step, Arc::clone(left))))),
    }
}
