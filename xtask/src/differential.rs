//! `cargo xtask soak differential`: a million mutated tokens against the core, `jsonwebtoken`, `jose` and PyJWT.
//!
//! The program is the workspace `differential/`. `jose` is the one that the npm package is tested with. pip installs PyJWT
//! into `python` of the build folder. Nothing is installed elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cargo::target_directory;
use crate::node::{self, Node};
use crate::process::{cargo, find, run as run_program};
use crate::workspace::Workspace;

/// Its manifest.
pub(crate) const MANIFEST: &str = "differential/Cargo.toml";
/// Its folder in the build folder.
const FOLDER: &str = "differential";

const TOKENS: &str = "1000000";
/// A fixed seed generates the same tokens in every run.
const SEED: &str = "1";
const MISSING: &str = "Python 3.9 or newer with venv and pip is missing";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let target = target_directory(workspace)?;
    let node = Node::find(workspace)?;
    node::install(&node, &workspace.root().join("npm/auth-cloud"))?;
    let python = python(workspace, &target)?;
    let own = target.join(FOLDER);
    let mut program = cargo(workspace, &["run", "--quiet", "--release", "--locked"]);
    program
        .args(["--manifest-path", MANIFEST, "--target-dir"])
        .arg(&own)
        .args(["--", "node"])
        .arg(&python)
        .args([TOKENS, SEED])
        .arg(own.join("examples.txt"));
    run_program(node.for_children_of(&mut program))
}

/// The Python of a virtual environment with the versions that `requirements.txt` pins.
fn python(workspace: &Workspace, target: &Path) -> Result<PathBuf> {
    let folder = target.join("python");
    let program = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    if !program.is_file() {
        let installed = find(&["python3", "python"]).context(MISSING)?;
        run_program(Command::new(installed).args(["-m", "venv"]).arg(&folder)).context(MISSING)?;
    }
    let wanted = workspace
        .root()
        .join("differential/judges/requirements.txt");
    let mut pip = Command::new(&program);
    pip.args(["-m", "pip", "--disable-pip-version-check", "install"]);
    run_program(pip.args(["--quiet", "--requirement"]).arg(wanted)).context(MISSING)?;
    Ok(program)
}
