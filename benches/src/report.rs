//! The form of the results: one line of JSON, which xtask renders for people and for `docs/figures.md`.
//!
//! Times are microseconds per operation; a ratio is how many times as long a row takes as the table's own. The Node bench
//! prints the same members (`npm/auth-cloud/bench/report.mjs`).

use serde::Serialize;
use serde_json::{Value, json};

use crate::rounds::{Rounds, median};

/// Contenders that were measured together, and goals for them.
#[derive(Serialize)]
pub struct Table {
    title: String,
    /// The heads of columns, where rows are not contenders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<&'static str>,
    rows: Vec<Value>,
    goals: Vec<Value>,
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
    /// A table of contenders whose ratios are to `own`.
    pub fn new(title: impl Into<String>, own: &str, rounds: &Rounds) -> Self {
        let row = |(name, micros): &(&str, Vec<f64>)| {
            let least = micros.iter().copied().fold(f64::INFINITY, f64::min);
            let (median, ratio) = (median(micros.iter().copied()), rounds.ratio(name, own));
            json!({ "name": name, "median_us": median, "least_us": least, "ratio": ratio })
        };
        Self::of(title, vec![], rounds.0.iter().map(row).collect())
    }

    /// A table of other columns; each row is a list of as many cells.
    pub fn of(title: impl Into<String>, columns: Vec<&'static str>, rows: Vec<Value>) -> Self {
        let title = title.into();
        let goals = vec![];
        Self {
            title,
            columns,
            rows,
            goals,
        }
    }

    /// Adds a goal, and what was found.
    #[must_use]
    pub fn goal(mut self, text: impl Into<String>, bound: Bound, found: f64) -> Self {
        let (side, bound, is_reached) = match bound {
            Bound::AtLeast(bound) => ("at_least", bound, found >= bound),
            Bound::AtMost(bound) => ("at_most", bound, found <= bound),
        };
        let text = text.into();
        self.goals
            .push(json!({ "goal": text, side: bound, "found": found, "reached": is_reached }));
        self
    }
}

/// Prints what one run found out.
pub fn print(bench: &str, tables: &[Table]) {
    println!("{}", json!({ "bench": bench, "tables": tables }));
}
