//! `cargo xtask fuzz --coverage`: which lines of the core the committed inputs reach, for each of its modules.

use std::collections::BTreeMap;
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
        // What runs during the build is instrumented too.
        cargo.env("LLVM_PROFILE_FILE", folder.join("build-%m.profraw"));
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
    let mut modules = BTreeMap::<&str, (u64, u64)>::new();
    for file in files {
        let name = file.get("filename").and_then(Value::as_str);
        let name = name.and_then(|name| name.split_once("crates/core/src/"));
        let Some((_, name)) = name else {
            continue;
        };
        let module = name.split(['/', '.']).next().unwrap_or_default();
        for module in [module, "**all**"] {
            let (count, covered) = modules.entry(module).or_default();
            *count += number(file, "/summary/lines/count");
            *covered += number(file, "/summary/lines/covered");
        }
    }
    let rows: Vec<_> = modules
        .into_iter()
        .map(|(module, (count, covered))| json!([module, count, covered, percent(count, covered)]))
        .collect();
    let columns = ["module of the core", "lines", "reached", "%"];
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
