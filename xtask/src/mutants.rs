//! `cargo xtask soak mutants`: cargo-mutants changes the core one place at a time, and the tests must notice.
//!
//! `xtask/mutants.toml` lists the files in the order of their turns, and the mutants that change nothing, each with its reason.
//! After `--hours` no file begins: the record says how many of the core's mutants had a turn.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::process::capture;
use crate::workspace::{Workspace, empty, read};

const LIST: &str = "xtask/mutants.toml";
const ALL: &str = "mutants --no-config --package mastra-auth-cloud-core";
/// A test that takes longer than that many seconds hangs, on a busy machine too.
const LIMITS: [&str; 4] = ["--timeout", "600", "--build-timeout", "1200"];
/// How cargo-mutants ends where it tested every mutant: all were caught, some were not, some did not end.
const ENDS: [i32; 3] = [0, 2, 3];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    turns: Vec<Turn>,
    /// A mutant without its line and column, and why no test can tell it from the code.
    equivalent: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    /// Within `crates/core/src`.
    file: String,
    /// What has to notice, as words for `cargo test`: without programs that test something else, an answer comes sooner.
    tests: String,
}

/// What came of mutants.
#[derive(Default)]
struct Counts {
    caught: usize,
    timeout: usize,
    unviable: usize,
    missed: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let List { turns, equivalent } = toml::from_str(&workspace.read(LIST)?).context(LIST)?;
    ensure!(
        workspace.has_cargo("mutants"),
        "cargo-mutants is missing: `cargo install --locked cargo-mutants` installs it"
    );
    let all = capture(workspace.cargo(ALL).args(["--list", "--json"]))?;
    let all: Vec<Value> = serde_json::from_str(&all)?;
    let end = Instant::now() + workspace.time(1.0)?;
    let (mut rows, mut sum) = (Vec::new(), Counts::default());
    for turn in turns {
        if Instant::now() >= end {
            eprintln!("{}: no time is left", turn.file);
            continue;
        }
        let own = turn.search(workspace, rows.is_empty())?;
        let counts = [own.caught, own.missed.len(), own.timeout, own.unviable];
        eprintln!("{}: {counts:?}", turn.file);
        let [caught, missed, timeout, unviable] = counts;
        rows.push(json!([turn.file, caught, missed, timeout, unviable]));
        sum.add(own);
    }
    println!("{}", record(&sum, &rows, all.len(), &equivalent));
    let open = sum
        .missed
        .iter()
        .filter(|name| !equivalent.contains_key(&without_place(name)));
    let open: Vec<_> = open.map(String::as_str).collect();
    ensure!(
        open.is_empty(),
        "a test is missing, or a reason in {LIST}:\n{}",
        open.join("\n")
    );
    Ok(())
}

impl Turn {
    /// Builds and tests every mutant of the file. The first turn tests the code as it is too.
    fn search(&self, workspace: &Workspace, is_first: bool) -> Result<Counts> {
        let folder = workspace.target()?.join("mutants");
        empty(&folder)?;
        let mut mutants = workspace.cargo(ALL);
        mutants
            .arg(format!("--file=crates/core/src/{}", self.file))
            .args(["--all-features", "--colors=never", "--output"])
            .arg(&folder)
            .args(LIMITS)
            .arg(if is_first {
                "--baseline=run"
            } else {
                "--baseline=skip"
            })
            .arg("--")
            .args(self.tests.split_whitespace())
            // Each mutant is a copy of the code: what it depends on is compiled once.
            .env(
                "CARGO_TARGET_DIR",
                workspace.target()?.join("mutants-build"),
            )
            .env("CARGO_INCREMENTAL", "1");
        finish(&mut mutants)?;
        Counts::read(&folder.join("mutants.out/outcomes.json"))
    }
}

/// Runs cargo-mutants. What it prints is shown where it fails.
fn finish(mutants: &mut Command) -> Result<()> {
    let output = mutants.output().context("cargo does not start")?;
    ensure!(
        output
            .status
            .code()
            .is_some_and(|code| ENDS.contains(&code)),
        "cargo-mutants failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

impl Counts {
    fn read(outcomes: &Path) -> Result<Self> {
        Self::of(&serde_json::from_str(&read(outcomes)?)?)
    }

    fn of(outcomes: &Value) -> Result<Self> {
        let mut counts = Self::default();
        let all = outcomes["outcomes"].as_array();
        for outcome in all.context("there are no outcomes")? {
            let name = outcome.pointer("/scenario/Mutant/name");
            let Some(name) = name.and_then(Value::as_str) else {
                continue;
            };
            match outcome["summary"].as_str() {
                Some("CaughtMutant") => counts.caught += 1,
                Some("MissedMutant") => counts.missed.push(name.to_owned()),
                Some("Timeout") => counts.timeout += 1,
                Some("Unviable") => counts.unviable += 1,
                other => bail!("{name}: {other:?} is no outcome of a mutant"),
            }
        }
        Ok(counts)
    }

    fn add(&mut self, own: Self) {
        self.caught += own.caught;
        self.timeout += own.timeout;
        self.unviable += own.unviable;
        self.missed.extend(own.missed);
    }
}

/// The line that `--record` keeps.
fn record(
    sum: &Counts,
    rows: &[Value],
    all: usize,
    equivalent: &BTreeMap<String, String>,
) -> Value {
    let noticed = sum.caught + sum.timeout;
    let viable = noticed + sum.missed.len();
    let score = (noticed * 100).checked_div(viable).unwrap_or_default();
    let title = format!(
        "{} of the core's {all} mutants were built. {viable} of them compile, and the tests notice {noticed}: {score} %.",
        viable + sum.unviable,
    );
    let columns = ["file", "caught", "missed", "timeout", "does not compile"];
    let mut tables = vec![json!({ "title": title, "columns": columns, "rows": rows })];
    if !sum.missed.is_empty() {
        let missed = sum.missed.iter().map(|name| {
            let why = equivalent.get(&without_place(name));
            // A bar would end the cell.
            let shown = name.replace('|', "\\|");
            json!([
                format!("`{shown}`"),
                why.map_or("a test is missing", String::as_str)
            ])
        });
        let missed: Vec<_> = missed.collect();
        tables.push(json!({ "title": "Missed:", "columns": ["mutant", "why"], "rows": missed }));
    }
    json!({ "tables": tables })
}

/// `FILE:LINE:COLUMN: WHAT` as `FILE: WHAT`, which stays the same when lines are added above.
fn without_place(name: &str) -> String {
    let (place, what) = name.split_once(": ").unwrap_or((name, ""));
    let file = place.split(':').next().unwrap_or_default();
    format!("{file}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_and_explained() {
        let outcome = |name: &str, summary: &str| json!({ "scenario": { "Mutant": { "name": name } }, "summary": summary });
        let outcomes = json!({ "outcomes": [
            { "scenario": "Baseline", "summary": "Success" },
            outcome("a.rs:1:2: replace f -> bool with true", "CaughtMutant"),
            outcome("a.rs:1:2: replace f -> bool with false", "MissedMutant"),
            outcome("a.rs:3:4: replace || with && in f", "MissedMutant"),
            outcome("a.rs:3:4: replace g with ()", "Timeout"),
            outcome("a.rs:3:4: replace h -> T with Default::default()", "Unviable"),
        ]});
        let counts = Counts::of(&outcomes).unwrap();
        let name = "a.rs: replace || with && in f".to_owned();
        let record = record(
            &counts,
            &[],
            9,
            &BTreeMap::from([(name, "both are one".to_owned())]),
        );
        let title = record["tables"][0]["title"].as_str().unwrap();
        assert_eq!(
            title,
            "5 of the core's 9 mutants were built. 4 of them compile, and the tests notice 2: 50 %."
        );
        assert_eq!(
            record["tables"][1]["rows"],
            json!([
                [
                    "`a.rs:1:2: replace f -> bool with false`",
                    "a test is missing"
                ],
                ["`a.rs:3:4: replace \\|\\| with && in f`", "both are one"]
            ])
        );
        let strange = json!({ "outcomes": [outcome("a", "Success")] });
        assert!(Counts::of(&strange).is_err());
    }

    #[test]
    fn the_list_names_files() {
        let workspace = Workspace::find().unwrap();
        let List { turns, equivalent } = toml::from_str(&workspace.read(LIST).unwrap()).unwrap();
        let folder = workspace.path("crates/core/src");
        for Turn { file, .. } in turns {
            assert!(folder.join(&file).is_file(), "{file}");
        }
        for name in equivalent.keys() {
            let (file, _) = name.split_once(": ").unwrap();
            assert!(workspace.path(file).is_file(), "{name}");
        }
    }
}
