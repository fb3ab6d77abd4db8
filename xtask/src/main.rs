//! Everything that CI runs, by name: `cargo xtask test` for the whole suite, `cargo xtask <step>` for one step.
//!
//! A step is one row of the table in `steps`; a command that is only run by hand is one row in `commands`. The command line
//! is built from those tables. This file knows nothing of the product: each step has a file of its own, and a table beside
//! it for what it allows (`layers.toml`, `docs/threats.toml`, `deny.toml`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool answers on its standard streams"
)]

mod benches;
mod browser;
mod cargo;
mod certificates;
mod commands;
mod debian;
mod deny;
mod differential;
mod generated;
mod guides;
mod hosts;
mod layers;
mod model;
mod node;
mod process;
mod redis;
mod soak;
mod source;
mod steps;
mod strict_json;
mod suite;
mod threats;
mod toolchain;
#[cfg(test)]
mod unsafe_code;
mod vectors;
mod workspace;

use std::process::ExitCode;

use clap::builder::{IntoResettable, StyledStr};
use clap::{Arg, ArgAction, ArgMatches, Command};

use commands::COMMANDS;
use steps::{Mode, Pace, STEPS, Work};
use workspace::Workspace;

fn main() -> ExitCode {
    let matches = command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let Some((name, given)) = matches.subcommand() else {
        return Ok(());
    };
    if name == "test" {
        return suite::run(&workspace, given.get_flag("quick"));
    }
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return command.run(&workspace, given);
    }
    let Some(step) = STEPS.iter().find(|step| step.name == name) else {
        anyhow::bail!("there is no step `{name}`");
    };
    match step.work {
        Work::Plain(work) => work(&workspace),
        Work::Checkable(work) if given.get_flag("check") => work(&workspace, Mode::Check),
        Work::Checkable(work) => work(&workspace, Mode::Full),
    }
}

fn command() -> Command {
    let slow = STEPS.iter().filter(|step| step.pace != Pace::Quick);
    let slow: Vec<_> = slow.map(|step| step.name).collect();
    let quick = format!("Leave out what is slow: {}", slow.join(", "));
    let test = Command::new("test")
        .about("Run every step below in order; stop at the first that fails")
        .arg(flag("quick", quick))
        .after_help("Example:\n  cargo xtask test --quick    before every commit");
    let steps = STEPS.iter().fold(
        Command::new("cargo xtask")
            .bin_name("cargo xtask")
            .about("Everything CI runs, by name")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .subcommand(test),
        |all, step| {
            let one = Command::new(step.name)
                .about(step.about)
                .after_help(format!("Example:\n  {}", step.example));
            all.subcommand(match step.work {
                Work::Plain(_) => one,
                Work::Checkable(_) => one.arg(flag("check", step.check_about)),
            })
        },
    );
    steps.subcommands(COMMANDS.iter().map(commands::Command::parser))
}

fn flag(name: &'static str, help: impl IntoResettable<StyledStr>) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
