//! `cargo xtask soak differential`: a million mutated tokens against the core, `jsonwebtoken`, `jose` and PyJWT.
//!
//! The program is the workspace `differential/`. `jose` is the one that the npm package is tested with.

use anyhow::Result;

use crate::node::{self, Node};
use crate::process::run as run_program;
use crate::python;
use crate::workspace::Workspace;

const RUN: &str =
    "run --quiet --release --locked --manifest-path differential/Cargo.toml --target-dir";
/// How many, and the seed: a fixed one generates the same tokens in every run.
const TOKENS: [&str; 2] = ["1000000", "1"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let node = Node::find(workspace)?;
    node.install(&workspace.path(node::FOLDER))?;
    let python = python::with(workspace, "differential/judges/requirements.txt")?;
    let own = workspace.target()?.join("differential");
    let mut program = workspace.cargo(RUN);
    program
        .arg(&own)
        .args(["--", "node"])
        .arg(&python)
        .args(TOKENS)
        .arg(own.join("examples.txt"));
    run_program(node.for_children_of(&mut program))
}
