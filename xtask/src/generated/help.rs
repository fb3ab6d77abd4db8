//! `docs/guide/cli.md`: the help of the command line, command by command.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::builds::cli;
use crate::process::capture;
use crate::workspace::Workspace;

const HEAD: &str = "\
<!-- Written by `cargo xtask gen` from the command's own help. Change the help, not this page. -->

# The command line

`cargo run -- <command>` runs it from a checkout; `cargo xtask release` builds `target/release/mastra-auth`.
";

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
    let program = cli(workspace)?;
    let mut page = HEAD.to_owned();
    let mut commands = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let text = help(&program, &command)?;
        let name = [["mastra-auth".to_owned()].as_slice(), command.as_slice()]
            .concat()
            .join(" ");
        writeln!(page, "\n## {name}\n\n```text")?;
        for line in text.trim_end().lines() {
            writeln!(page, "{}", line.trim_end())?;
        }
        writeln!(page, "```")?;
        // The last one is taken next: depth first, in the help's own order.
        let children = subcommands(&text).into_iter().rev();
        commands.extend(children.map(|child| [command.as_slice(), &[child]].concat()));
    }
    Ok(page)
}

fn help(program: &Path, command: &[String]) -> Result<String> {
    let mut program = Command::new(program);
    program
        .args(command)
        .arg("--help")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100");
    for name in HIDDEN {
        program.env_remove(name);
    }
    capture(&mut program)
}

/// The names under `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A name is indented by two spaces, continued text by more.
        .filter_map(|line| {
            line.strip_prefix("  ")
                .filter(|rest| !rest.starts_with(' '))
        })
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_help() {
        let help = "Usage: x\n\nCommands:\n  demo   Run it\n         and more\n  token  Look\n  help   Print\n\nOptions:\n  -v\n";
        assert_eq!(subcommands(help), ["demo", "token"]);
        assert!(subcommands("Usage: x\n\nOptions:\n  -v\n").is_empty());
    }
}
