//! `cargo xtask soak miri`: tests in Miri, which interprets them and stops at undefined behaviour. The tests of
//! the addon's unsafe lines run, with a stand-in for Node, in `xtask/miri`, and the core's unit tests. After `--hours` no module begins.
//!
//! Miri is a component of nightly compilers, and runs no C: there the core's cryptography is RustCrypto's, as in WebAssembly.
//! `xtask/miri.toml` lists what stays out, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::process::capture;
use crate::workspace::Workspace;

const LIST: &str = "xtask/miri.toml";
/// What is called in the record, and which tests those are.
const SUITES: [(&str, &str); 2] = [
    (
        "addon",
        "--manifest-path xtask/miri/Cargo.toml --locked --lib",
    ),
    (
        "core",
        "--package mastra-auth-cloud-core --all-features --lib",
    ),
];
/// Tests read files of the repository. A random test draws few inputs: each costs a thousand times what it costs elsewhere.
const SETTINGS: [(&str, &str); 2] = [
    ("MIRIFLAGS", "-Zmiri-disable-isolation"),
    ("PROPTEST_CASES", "2"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct List {
    /// The start of the paths of the core's tests, and why Miri does not run them.
    left_out: BTreeMap<String, String>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let List { left_out } = toml::from_str(&workspace.read(LIST)?).context(LIST)?;
    let end = Instant::now() + workspace.time(1.0)?;
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (suite, tests) in SUITES {
        let names = capture(miri(workspace, tests)?.arg("--list")).context(
            "Miri does not start: `rustup component add --toolchain nightly miri rust-src` installs it",
        )?;
        let names = names.lines().filter_map(|line| line.strip_suffix(": test"));
        let mut modules = BTreeMap::<_, Vec<_>>::new();
        for name in names {
            let module = name.split_once("::").map_or("", |(module, _)| module);
            modules.entry(module).or_default().push(name);
        }
        for (module, names) in modules {
            if Instant::now() >= end {
                let why = "no time was left";
                rows.push(json!([suite, module, 0, 0, names.len(), why]));
                continue;
            }
            let (out, run): (Vec<_>, Vec<_>) = names
                .into_iter()
                .partition(|name| reason(&left_out, name).is_some());
            let passed = passed(miri(workspace, tests)?.arg("--exact"), &run)?;
            eprintln!("{suite} {module}: {passed} of {} passed", run.len());
            if passed != run.len() {
                failed.push(format!("{suite} {module}"));
            }
            let why: BTreeSet<_> = out
                .iter()
                .filter_map(|name| reason(&left_out, name))
                .collect();
            let why = why.into_iter().collect::<Vec<_>>().join("; ");
            rows.push(json!([
                suite,
                module,
                run.len(),
                run.len() - passed,
                out.len(),
                why
            ]));
        }
    }
    let title = "Tests in Miri. What failed or did not end is not passed:";
    let columns = ["", "module", "run", "not passed", "left out", "why"];
    println!(
        "{}",
        json!({ "tables": [{ "title": title, "columns": columns, "rows": rows }] })
    );
    ensure!(failed.is_empty(), "not passed: {}", failed.join(", "));
    Ok(())
}

/// Runs tests, and returns how many passed. Undefined behaviour ends the process: what comes after it does not run.
fn passed(miri: &mut Command, names: &[&str]) -> Result<usize> {
    if names.is_empty() {
        return Ok(0);
    }
    let output = miri.args(names).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = said
        .lines()
        .filter(|line| line.starts_with("test ") && line.ends_with(" ... ok"));
    let passed = passed.count();
    if !output.status.success() {
        eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(passed < names.len(), "Miri found fault after the last test");
    }
    Ok(passed)
}

/// Tests in Miri, to be told which.
fn miri(workspace: &Workspace, tests: &str) -> Result<Command> {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo", "miri", "test"])
        .args(tests.split_whitespace())
        .arg("--target-dir")
        .arg(workspace.target()?.join("miri"))
        .arg("--")
        .current_dir(workspace.root())
        .envs(SETTINGS);
    // Of the pinned toolchain, which started this.
    for own in ["CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(own);
    }
    Ok(command)
}

/// Why a test stays out.
fn reason<'l>(left_out: &'l BTreeMap<String, String>, name: &str) -> Option<&'l str> {
    let mut all = left_out.iter();
    let (_, why) = all.find(|(start, _)| name.starts_with(start.as_str()))?;
    Some(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_out_has_a_reason() {
        let workspace = Workspace::find().unwrap();
        let List { left_out } = toml::from_str(&workspace.read(LIST).unwrap()).unwrap();
        let sources = workspace.path("crates/core/src");
        for (start, why) in &left_out {
            assert!(why.contains(' '), "{start}: {why}");
            let module = start.split("::").next().unwrap();
            let file = sources.join(module).with_extension("rs");
            assert!(file.is_file(), "{start}");
            assert_eq!(reason(&left_out, &format!("{start}::a_test")), Some(&**why));
        }
        assert_eq!(reason(&left_out, "no::module::of_ours"), None);
    }
}
