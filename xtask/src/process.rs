//! Runs other programs: fails with a program's name, or returns its output.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Runs a command with inherited streams; an exit status other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status();
    let status = status.with_context(|| format!("`{}` does not start", shown(command)))?;
    ensure!(status.success(), "`{}` failed ({status})", shown(command));
    Ok(())
}

/// Runs a command and returns its standard output; an error shows its standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("`{}` does not start", shown(command)))?;
    let (status, said) = (output.status, String::from_utf8_lossy(&output.stderr));
    ensure!(
        status.success(),
        "`{}` failed ({status}):\n{}",
        shown(command),
        said.trim_end()
    );
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` prints something other than UTF-8", shown(command)))
}

/// Where Debian puts servers, which only root has on the PATH.
const SERVERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The first of these programs on the PATH, or among servers.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let places = |name| {
        let servers = SERVERS.iter().map(PathBuf::from);
        let folders = env::split_paths(&folders).chain(servers);
        folders.map(move |folder| folder.join(name))
    };
    let mut all = names.iter().flat_map(places);
    all.find(|path| path.is_file())
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
