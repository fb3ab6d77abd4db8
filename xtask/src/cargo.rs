//! Steps that are one call of cargo, and cargo's build folder.

use std::env;
use std::num::NonZero;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::process::{capture, cargo, has_cargo, run};
use crate::steps::Mode;
use crate::workspace::Workspace;
use crate::{benches, differential};

pub(crate) fn fmt(workspace: &Workspace, mode: Mode) -> Result<()> {
    // The others are workspaces of their own.
    for files in [
        ["--all"].as_slice(),
        &["--manifest-path", benches::MANIFEST],
        &["--manifest-path", differential::MANIFEST],
        &["--manifest-path", "fuzz/Cargo.toml"],
    ] {
        let mut command = cargo(workspace, &["fmt"]);
        command.args(files);
        if mode == Mode::Check {
            command.arg("--check");
        }
        run(&mut command)?;
    }
    Ok(())
}

pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    run(&mut cargo(
        workspace,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    ))
}

pub(crate) fn tests(workspace: &Workspace) -> Result<()> {
    if has_cargo(workspace, "nextest") {
        // Most tests wait for time to pass: twice as many at once take half as long.
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        let at_once = cores.saturating_mul(2).to_string();
        return run(&mut cargo(
            workspace,
            &[
                "nextest",
                "run",
                "--workspace",
                "--all-features",
                "--status-level",
                "fail",
                "--test-threads",
                &at_once,
            ],
        ));
    }
    run(&mut cargo(
        workspace,
        &[
            "test",
            "--quiet",
            "--workspace",
            "--all-features",
            "--lib",
            "--bins",
            "--tests",
        ],
    ))
}

pub(crate) fn doctest(workspace: &Workspace) -> Result<()> {
    run(&mut cargo(
        workspace,
        &["test", "--quiet", "--doc", "--workspace", "--all-features"],
    ))
}

pub(crate) fn doc(workspace: &Workspace) -> Result<()> {
    run(cargo(
        workspace,
        &["doc", "--workspace", "--all-features", "--no-deps"],
    )
    .env("RUSTDOCFLAGS", "-D warnings"))
}

/// The command line in the development profile: builds it and returns its path.
pub(crate) fn cli(workspace: &Workspace) -> Result<PathBuf> {
    run(&mut cargo(
        workspace,
        &["build", "--package", "mastra-auth-cli"],
    ))?;
    let name = format!("mastra-auth{}", env::consts::EXE_SUFFIX);
    Ok(target_directory(workspace)?.join("debug").join(name))
}

pub(crate) fn release(workspace: &Workspace) -> Result<()> {
    run(&mut cargo(
        workspace,
        &["build", "--release", "--package", "mastra-auth-cli"],
    ))
}

/// The command line under test: the one that `MASTRA_AUTH` names, or a release built now.
pub(crate) fn shipped(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("MASTRA_AUTH").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "MASTRA_AUTH={} is not a file",
            named.display()
        );
        return Ok(named);
    }
    release(workspace)?;
    let name = format!("mastra-auth{}", env::consts::EXE_SUFFIX);
    Ok(target_directory(workspace)?.join("release").join(name))
}

/// Cargo's build folder, which respects `CARGO_TARGET_DIR` and the like.
pub(crate) fn target_directory(workspace: &Workspace) -> Result<PathBuf> {
    let text = capture(&mut cargo(
        workspace,
        &["metadata", "--format-version", "1", "--no-deps"],
    ))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str)
        .map(PathBuf::from)
        .context("cargo names no target directory")
}
