//! The one form in which figures are told: a table for people, or the same as JSON (`--json`).
//!
//! Times are microseconds per operation; the ratio is how many times as long a row takes as the table's own. The Node bench
//! prints the same columns and members (`npm/auth-cloud/bench/report.mjs`).

use std::fs;
use std::thread;

use serde_json::{Value, json};

use crate::rounds::Rounds;

/// Everything that one run found out.
pub struct Report {
    bench: &'static str,
    load: String,
    tables: Vec<Table>,
}

/// Contenders that were measured together, and what was hoped for.
pub struct Table {
    title: String,
    own: &'static str,
    rounds: Rounds,
    goals: Vec<Goal>,
}

/// A figure and its bound.
struct Goal {
    text: String,
    bound: Bound,
    found: f64,
}

/// Which side of a figure is the good one.
#[derive(Clone, Copy)]
pub enum Bound {
    /// No less than this.
    AtLeast(f64),
    /// No more than this.
    AtMost(f64),
}

impl Table {
    /// A table whose ratios are to `own`.
    pub fn new(title: impl Into<String>, own: &'static str, rounds: Rounds) -> Self {
        Self {
            title: title.into(),
            own,
            rounds,
            goals: Vec::new(),
        }
    }

    /// The same with one goal more, which is about these rounds.
    #[must_use]
    pub fn goal(
        mut self,
        text: impl Into<String>,
        bound: Bound,
        found: impl FnOnce(&Rounds) -> f64,
    ) -> Self {
        let found = found(&self.rounds);
        self.goals.push(Goal {
            text: text.into(),
            bound,
            found,
        });
        self
    }

    fn text(&self) -> String {
        let mut lines = vec![
            self.title.clone(),
            format!(
                "  {:<34} {:>10} {:>10} {:>12} {:>8}",
                "", "median us", "least us", "per second", "ratio"
            ),
        ];
        for name in self.rounds.names() {
            let median = self.rounds.median(name);
            lines.push(format!(
                "  {name:<34} {median:>10.3} {:>10.3} {:>12.0} {:>7.2}x",
                self.rounds.least(name),
                1e6 / median,
                self.rounds.ratio(name, self.own),
            ));
        }
        lines.extend(self.goals.iter().map(Goal::text));
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let rows = self.rounds.names().map(|name| {
            let median = self.rounds.median(name);
            json!({
                "name": name,
                "median_us": median,
                "least_us": self.rounds.least(name),
                "per_second": 1e6 / median,
                "ratio": self.rounds.ratio(name, self.own),
            })
        });
        json!({
            "title": self.title,
            "own": self.own,
            "rows": rows.collect::<Vec<_>>(),
            "goals": self.goals.iter().map(Goal::json).collect::<Vec<_>>(),
        })
    }
}

impl Goal {
    fn is_reached(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.found >= bound,
            Bound::AtMost(bound) => self.found <= bound,
        }
    }

    fn text(&self) -> String {
        let word = if self.is_reached() {
            "reached"
        } else {
            "missed "
        };
        let (side, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        };
        format!(
            "  {word}  {}: {side} {bound}, is {:.3}",
            self.text, self.found
        )
    }

    fn json(&self) -> Value {
        let (side, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at_least", bound),
            Bound::AtMost(bound) => ("at_most", bound),
        };
        json!({ "goal": self.text, side: bound, "found": self.found, "reached": self.is_reached() })
    }
}

impl Report {
    /// Begins one: how busy the machine was is looked at now.
    pub fn begin(bench: &'static str) -> Self {
        Self {
            bench,
            load: load(),
            tables: Vec::new(),
        }
    }

    /// Adds a table.
    pub fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// The table for people, or JSON where the command line says `--json`.
    pub fn text(&self) -> String {
        let (cores, cpu) = machine();
        if std::env::args().any(|argument| argument == "--json") {
            let tables: Vec<_> = self.tables.iter().map(Table::json).collect();
            let machine = json!({ "cpu": cpu, "cores": cores, "load_before": self.load });
            return json!({ "bench": self.bench, "machine": machine, "tables": tables })
                .to_string();
        }
        let head = format!("{cpu}, {cores} cores, load before {}", self.load);
        let tables = self.tables.iter().map(Table::text);
        let all: Vec<_> = std::iter::once(head).chain(tables).collect();
        all.join("\n\n")
    }
}

/// How many cores and which, where the system tells.
fn machine() -> (usize, String) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
    (
        cores,
        model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
    )
}

/// How many tasks ran or waited on average in the last minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
