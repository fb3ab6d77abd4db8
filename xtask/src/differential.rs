//! `cargo xtask soak differential`: a million mutated tokens against the core, `jsonwebtoken`, `jose` and PyJWT.
//!
//! The program is the workspace `differential/`. `jose` is the one that the npm package is tested with. pip installs PyJWT
//! into `python` of the build folder. Nothing is installed elsewhere.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::node::{self, Node};
use crate::process::{find, run as run_program};
use crate::workspace::Workspace;

const RUN: &str =
    "run --quiet --release --locked --manifest-path differential/Cargo.toml --target-dir";
/// How many, and the seed: a fixed one generates the same tokens in every run.
const TOKENS: [&str; 2] = ["1000000", "1"];
const MISSING: &str = "Python 3.9 or newer with venv and pip is missing";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let node = Node::find(workspace)?;
    node.install(&workspace.path(node::FOLDER))?;
    let python = python(workspace)?;
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

/// The Python of a virtual environment with the versions that `requirements.txt` pins.
fn python(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target()?.join("python");
    let program = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    if !program.is_file() {
        let installed = find(&["python3", "python"]).context(MISSING)?;
        run_program(Command::new(installed).args(["-m", "venv"]).arg(&folder)).context(MISSING)?;
    }
    let mut pip = Command::new(&program);
    pip.args("-m pip --disable-pip-version-check install --quiet --requirement".split(' '));
    run_program(pip.arg(workspace.path("differential/judges/requirements.txt")))
        .context(MISSING)?;
    Ok(program)
}
