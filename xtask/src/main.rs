//! Everything that CI runs, by name: `cargo xtask test` for the whole suite, `cargo xtask <step>` for one step.
//!
//! A step is one row of the table in `steps`, a long run one row in `soak`; the command line is built from them. This file
//! knows nothing of the product: each step has a file of its own, and a table beside it for what it allows (`layers.toml`,
//! `docs/threats.toml`, `deny.toml`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool answers on its standard streams"
)]

mod benches;
mod browser;
mod builds;
mod circles;
mod deny;
mod differential;
mod generated;
mod guides;
mod imports;
mod layers;
#[cfg(test)]
mod manifests;
mod model;
mod node;
mod process;
mod programs;
mod prose;
mod redis;
mod soak;
mod steps;
mod suite;
mod threats;
mod vectors;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use steps::{Pace, STEPS, Step, Work};
use workspace::{Mode, Workspace};

fn main() -> ExitCode {
    match run(&command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let (name, given) = matches.subcommand().context("no step is named")?;
    let mut workspace = Workspace::find()?;
    workspace.may_install = given.get_flag("install");
    workspace.is_unoptimized = given.get_flag("unoptimized");
    let text = |id| {
        given
            .get_one::<String>(id)
            .map(String::as_str)
            .unwrap_or_default()
    };
    match name {
        "test" if given.get_flag("quick") => suite::run(&workspace, Pace::Quick),
        "test" => suite::run(&workspace, Pace::Slow),
        "npm-pack" => {
            let out = given
                .get_one::<PathBuf>("out")
                .context("--out is missing")?;
            let is_release = given.get_flag("all-platforms");
            node::pack(&workspace, out, is_release)
        }
        "bench" => benches::run(&workspace, text("name"), given.get_flag("json")),
        "soak" => soak::run(&workspace, text("name")),
        _ => {
            let step = STEPS.iter().find(|step| step.name == name);
            let step = step.with_context(|| format!("there is no step `{name}`"))?;
            let is_check = matches!(step.work, Work::Checkable(..)) && given.get_flag("check");
            step.run(&workspace, if is_check { Mode::Check } else { Mode::Full })
        }
    }
}

fn command() -> Command {
    let slow = STEPS
        .iter()
        .filter(|step| step.pace == Pace::Slow)
        .map(|step| step.name);
    let slow = slow.collect::<Vec<_>>().join(", ");
    let named = |help: &'static str| {
        Arg::new("name")
            .value_name("NAME")
            .required(true)
            .help(help)
    };
    let test = Command::new("test")
        .about("Run every step below; stop at the first that fails")
        .arg(flag("quick", "").help(format!("Leave out what is slow: {slow}")))
        .after_help("Example:\n  cargo xtask test --quick    before every commit");
    let out = Arg::new("out").long("out").value_name("DIR").required(true);
    let pack = Command::new("npm-pack")
        .about(
            "Pack the npm package, and the one with this platform's addon, as they are published",
        )
        .arg(
            out.value_parser(value_parser!(PathBuf))
                .help("Where the tarballs go; made where it is missing"),
        )
        .arg(flag(
            "all-platforms",
            "Name the addons of every platform: for a release, which publishes all of them",
        ))
        .after_help("Example:\n  cargo xtask npm-pack --out target/tarballs");
    let bench = Command::new("bench")
        .about("Measure what ships beside what one would use instead; docs/benchmarks.md explains each row")
        .arg(named("What to measure").value_parser(benches::NAMES))
        .arg(flag("json", "Print JSON instead of a table"))
        .after_help("Example:\n  cargo xtask bench rust --json");
    let soaks = soak::SOAKS
        .iter()
        .map(|soak| PossibleValue::new(soak.name).help(soak.about));
    let soak = Command::new("soak")
        .about("Run something for long, and print its figures; --help lists what there is")
        .arg(named("What to run").value_parser(soaks.collect::<Vec<_>>()))
        .after_help("Example:\n  cargo xtask soak signout");
    let unoptimized =
        "Test a development build in place of what ships, which spares a second compilation";
    Command::new("cargo xtask")
        .bin_name("cargo xtask")
        .about("Everything CI runs, by name")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .arg(
            flag(
                "install",
                "Install missing system programs, as root on Debian",
            )
            .global(true),
        )
        .arg(flag("unoptimized", unoptimized).global(true))
        .subcommand(test)
        .subcommands(STEPS.iter().map(subcommand))
        .subcommands([pack, bench, soak])
}

fn subcommand(step: &Step) -> Command {
    let one = Command::new(step.name).about(step.about);
    let one = one.after_help(format!("Example:\n  cargo xtask {}", step.name));
    match step.work {
        Work::Plain(_) => one,
        Work::Checkable(_, help) => one.arg(flag("check", help)),
    }
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound_and_its_examples_parse() {
        super::command().debug_assert();
        for command in super::command().get_subcommands() {
            let help = command.get_after_help().unwrap().to_string();
            let example = help
                .lines()
                .last()
                .unwrap()
                .trim()
                .split("    ")
                .next()
                .unwrap();
            let words = example.strip_prefix("cargo ").unwrap().split(' ');
            let parsed = super::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }
}
