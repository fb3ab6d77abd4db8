//! The steps that are one call of cargo.

use anyhow::Result;

use crate::process::{cargo, has_cargo, run};
use crate::steps::Mode;
use crate::workspace::Workspace;

pub(crate) fn fmt(workspace: &Workspace, mode: Mode) -> Result<()> {
    match mode {
        Mode::Full => run(&mut cargo(workspace, &["fmt", "--all"])),
        Mode::Check => run(&mut cargo(workspace, &["fmt", "--all", "--check"])),
    }
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
        return run(&mut cargo(
            workspace,
            &[
                "nextest",
                "run",
                "--workspace",
                "--all-features",
                "--status-level",
                "fail",
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

pub(crate) fn release(workspace: &Workspace) -> Result<()> {
    run(&mut cargo(
        workspace,
        &["build", "--release", "--package", "mastra-auth-cli"],
    ))
}
