//! `cargo xtask model`: tests the core's shared state in very many interleavings.
//!
//! It replaces the locks, so it is built in a folder of its own.

use anyhow::Result;

use crate::cargo::target_directory;
use crate::process::{cargo, run as run_program};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let target = target_directory(workspace)?.join("model");
    let arguments = [
        "test",
        "--quiet",
        "--package",
        "mastra-auth-cloud-core",
        "--lib",
        "model::",
    ];
    run_program(
        cargo(workspace, &arguments)
            .env("RUSTFLAGS", "--cfg shuttle")
            .env("CARGO_TARGET_DIR", target),
    )
}
