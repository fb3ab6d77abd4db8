//! `cargo xtask fuzz --coverage`: which lines of the core the committed inputs reach, for each of its files.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process::{capture, run as run_program};
use crate::workspace::{Workspace, empty};

const BUILD: &str =
    "test --no-run --quiet --package mastra-auth-cloud-core --test fuzz --target-dir";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target()?.join("fuzz/coverage");
    let tools = capture(
        Command::new("rustc")
            .args(["--print", "target-libdir"])
            .current_dir(workspace.root()),
    )?;
    let tools = std::path::Path::new(tools.trim()).with_file_name("bin");
    let tool = |name: &str| Command::new(tools.join(name));
    ensure!(
        tools.join("llvm-cov").is_file(),
        "`rustup component add llvm-tools` installs llvm-cov"
    );
    let cargo = || {
        let mut cargo = workspace.cargo(BUILD);
        cargo.arg(&folder).env("RUSTFLAGS", "-Cinstrument-coverage");
        cargo
    };
    run_program(&mut cargo())?;
    let messages = capture(cargo().arg("--message-format=json"))?;
    let tests = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(message.get("executable")?.as_str()?.to_owned()));
    let tests = tests.context("cargo names no test program")?;
    let profiles = folder.join("profiles");
    empty(&profiles)?;
    let profile = profiles.join("%p-%m.profraw");
    run_program(
        Command::new(&tests)
            .arg("--quiet")
            .current_dir(workspace.path("crates/core"))
            .env("LLVM_PROFILE_FILE", profile),
    )?;
    let merged = folder.join("all.profdata");
    let mut merge = tool("llvm-profdata");
    merge.args(["merge", "-sparse", "-o"]).arg(&merged);
    for file in fs::read_dir(&profiles)? {
        merge.arg(file?.path());
    }
    run_program(&mut merge)?;
    let mut export = tool("llvm-cov");
    export
        .args(["export", "-summary-only", "-instr-profile"])
        .arg(&merged);
    let report: Value = serde_json::from_str(&capture(export.arg(&tests))?)?;
    let files = report
        .pointer("/data/0/files")
        .and_then(Value::as_array)
        .context("llvm-cov names no files")?;
    let mut rows = Vec::new();
    let mut all = (0, 0);
    for file in files {
        let name = file
            .get("filename")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some((_, name)) = name.split_once("crates/core/src/") else {
            continue;
        };
        let lines = |what: &str| number(file, &format!("/summary/lines/{what}"));
        let (count, covered) = (lines("count"), lines("covered"));
        all = (all.0 + count, all.1 + covered);
        rows.push(json!([name, count, covered, percent(count, covered)]));
    }
    let (count, covered) = all;
    rows.push(json!(["**all**", count, covered, percent(count, covered)]));
    let columns = ["file of the core", "lines", "reached", "%"];
    println!(
        "{}",
        json!({ "tables": [{ "columns": columns, "rows": rows }] })
    );
    Ok(())
}

fn number(file: &Value, place: &str) -> u64 {
    file.pointer(place).and_then(Value::as_u64).unwrap_or(0)
}

fn percent(count: u64, covered: u64) -> u64 {
    covered * 100 / count.max(1)
}
