//! Prometheus metrics of one deployment. Feature `metrics`.
//!
//! [`Metrics`] is a collector for a registry of yours, and renders itself as OpenMetrics text. It reads counters that exist
//! anyway, so scraping costs a request nothing. Label values come from short fixed lists: none holds an id, a path or a
//! text of the Cloud. Names and units are listed in `docs/guide/observability.md`.
//!
//! ```
//! use mastra_auth_cloud::MastraCloudAuth;
//! use mastra_auth_cloud::metrics::prometheus_client::registry::Registry;
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = MastraCloudAuth::builder().project_id("demo").build()?;
//! let mut registry = Registry::default();
//! registry.register_collector(Box::new(auth.metrics()));
//! assert!(auth.metrics().render()?.contains("mastra_auth_requests_total"));
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mastra_auth_cloud_core::counters::{CallTimes, TIME_BOUNDS};
use mastra_auth_cloud_core::engine::{BreakerState, Engine};
use mastra_auth_cloud_core::time::Now;
pub use prometheus_client;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeMetric as _, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::MastraCloudAuth;
use crate::revocation::Revocations;
use crate::system;

/// The media type of the text that [`Metrics::render`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one deployment. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    engine: Arc<Engine>,
    /// Weak, so that metrics do not keep the channel running.
    revocations: Option<Weak<Revocations>>,
}

impl MastraCloudAuth {
    /// Counters and gauges of this deployment, for Prometheus.
    ///
    /// Register it once in a registry. Where a process has several deployments, give each a sub-registry with a label.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            engine: Arc::clone(self.engine()),
            revocations: self.channel().as_ref().map(Arc::downgrade),
        }
    }
}

impl Metrics {
    /// The metrics as OpenMetrics text.
    ///
    /// # Errors
    ///
    /// If the text cannot be written, which no event at run time causes.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut out = String::new();
        text::encode(&mut out, &registry)?;
        Ok(out)
    }

    fn counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counters = self.engine.counters();
        count(
            encoder,
            "mastra_auth_requests",
            "Requests that were checked for a signed-in user, by outcome and source of the answer.",
            counters.requests().map(|(outcome, source, count)| {
                let labels = [("outcome", outcome.as_str()), ("source", source.as_str())];
                (labels, count)
            }),
        )?;
        count(
            encoder,
            "mastra_auth_logins",
            "Sign-ins by outcome.",
            counters
                .logins()
                .map(|(login, count)| ([("outcome", login.as_str())], count)),
        )?;
        count(
            encoder,
            "mastra_auth_sign_outs",
            "Sessions that were signed out here, by the answer of the Cloud.",
            counters
                .session_ends()
                .map(|(end, count)| ([("outcome", end.as_str())], count)),
        )?;
        count(
            encoder,
            "mastra_auth_cloud_calls",
            "Calls to the Cloud by operation and status.",
            counters.calls().map(|row| {
                let labels = [
                    ("operation", row.call.as_str()),
                    ("status", row.result.as_str()),
                ];
                (labels, row.count)
            }),
        )
    }

    fn times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "mastra_auth_cloud_call_duration",
            "Duration of calls to the Cloud.",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for times in self.engine.counters().call_times() {
            let sum = times.sum.as_secs_f64();
            family
                .encode_family(&[("operation", times.call.as_str())])?
                .encode_histogram::<NoLabelSet>(sum, times.count, &buckets(&times), None)?;
        }
        Ok(())
    }

    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>, now: Now) -> fmt::Result {
        let (identities, refusals) = self.engine.cached();
        gauge(
            encoder,
            "mastra_auth_cache_entries",
            "Cached identities and refusals.",
            None,
            [("identities", identities), ("refusals", refusals)]
                .map(|(kind, count)| ([("kind", kind)], count)),
        )?;
        let state = self.engine.breaker_state(now);
        gauge(
            encoder,
            "mastra_auth_breaker_state",
            "State of the circuit breaker: 1 for the current state.",
            None,
            BreakerState::ALL.map(|of| ([("state", of.as_str())], i64::from(of == state))),
        )?;
        gauge(
            encoder,
            "mastra_auth_keys_age",
            "Age of the fetched key set; absent where signatures are not checked with fetched keys.",
            Some(&Unit::Seconds),
            seconds(self.engine.keys_age(now)),
        )?;
        let channel = self.revocations.as_ref().and_then(Weak::upgrade);
        let channel = channel.as_deref().map(Revocations::status);
        gauge(
            encoder,
            "mastra_auth_revocation_connected",
            "Whether the revocation channel is connected: 0 or 1; absent where revocations are not shared.",
            None,
            channel
                .as_ref()
                .map(|status| ([], i64::from(status.is_connected()))),
        )?;
        gauge(
            encoder,
            "mastra_auth_revocation_pending",
            "Revocations that wait to be published; absent where revocations are not shared.",
            None,
            channel.as_ref().map(|status| ([], status.pending)),
        )?;
        gauge(
            encoder,
            "mastra_auth_revocation_lag",
            "Delay of the last revocation received from another instance; absent before the first, and where revocations are not shared.",
            Some(&Unit::Seconds),
            seconds(channel.and_then(|status| status.lag)),
        )
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.counters(&mut encoder)?;
        self.times(&mut encoder)?;
        self.gauges(&mut encoder, system::now())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("project_id", &self.engine.config().project_id)
            .finish_non_exhaustive()
    }
}

type Labels<const N: usize> = [(&'static str, &'static str); N];

fn count<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl Iterator<Item = (Labels<N>, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in rows {
        ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge<const N: usize, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    rows: impl IntoIterator<Item = (Labels<N>, V)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in rows {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// One value without labels, if there is one.
fn seconds(time: Option<Duration>) -> Option<(Labels<0>, f64)> {
    time.map(|time| ([], time.as_secs_f64()))
}

/// Each upper bound with the count between it and the one before, and the count above all of them.
fn buckets(times: &CallTimes) -> Vec<(f64, u64)> {
    let within: u64 = times.up_to.iter().sum();
    TIME_BOUNDS
        .iter()
        .map(Duration::as_secs_f64)
        .zip(times.up_to)
        .chain([(f64::INFINITY, times.count.saturating_sub(within))])
        .collect()
}
