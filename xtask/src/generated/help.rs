//! `docs/guide/cli.md`: the help of the command line, command by command.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::builds::cli;
use crate::process::capture;
use crate::workspace::Workspace;

/// Variables whose value clap prints, or by which it formats its text.
const HIDDEN: [&str; 6] = [
    "MASTRA_CLOUD_URL",
    "MASTRA_PROJECT_ID",
    "MASTRA_PUBLIC_URL",
    "MASTRA_CLOUD_DIALECT",
    "CLICOLOR_FORCE",
    "RUST_LOG",
];

pub(super) fn page(workspace: &Workspace) -> Result<String> {
    let mut page = String::new();
    add(&mut page, &cli(workspace)?, "")?;
    Ok(page)
}

/// Adds the help of a command, and that of its subcommands in the help's own order.
fn add(page: &mut String, program: &Path, command: &str) -> Result<()> {
    let mut help = Command::new(program);
    help.args(command.split_whitespace())
        .arg("--help")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100");
    for name in HIDDEN {
        help.env_remove(name);
    }
    let help = capture(&mut help)?;
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let lines = lines.join("\n");
    *page += &format!("\n## mastra-auth{command}\n\n```text\n{lines}\n```\n");
    let names = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in names.take_while(|line| !line.is_empty()) {
        // A name is indented by two spaces, continued text by more.
        let line = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        let name = line
            .and_then(|line| line.split(' ').next())
            .filter(|name| *name != "help");
        if let Some(name) = name {
            add(page, program, &format!("{command} {name}"))?;
        }
    }
    Ok(())
}
