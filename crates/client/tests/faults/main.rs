//! Faults at every byte: each operation and job of the client, the provider and programs, while an answer of the Cloud breaks at one
//! byte, or a request to it.
//!
//! `vectors/faults.json` says where and how. Each run ends by itself or with the time-out of its call, whose clock is moved on
//! once the answer halts. It ends as without a fault or as unavailable, and never as a sign-out. Afterwards the same session is
//! good, another person is that person, and no log holds a secret.
#![cfg(all(feature = "axum", feature = "metrics", feature = "program"))]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

#[path = "../common/mod.rs"]
mod common;
mod lane;
mod logs;
mod operations;
mod programs;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mastra_auth_local_cloud::{Place, WireFault};
use serde::Deserialize;

use crate::common::DIALECTS;
use crate::lane::Lane;
use crate::logs::TAKEN;
use crate::operations::Operation;

/// Operations that run at once. Most of their time is spent in waiting for a socket.
const LANES: usize = 4;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// A place, and what happens there.
#[derive(Deserialize)]
struct Case {
    name: String,
    at: Place,
    faults: Vec<WireFault>,
}

/// What came of the runs of an operation under a kind of fault: how many ended in each way.
type Table = BTreeMap<(String, String), BTreeMap<&'static str, usize>>;

#[test]
fn threat_030_no_byte_at_which_an_answer_breaks_signs_anyone_out() {
    // Each third one: every operation at every place.
    let (table, runs) = all(|number| number % 3 == 0);
    assert!(runs >= 1_500, "{runs}");
    check(&table);
}

/// `cargo xtask soak bytes`: all of them, over and over, until a gigabyte of logs was searched for secrets.
#[test]
#[ignore = "takes minutes"]
fn soak_bytes() {
    let (mut sum, mut all_runs) = (Table::new(), 0);
    while TAKEN.load(Ordering::Relaxed) < 1_000_000_000 {
        let (table, runs) = all(|_| true);
        check(&table);
        add(&mut sum, table);
        all_runs += runs;
    }
    print(&sum, all_runs);
}

fn check(table: &Table) {
    let breaches: Vec<_> = table
        .iter()
        .filter(|(_, ends)| ends.contains_key("breach"))
        .collect();
    assert!(breaches.is_empty(), "{breaches:?}");
}

fn add(sum: &mut Table, table: Table) {
    for (key, ends) in table {
        for (end, count) in ends {
            *sum.entry(key.clone()).or_default().entry(end).or_default() += count;
        }
    }
}

/// Runs the table, as far as it is wanted.
fn all(is_wanted: impl Fn(usize) -> bool) -> (Table, usize) {
    let file: File = serde_json::from_str(include_str!("../../../../vectors/faults.json")).unwrap();
    let mut runs = Vec::new();
    for dialect in DIALECTS {
        for operation in Operation::of(dialect) {
            for case in &file.cases {
                let each = case.faults.iter();
                runs.extend(each.map(|fault| (dialect, operation, &*case.name, case.at, *fault)));
            }
        }
    }
    let runs: Vec<_> = (0..runs.len())
        .filter(|number| is_wanted(*number))
        .map(|number| runs[number])
        .collect();
    let (next, table) = (AtomicUsize::new(0), Mutex::new(Table::new()));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                logs::keep();
                let mut lanes = BTreeMap::new();
                let mut done = Table::new();
                while let Some((dialect, operation, name, at, fault)) =
                    runs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let lane = lanes
                        .entry(format!("{dialect:?}"))
                        .or_insert_with(|| Lane::new(*dialect));
                    let what = format!("{dialect:?} {:?} {name} {fault:?}", operation.0);
                    let run = || lane.run(&what, *operation, *at, *fault);
                    // Each breach is shown, not the first alone.
                    let end = catch_unwind(AssertUnwindSafe(run)).unwrap_or("breach");
                    let key = (
                        format!("{dialect:?} {:?}", operation.0),
                        kind(*fault).to_owned(),
                    );
                    *done.entry(key).or_default().entry(end).or_default() += 1;
                }
                add(&mut table.lock().unwrap(), done);
            });
        }
    });
    (table.into_inner().unwrap(), runs.len())
}

fn kind(fault: WireFault) -> &'static str {
    match fault {
        WireFault::Hold => "hold",
        WireFault::Cut => "cut",
        WireFault::Reset => "reset",
        WireFault::Duplicate => "duplicate",
        WireFault::Corrupt(_) => "corrupt",
        WireFault::Repeat => "repeat",
        _ => panic!("a new fault"),
    }
}

/// As `cargo xtask soak --record` keeps it.
fn print(table: &Table, runs: usize) {
    let ends = ["good", "unavailable", "gone"];
    let row = |((operation, fault), counts): (&(String, String), &BTreeMap<&str, usize>)| {
        let counts = ends.map(|end| counts.get(end).copied().unwrap_or_default().to_string());
        [vec![operation.clone(), fault.clone()], counts.to_vec()].concat()
    };
    let rows: Vec<_> = table.iter().map(row).collect();
    let columns = [vec!["operation", "fault"], ends.to_vec()].concat();
    let log = TAKEN.load(Ordering::Relaxed) / 1_000_000;
    let title = format!(
        "{runs} answers and requests broke at a byte, and {log} MB of trace logs were searched for secrets. A hang, a panic, a sign-out \
         by a fault or a secret in a log fails the run. How the operations ended:"
    );
    let one = serde_json::json!({ "title": title, "columns": columns, "rows": rows });
    println!("{}", serde_json::json!({ "tables": [one] }));
}
