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
mod tls;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mastra_auth_cloud::Dialect;
use mastra_auth_local_cloud::{Place, WireFault};
use serde::Deserialize;

use crate::common::DIALECTS;
use crate::lane::{Broken, Lane};
use crate::logs::TAKEN;
use crate::operations::Operation;
use crate::tls::{Authority, Certificate};

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
fn threat_073_no_byte_at_which_an_answer_breaks_signs_anyone_out() {
    // Each third one: every operation at every place.
    let (table, runs) = run(None, &every(3));
    assert!(runs >= 1_500, "{runs}");
    check(&table);
}

/// Over TLS the same comes of them, and of a certificate that is wrong.
#[test]
fn threat_073_no_certificate_that_is_wrong_signs_anyone_out() {
    let name = "threat_073_no_certificate_that_is_wrong_signs_anyone_out";
    trusting(name, |authority| {
        let (table, runs) = run(Some(authority), &[certificates(), every(20)].concat());
        assert!(runs >= 400, "{runs}");
        check(&table);
    });
}

/// `cargo xtask soak bytes`: all of them, over and over, until a gigabyte of logs was searched for secrets.
#[test]
#[ignore = "takes minutes"]
fn soak_bytes() {
    trusting("soak_bytes", |authority| {
        let (mut sum, mut all_runs) = (Table::new(), 0);
        while TAKEN.load(Ordering::Relaxed) < 1_000_000_000 {
            let over_tls = [certificates(), every(1)].concat();
            for (tls, runs) in [(None, every(1)), (Some(authority), over_tls)] {
                let (table, runs) = run(tls, &runs);
                check(&table);
                add(&mut sum, table);
                all_runs += runs;
            }
        }
        print(&sum, all_runs);
    });
}

/// Does the work of this test in a process that trusts an authority: which ones are trusted is said to a whole process.
fn trusting(test: &str, work: impl FnOnce(&Arc<Authority>)) {
    const KEY: &str = "MASTRA_TEST_AUTHORITY";
    if let Some(key) = std::env::var_os(KEY) {
        return work(&Arc::new(Authority::read(key.as_ref())));
    }
    let folder = std::env::temp_dir().join(format!("{test}-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    Authority::create(&certificate, &key);
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--include-ignored", "--nocapture", "--exact", test]);
    process.env("SSL_CERT_FILE", &certificate).env(KEY, &key);
    let ended = process.output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    println!("{said}");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    assert!(said.contains("1 passed"), "{said}");
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

/// An operation, and what breaks under it.
#[derive(Clone)]
struct Run {
    dialect: Dialect,
    operation: Operation,
    broken: Broken,
    what: String,
    kind: &'static str,
}

/// Each operation under each fault of the vectors: of these, each one of so many.
fn every(stride: usize) -> Vec<Run> {
    let file: File = serde_json::from_str(include_str!("../../../../vectors/faults.json")).unwrap();
    let mut runs = Vec::new();
    for dialect in DIALECTS {
        for (operation, endpoint) in Operation::of(dialect) {
            for case in &file.cases {
                let broken = |fault: &WireFault| {
                    let wire = Broken::Wire(endpoint, case.at, *fault);
                    // What halts for ever may go on as well.
                    let delay =
                        (*fault == WireFault::Hold).then_some(Broken::Delay(endpoint, case.at));
                    [Some(wire), delay].into_iter().flatten()
                };
                runs.extend(case.faults.iter().flat_map(broken).map(|broken| Run {
                    dialect,
                    operation,
                    broken,
                    what: format!("{dialect:?} {operation:?} {} {broken:?}", case.name),
                    kind: kind(broken),
                }));
            }
        }
    }
    runs.into_iter().step_by(stride).collect()
}

/// Each operation at a Cloud with each certificate that is wrong.
fn certificates() -> Vec<Run> {
    use Certificate::{Expired, SelfSigned, WrongHost};
    let mut runs = Vec::new();
    for dialect in DIALECTS {
        for (operation, _) in Operation::of(dialect) {
            runs.extend([SelfSigned, WrongHost, Expired].map(|certificate| Run {
                dialect,
                operation,
                broken: Broken::Certificate(certificate),
                what: format!("{dialect:?} {operation:?} {certificate:?}"),
                kind: kind(Broken::Certificate(certificate)),
            }));
        }
    }
    runs
}

/// Runs them, over TLS where there is an authority.
fn run(tls: Option<&Arc<Authority>>, runs: &[Run]) -> (Table, usize) {
    let (next, table) = (AtomicUsize::new(0), Mutex::new(Table::new()));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                logs::keep();
                let mut lanes = BTreeMap::new();
                let mut done = Table::new();
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let lane = lanes
                        .entry(format!("{:?}", run.dialect))
                        .or_insert_with(|| Lane::new(run.dialect, tls));
                    let work = || lane.run(&run.what, run.operation, run.broken);
                    // Each breach is shown, not the first alone.
                    let end = catch_unwind(AssertUnwindSafe(work)).unwrap_or("breach");
                    let key = (
                        format!("{:?} {:?}", run.dialect, run.operation),
                        run.kind.to_owned(),
                    );
                    *done.entry(key).or_default().entry(end).or_default() += 1;
                }
                add(&mut table.lock().unwrap(), done);
            });
        }
    });
    (table.into_inner().unwrap(), runs.len())
}

fn kind(broken: Broken) -> &'static str {
    match broken {
        Broken::Wire(_, Place::Request(_), WireFault::Hold) => "request: hold",
        Broken::Wire(_, Place::Request(_), WireFault::Cut) => "request: cut",
        Broken::Wire(_, Place::Request(_), WireFault::Reset) => "request: reset",
        Broken::Delay(_, Place::Request(_)) => "request: delay",
        Broken::Wire(_, _, WireFault::Hold) => "hold",
        Broken::Wire(_, _, WireFault::Cut) => "cut",
        Broken::Wire(_, _, WireFault::Reset) => "reset",
        Broken::Wire(_, _, WireFault::Duplicate) => "duplicate",
        Broken::Wire(_, _, WireFault::Corrupt(_)) => "corrupt",
        Broken::Wire(_, _, WireFault::Repeat) => "repeat",
        Broken::Delay(..) => "delay",
        Broken::Certificate(Certificate::SelfSigned) => "certificate: self-signed",
        Broken::Certificate(Certificate::WrongHost) => "certificate: of another host",
        Broken::Certificate(Certificate::Expired) => "certificate: expired",
        _ => panic!("a new fault"),
    }
}

/// As `cargo xtask soak --record` keeps it.
fn print(table: &Table, runs: usize) {
    let log = TAKEN.load(Ordering::Relaxed) / 1_000_000;
    let title = format!(
        "In {runs} runs an answer or a request broke at a byte, half of them over TLS, or a certificate was wrong. {log} MB of trace logs \
         were searched for secrets. A hang, a panic, a sign-out by a fault or a secret in a log fails the run. How they ended:"
    );
    let of_fault = sums(table, |(_, fault)| fault);
    let of_operation = sums(table, |(operation, _)| operation);
    let columns = |of| [of, "good", "unavailable", "gone"];
    let tables = serde_json::json!([
        { "title": title, "columns": columns("fault"), "rows": of_fault },
        { "columns": columns("operation"), "rows": of_operation },
    ]);
    println!("{}", serde_json::json!({ "tables": tables }));
}

/// A row for each of these, with how many runs ended in each way.
fn sums(table: &Table, of: fn(&(String, String)) -> &String) -> Vec<[String; 4]> {
    let mut sums = BTreeMap::<_, BTreeMap<_, _>>::new();
    for (key, ends) in table {
        for (end, count) in ends {
            *sums.entry(of(key)).or_default().entry(*end).or_insert(0) += count;
        }
    }
    let row = |(name, ends): (&String, BTreeMap<&str, usize>)| {
        let count = |end| ends.get(end).copied().unwrap_or_default().to_string();
        [
            name.clone(),
            count("good"),
            count("unavailable"),
            count("gone"),
        ]
    };
    sums.into_iter().map(row).collect()
}
