//! What cargo builds, formats and tests for the other steps.

use std::env::{self, consts::EXE_SUFFIX};
use std::num::NonZero;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::process::run;
use crate::workspace::{Mode, Workspace};

/// The programs that other steps run. Which packages and kinds of targets a build names decides with which features it
/// compiles their dependencies: named like this, they are the ones that the tests are compiled with.
const PROGRAMS: &str = "build --workspace --all-features --bin mastra-auth --example codes --example events --example instance";
/// The workspaces beside the main one.
const OTHERS: [&str; 3] = ["benches", "differential", "fuzz"];

/// The folders of the workspace's crates.
pub(crate) fn members(workspace: &Workspace) -> Result<Vec<String>> {
    let crates = workspace.folders("crates")?;
    let mut members: Vec<_> = crates.iter().map(|name| format!("crates/{name}")).collect();
    members.extend(["examples/axum".to_owned(), "xtask".to_owned()]);
    Ok(members)
}

pub(crate) fn fmt(workspace: &Workspace, mode: Mode) -> Result<()> {
    let others = OTHERS.map(|folder| format!("fmt --manifest-path {folder}/Cargo.toml"));
    for arguments in ["fmt --all".to_owned()].into_iter().chain(others) {
        let mut command = workspace.cargo(&arguments);
        if mode == Mode::Check {
            command.arg("--check");
        }
        run(&mut command)?;
    }
    Ok(())
}

pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("clippy --workspace --all-targets --all-features -- -D warnings"))?;
    // Each feature of the client alone, and none.
    for feature in ["", "reqwest", "axum", "redis", "metrics"] {
        let mut command =
            workspace.cargo("clippy --package mastra-auth-cloud --lib --no-default-features");
        run(command.args(["--features", feature, "--", "-D", "warnings"]))?;
    }
    Ok(())
}

pub(crate) fn tests(workspace: &Workspace) -> Result<()> {
    if !workspace.has_cargo("nextest") {
        return run(
            &mut workspace.cargo("test --quiet --workspace --all-features --lib --bins --tests")
        );
    }
    // Most tests wait for time to pass: twice as many at once take half as long.
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
    let mut nextest = workspace
        .cargo("nextest run --workspace --all-features --status-level fail --test-threads");
    run(nextest.arg(cores.saturating_mul(2).to_string()))
}

pub(crate) fn doctest(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("test --quiet --doc --workspace --all-features"))
}

pub(crate) fn doc(workspace: &Workspace) -> Result<()> {
    let mut doc = workspace.cargo("doc --workspace --all-features --no-deps");
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

pub(crate) fn release(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("build --release --package mastra-auth-cli"))
}

/// A development build of the command line.
pub(crate) fn cli(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "debug/mastra-auth")
}

/// A development build of an example: `codes`, `events` or `instance`.
pub(crate) fn example(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    program(workspace, &format!("debug/examples/{name}"))
}

fn program(workspace: &Workspace, place: &str) -> Result<PathBuf> {
    run(workspace.cargo(PROGRAMS).arg("--quiet"))?;
    Ok(workspace.target()?.join(format!("{place}{EXE_SUFFIX}")))
}

/// The command line under test: the one that `MASTRA_AUTH` names, or one that is built now as it ships.
pub(crate) fn shipped(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("MASTRA_AUTH").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "MASTRA_AUTH={} is not a file",
            named.display()
        );
        return Ok(named);
    }
    if workspace.is_unoptimized {
        return cli(workspace);
    }
    release(workspace)?;
    Ok(workspace
        .target()?
        .join(format!("release/mastra-auth{EXE_SUFFIX}")))
}
