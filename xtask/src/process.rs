//! Runs other programs: fails with a program's name, or returns its output.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs a command with inherited streams; an exit status other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("`{}` does not start", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command and returns its standard output; an error shows its standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("`{}` does not start", shown(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` failed ({}):\n{}",
            shown(command),
            output.status,
            said.trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` prints something other than UTF-8", shown(command)))
}

/// The first of these programs on the PATH.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let found = |name: &&str| {
        env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    };
    names.iter().find_map(found)
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = [program].into_iter().chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
