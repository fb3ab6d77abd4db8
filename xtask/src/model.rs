//! `cargo xtask model`: tests the core's shared state in very many interleavings.
//!
//! The core is compiled with `--cfg shuttle`, which replaces its locks. The flag goes to our own crates alone, by a wrapper
//! around their compiler: as `RUSTFLAGS` it would compile every dependency once more.

use anyhow::Result;

use crate::process::run as run_program;
use crate::workspace::Workspace;

const WRAPPER: &str = "xtask/shuttle.sh";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut model = workspace
        .cargo("test --quiet --package mastra-auth-cloud-core --lib cache::interleavings::");
    run_program(model.env("RUSTC_WORKSPACE_WRAPPER", workspace.path(WRAPPER)))
}
