//! Counters and gauges, as plain rows. The core counts.

use mastra_auth_cloud_core::counters::{CallTimes, TIME_BOUNDS};
use napi_derive::napi;

use crate::clocks::now;
use crate::engine::Engine;
use crate::guard::{Result, guard};

/// Requests with one outcome and one source.
#[napi(object, object_from_js = false)]
pub struct RequestCount {
    /// Which of the four answers.
    #[napi(ts_type = "'authenticated' | 'anonymous' | 'rejected' | 'unavailable'")]
    pub outcome: &'static str,
    /// The source of the answer.
    #[napi(ts_type = "Source")]
    pub source: &'static str,
    /// How many.
    pub count: f64,
}

/// Sign-ins or sign-outs with one outcome.
#[napi(object, object_from_js = false)]
pub struct OutcomeCount {
    /// The outcome.
    pub outcome: &'static str,
    /// How many.
    pub count: f64,
}

/// Calls to one endpoint with one result.
#[napi(object, object_from_js = false)]
pub struct CallCount {
    /// The endpoint.
    pub operation: &'static str,
    /// The result.
    pub status: &'static str,
    /// How many.
    pub count: f64,
}

/// Calls to one endpoint within a time limit.
#[napi(object, object_from_js = false)]
pub struct CallTime {
    /// The endpoint.
    pub operation: &'static str,
    /// The upper bound in seconds, as Prometheus writes it.
    pub le: String,
    /// How many took that long or less.
    pub count: f64,
}

/// Cache entries of one kind.
#[napi(object, object_from_js = false)]
pub struct EntryCount {
    /// The kind.
    #[napi(ts_type = "'identities' | 'refusals'")]
    pub kind: &'static str,
    /// How many.
    pub count: f64,
}

/// All counters and gauges.
#[napi(object, object_from_js = false)]
pub struct Statistics {
    /// Since the start.
    pub requests: Vec<RequestCount>,
    /// Since the start.
    #[napi(ts_type = "{ outcome: 'succeeded' | 'failed'; count: number }[]")]
    pub logins: Vec<OutcomeCount>,
    /// Since the start.
    #[napi(ts_type = "{ outcome: 'ended' | 'already_gone' | 'not_confirmed'; count: number }[]")]
    pub sign_outs: Vec<OutcomeCount>,
    /// Since the start.
    pub cloud_calls: Vec<CallCount>,
    /// Since the start.
    pub cloud_call_times: Vec<CallTime>,
    /// Now.
    pub cache_entries: Vec<EntryCount>,
    /// `closed`, `open` or `half_open`.
    #[napi(ts_type = "'closed' | 'open' | 'half_open'")]
    pub breaker: &'static str,
    /// In seconds; `None` if signatures are not checked with fetched keys.
    pub keys_age: Option<f64>,
}

#[napi]
impl Engine {
    /// Counters since the start, and current gauges.
    #[napi]
    #[allow(clippy::cast_precision_loss)]
    pub fn statistics(&self) -> Result<Statistics> {
        guard(|| {
            let (counters, now) = (self.0.counters(), now());
            let (identities, refusals) = self.0.cached();
            Statistics {
                requests: counters
                    .requests()
                    .map(|(outcome, source, count)| RequestCount {
                        outcome: outcome.as_str(),
                        source: source.as_str(),
                        count: count as f64,
                    })
                    .collect(),
                logins: counters
                    .logins()
                    .map(|(login, count)| row(login.as_str(), count))
                    .collect(),
                sign_outs: counters
                    .session_ends()
                    .map(|(end, count)| row(end.as_str(), count))
                    .collect(),
                cloud_calls: counters
                    .calls()
                    .map(|calls| CallCount {
                        operation: calls.call.as_str(),
                        status: calls.result.as_str(),
                        count: calls.count as f64,
                    })
                    .collect(),
                cloud_call_times: counters
                    .call_times()
                    .flat_map(|times| up_to(&times))
                    .collect(),
                cache_entries: vec![
                    EntryCount {
                        kind: "identities",
                        count: identities as f64,
                    },
                    EntryCount {
                        kind: "refusals",
                        count: refusals as f64,
                    },
                ],
                breaker: self.0.breaker_state(now).as_str(),
                keys_age: self.0.keys_age(now).map(|age| age.as_secs_f64()),
            }
        })
    }
}

#[allow(clippy::cast_precision_loss)]
fn row(outcome: &'static str, count: u64) -> OutcomeCount {
    OutcomeCount {
        outcome,
        count: count as f64,
    }
}

/// Cumulative buckets: each bound with the calls that took as long or less.
#[allow(clippy::cast_precision_loss)]
fn up_to(times: &CallTimes) -> Vec<CallTime> {
    let mut sum = 0_u64;
    let bounds = TIME_BOUNDS.iter().zip(times.up_to).map(|(bound, count)| {
        sum = sum.saturating_add(count);
        (format!("{:?}", bound.as_secs_f64()), sum)
    });
    bounds
        .collect::<Vec<_>>()
        .into_iter()
        .chain([("+Inf".to_owned(), times.count)])
        .map(|(le, count)| CallTime {
            operation: times.call.as_str(),
            le,
            count: count as f64,
        })
        .collect()
}
