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

mod asvs;
mod benches;
mod browser;
mod builds;
mod contract;
mod deny;
mod differential;
mod fuzz;
mod generate;
mod layers;
mod miri;
mod mutants;
mod node;
mod process;
mod programs;
mod prose;
mod proxies;
mod python;
mod redis;
mod shots;
mod soak;
mod steps;
mod suite;
mod supply;
mod tested;
mod threats;
mod vectors;
mod wasm;
mod workspace;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, ArgMatches, Command};

use soak::SOAKS;
use steps::STEPS;
use workspace::Workspace;

const RECORD: &str = "Write the result to docs/figures, from which `gen` writes docs/figures.md and docs/security.md";

fn main() -> ExitCode {
    match run(&command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> Result<()> {
    let (name, given) = matches.subcommand().context("no step is named")?;
    let mut workspace = Workspace::find()?;
    workspace.may_install = given.get_flag("install");
    workspace.is_unoptimized = given.get_flag("unoptimized");
    workspace.is_built = given.get_flag("built").into();
    workspace.is_check = given.get_flag("check") || name == "test";
    let text = |id| text(given, id);
    // Only what can be told how long it may take has a time.
    workspace.hours = text("hours").parse().ok();
    let is_recorded = ["bench", "soak", "fuzz"].contains(&name) && given.get_flag("record");
    match name {
        "test" => suite::run(&workspace, given.get_flag("quick")),
        "npm-pack" => {
            let is_release = given.get_flag("all-platforms");
            node::pack(&workspace, text("out").as_ref(), is_release)
        }
        "bench" if given.get_flag("json") => {
            benches::run(&workspace, text("name"), text("old").as_ref())
        }
        "shots" => shots::run(&workspace),
        "soak" if !is_recorded => soak::run(&workspace, text("name")),
        "fuzz" if !given.get_flag("json") => {
            let coverage = given.get_flag("coverage").then_some("--coverage");
            let name = text("target");
            let target = (!name.is_empty()).then_some(["--target", name]);
            let words = ["fuzz", "--json", "--hours", text("hours")];
            let words = words.into_iter().chain(coverage);
            let words: Vec<_> = words.chain(target.into_iter().flatten()).collect();
            let kept = if coverage.is_some() {
                "fuzz-coverage"
            } else {
                "fuzz"
            };
            node::show(&workspace, &words, is_recorded.then_some(kept))
        }
        "fuzz" if given.get_flag("coverage") => fuzz::coverage(&workspace),
        "fuzz" => fuzz::run(&workspace, text("hours").parse()?, text("target")),
        "bench" | "soak" => {
            let json = if name == "bench" { "--json" } else { "" };
            let hours = text("hours");
            let hours = if hours.is_empty() {
                String::new()
            } else {
                format!("--hours={hours}")
            };
            let words = [name, text("name"), text("old"), json, &hours];
            let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let kept = format!("{name}-{}", text("name"));
            node::show(&workspace, &words, is_recorded.then_some(&kept))
        }
        _ => {
            let step = STEPS.iter().find(|step| step.name == name);
            (step.context("there is no such step")?.run)(&workspace)
        }
    }
}

/// The value of an argument; empty where it is not given, or the command has none.
fn text<'m>(given: &'m ArgMatches, id: &str) -> &'m str {
    let value = given.try_get_one::<String>(id).ok().flatten();
    value.map_or("", String::as_str)
}

fn command() -> Command {
    let subcommand = |name, about| Command::new(name).about(about);
    let out = value("out", "Where the tarballs go; made where it is missing");
    let soaks = SOAKS
        .iter()
        .map(|soak| PossibleValue::new(soak.name).help(soak.about));
    let soaks = value("name", "What to run").value_parser(soaks.collect::<Vec<_>>());
    let benches = value("name", "What to measure").value_parser(benches::NAMES);
    Command::new("cargo xtask")
        .bin_name("cargo xtask")
        .about("Everything CI runs, by name")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .arg(flag("check", "Write nothing: fail where `fmt` or `gen` would change a file").global(true))
        .arg(flag("install", "Install missing system programs, as root on Debian").global(true))
        .arg(flag("unoptimized", "Test a development build in place of what ships, which spares a second compilation").global(true))
        .arg(flag("built", "Do not build the development programs: they are up to date").global(true).hide(true))
        .subcommand(subcommand("test", "Run every step below; stop at the first that fails")
            .arg(flag("quick", "Leave out what is slow: release builds, the packed package, Redis, browsers and servers")))
        .subcommands(STEPS.iter().map(|step| subcommand(step.name, step.about)))
        .subcommand(subcommand("npm-pack", "Pack the npm package, this platform's addon and its local Cloud, as they are published")
            .arg(out.long("out").value_name("DIR"))
            .arg(flag("all-platforms", "Name the addons of every platform: for a release, which publishes all of them")))
        .subcommand(subcommand("bench", "Measure what ships beside what one would use instead; docs/benchmarks.md explains each row")
            .arg(benches)
            .arg(value("old", "What to compare with: another checkout, which is built too").value_name("OLD_CHECKOUT").required(false).required_if_eq("name", "compare"))
            .arg(flag("json", "Print JSON instead of tables"))
            .arg(flag("record", RECORD)))
        .subcommand(subcommand("fuzz", "Search for inputs that break what reads bytes of strangers, and keep the fewest that reach most")
            .arg(value("hours", "How long, shared by the targets").long("hours").value_name("N").required(false).default_value("1").value_parser(is_time))
            .arg(value("target", "The targets to search in, with commas between").long("target").value_name("T").required(false))
            .arg(flag("coverage", "Search nothing: print which lines of the core the committed inputs reach"))
            .arg(flag("json", "Print JSON instead of tables"))
            .arg(flag("record", RECORD)))
        .subcommand(subcommand("shots", "Draw the guide's pictures of a terminal"))
        .subcommand(subcommand("soak", "Run something for long, and print its figures; --help lists what there is")
            .arg(soaks)
            .arg(value("hours", "How long `load` takes, a sixth unless given; after how long `miri` begins no other module and `mutants` no other file, one unless given").long("hours").value_name("N").required(false).value_parser(is_time))
            .arg(flag("record", RECORD)))
}

/// A number of hours, which stays text.
fn is_time(text: &str) -> Result<String> {
    text.parse::<f64>().context("not a number of hours")?;
    Ok(text.to_owned())
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    let flag = Arg::new(name).long(name).help(help);
    flag.action(ArgAction::SetTrue)
}

fn value(name: &'static str, help: &'static str) -> Arg {
    let value = Arg::new(name).value_name("NAME").help(help);
    value.required(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_read_by_the_same_names() {
        for line in [
            "bench compare ../old --record",
            "soak deploy --record",
            "test --quick",
        ] {
            let words = ["cargo xtask"].into_iter().chain(line.split(' '));
            let matches = command().try_get_matches_from(words).unwrap();
            let (_, given) = matches.subcommand().unwrap();
            let expected = if line.starts_with("bench") {
                "../old"
            } else {
                ""
            };
            assert_eq!(text(given, "old"), expected, "{line}");
        }
    }
}
