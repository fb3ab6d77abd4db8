//! Python with packages of PyPI, in `python` of the build folder. Nothing is installed elsewhere.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{capture, find};
use crate::workspace::Workspace;

const MISSING: &str = "Python 3.9 or newer with venv and pip is missing";

/// The Python that the system has.
pub(crate) fn installed() -> Result<PathBuf> {
    find(&["python3", "python"]).context(MISSING)
}

/// The Python of a virtual environment with the versions that a file of requirements pins.
pub(crate) fn with(workspace: &Workspace, requirements: &str) -> Result<PathBuf> {
    let folder = workspace.target()?.join("python");
    let program = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    if !program.is_file() {
        capture(Command::new(installed()?).args(["-m", "venv"]).arg(&folder)).context(MISSING)?;
    }
    let mut pip = Command::new(&program);
    pip.args("-m pip --disable-pip-version-check install --quiet --requirement".split(' '));
    capture(pip.arg(workspace.path(requirements))).context(MISSING)?;
    Ok(program)
}
