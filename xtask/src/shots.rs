//! `cargo xtask shots`: draws the guide's pictures of a terminal from what the commands print. It needs Python, and the ports 4300
//! and 4111.

use std::process::Command;

use anyhow::Result;

use crate::builds::cli;
use crate::process::run as run_program;
use crate::python;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = python::with(workspace, "contract/requirements.txt")?;
    let mut script = Command::new(python);
    script.arg(workspace.path("docs/guide/shots/shots.py"));
    script.env("PYTHONDONTWRITEBYTECODE", "1");
    run_program(script.env("MASTRA_AUTH", cli(workspace)?))
}
