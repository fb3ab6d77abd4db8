//! Runs other programs: fails with a program's name, or returns its output.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

/// Cargo of the pinned toolchain, to be run in the repository's root.
pub(crate) fn cargo(workspace: &Workspace, args: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(args).current_dir(workspace.root());
    command
}

/// Runs a command with inherited streams; an exit status other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("`{shown}` does not start"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and returns its standard output; an error shows its standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{shown}` does not start"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}):\n{}", output.status, said.trim_end());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{shown}` prints something other than UTF-8"))
}

/// Whether a cargo subcommand such as `nextest` is installed.
pub(crate) fn has_cargo(workspace: &Workspace, name: &str) -> bool {
    capture(&mut cargo(workspace, &[name, "--version"])).is_ok()
}

/// The first of these programs on the PATH.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    names.iter().find_map(|name| {
        env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    })
}

fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut words = vec![
        program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    ];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
