//! Checks expensive signatures on Node's thread pool.
//!
//! The checks of one turn of the event loop go to the pool in batches and return in batches: a hand-over per check would
//! cost more than it saves. The core learns each result on the event loop's thread, so that whatever happened meanwhile
//! counts.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::{CheckedSignature, SignatureCheck};
use mastra_auth_cloud_core::flow::Event;
use mastra_auth_cloud_core::session::TokenDigest;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::engine::Engine;
use crate::flow::{Kind, Room, Step};
use crate::guard::{Result, guard};

/// Checks per batch: some 400 microseconds of work, for which the first of them waits.
const MOST: usize = 8;
/// Threads in Node's pool by default.
const THREADS: usize = 4;

#[napi]
impl Engine {
    /// Starts the enqueued checks. Each batch is a promise.
    #[napi(ts_return_type = "Promise<Step>[]")]
    pub fn checks(&self) -> Result<Vec<AsyncTask<Checks>>> {
        guard(|| {
            let mut checks = self.1.take_checks();
            let size = checks.len().div_ceil(THREADS).clamp(1, MOST);
            let mut batches = Vec::new();
            while !checks.is_empty() {
                let rest = checks.split_off(size.min(checks.len()));
                batches.push(AsyncTask::new(Checks {
                    checks,
                    room: Arc::clone(&self.1),
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
    room: Arc<Room>,
}

impl Task for Checks {
    /// `None` if a check failed unexpectedly. It then runs again on the event loop, which reports the failure.
    type Output = Vec<(TokenDigest, Option<CheckedSignature>)>;
    type JsValue = Step;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let run = |check: SignatureCheck| (check.key(), guard(|| check.run()).ok());
        Ok(std::mem::take(&mut self.checks)
            .into_iter()
            .map(run)
            .collect())
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> napi::Result<Step> {
        let mut step = Step::default();
        for (digest, checked) in output {
            let key = (Kind::Check, digest);
            self.room.settle(key, checked, Event::Checked, &mut step);
        }
        Ok(self.room.report(step))
    }
}
