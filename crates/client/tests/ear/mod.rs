//! A subscriber that records the events under our targets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]
#![allow(dead_code, reason = "each test program uses its part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber, span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) type Values = BTreeMap<&'static str, String>;

#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) level: String,
    pub(crate) target: String,
    pub(crate) name: String,
    /// Those that the event may have, also where they are absent.
    pub(crate) fields: BTreeSet<&'static str>,
    pub(crate) values: Values,
    /// The spans around it, the nearest first.
    pub(crate) within: Vec<&'static str>,
}

impl Told {
    fn of(metadata: &Metadata<'static>, values: Values, within: Vec<&'static str>) -> Self {
        Self {
            level: metadata.level().to_string(),
            target: metadata.target().to_owned(),
            name: metadata.name().to_owned(),
            fields: metadata.fields().iter().map(|field| field.name()).collect(),
            values,
            within,
        }
    }

    pub(crate) fn is(&self, event: &str, pairs: &[(&str, &str)]) -> bool {
        self.name == format!("mastra_auth.{event}")
            && pairs
                .iter()
                .all(|(name, value)| self.values.get(name).is_some_and(|told| told == value))
    }

    pub(crate) fn line(&self) -> String {
        let outcome = self.values.get("outcome").map_or("-", String::as_str);
        let besides = ["message", "event", "outcome"];
        let fields: Vec<&str> = self
            .fields
            .iter()
            .copied()
            .filter(|name| !besides.contains(name))
            .collect();
        format!(
            "{} {} {} {outcome}: {}\n",
            self.level,
            self.target,
            self.name,
            fields.join(" ")
        )
    }
}

struct Read<'a>(&'a mut Values);

impl Visit for Read<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

/// Keeps what is told under our targets.
#[derive(Clone, Default)]
pub(crate) struct Ear {
    events: Arc<Mutex<Vec<Told>>>,
    spans: Arc<Mutex<BTreeSet<String>>>,
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("mastra_auth::")
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !is_ours(event.metadata()) {
            return;
        }
        let mut values = Values::new();
        event.record(&mut Read(&mut values));
        let within = context
            .event_scope(event)
            .map(|scope| scope.map(|span| span.name()).collect());
        let told = Told::of(event.metadata(), values, within.unwrap_or_default());
        assert_eq!(format!("mastra_auth.{}", told.values["event"]), told.name);
        self.events.lock().unwrap().push(told);
    }

    fn on_new_span(&self, _: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let metadata = context.span(id).unwrap().metadata();
        if is_ours(metadata) {
            let names: BTreeSet<&str> =
                metadata.fields().iter().map(|field| field.name()).collect();
            let mut line = format!(
                "{} {} {}:",
                metadata.level(),
                metadata.target(),
                metadata.name()
            );
            for name in names {
                line.push(' ');
                line.push_str(name);
            }
            line.push('\n');
            self.spans.lock().unwrap().insert(line);
        }
    }
}

/// One subscriber more than any test has.
static ANOTHER: LazyLock<Dispatch> =
    LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

impl Ear {
    /// Records what this thread tells from now on; a test of `tokio` runs on one. Other tests of the process tell it nothing.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        // With one subscriber alone `tracing` asks the thread that reaches an event first, and switches the event off for all
        // threads where that one has none. With two it asks both.
        LazyLock::force(&ANOTHER);
        let ear = Self::default();
        let listens = tracing_subscriber::registry().with(ear.clone());
        (ear, listens.set_default())
    }

    /// Every kind of span so far.
    pub(crate) fn spans(&self) -> String {
        self.spans
            .lock()
            .unwrap()
            .iter()
            .map(String::as_str)
            .collect()
    }

    /// What was told since the last time.
    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}
