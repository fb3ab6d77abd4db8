//! Commands that are run by hand and are not steps of the suite. To add one, add a row: command line and help follow.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::benches::{self, Form};
use crate::node::Platforms;
use crate::workspace::Workspace;
use crate::{node, soak};

const ALL: &str = "all-platforms";

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    about: &'static str,
    examples: &'static str,
    work: Work,
}

/// The function that a command calls, and its arguments.
#[derive(Clone, Copy)]
enum Work {
    /// Takes the folder that `--out` names, and the platforms.
    Out(fn(&Workspace, &Path, Platforms) -> Result<()>),
    /// Takes the name of one of these; `--json` selects the other format.
    Measure(&'static [Bench]),
    /// Takes the name of a long run.
    Soak,
}

type Bench = (&'static str, fn(&Workspace, Form) -> Result<()>);

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "npm-pack",
        about: "Pack the npm package, and the one with this platform's addon, as they are published",
        examples: "cargo xtask npm-pack --out target/tarballs",
        work: Work::Out(node::pack),
    },
    Command {
        name: "bench",
        about: "Measure what ships beside what one would use instead; docs/benchmarks.md explains each row",
        examples: "\
cargo xtask bench rust    tokens that are checked and tokens that are known, in Rust
  cargo xtask bench node    the same in Node, on a release build of the addon
  cargo xtask bench http    servers of axum and of Node under wrk, with and without a check
  cargo xtask bench rust --json",
        work: Work::Measure(&[
            ("rust", benches::rust),
            ("node", benches::node),
            ("http", benches::http),
        ]),
    },
    Command {
        name: "soak",
        about: "Run something for long, and print its figures; --help lists what there is",
        examples: "cargo xtask soak signout    10,000 sign-outs on four instances, with Redis killed in the middle",
        work: Work::Soak,
    },
];

impl Command {
    pub(crate) fn parser(&self) -> clap::Command {
        let name = Arg::new("name").value_name("NAME").required(true);
        let arguments = match self.work {
            Work::Out(_) => vec![
                Arg::new("out")
                    .long("out")
                    .value_name("DIR")
                    .help("Where the tarballs go; made where it is missing")
                    .value_parser(value_parser!(PathBuf))
                    .required(true),
                Arg::new(ALL)
                    .long(ALL)
                    .help("Name the addons of every platform: for a release, which publishes all of them")
                    .action(ArgAction::SetTrue),
            ],
            Work::Measure(benches) => vec![
                name.help("What to measure")
                    .value_parser(benches.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
                Arg::new("json")
                    .long("json")
                    .help("Print JSON instead of a table")
                    .action(ArgAction::SetTrue),
            ],
            Work::Soak => {
                let names = soak::SOAKS
                    .iter()
                    .map(|soak| PossibleValue::new(soak.name).help(soak.about));
                let names: Vec<_> = names.collect();
                vec![name.help("What to run").value_parser(names)]
            }
        };
        clap::Command::new(self.name)
            .about(self.about)
            .args(arguments)
            .after_help(format!("Example:\n  {}", self.examples))
    }

    pub(crate) fn run(&self, workspace: &Workspace, given: &ArgMatches) -> Result<()> {
        let name = || given.get_one::<String>("name").map(String::as_str);
        match self.work {
            Work::Out(work) => {
                let out = given.get_one::<PathBuf>("out");
                let platforms = if given.get_flag(ALL) {
                    Platforms::All
                } else {
                    Platforms::ThisOne
                };
                let out = out.map_or(Path::new("."), PathBuf::as_path);
                work(workspace, out, platforms)
            }
            Work::Measure(benches) => {
                let form = if given.get_flag("json") {
                    Form::Json
                } else {
                    Form::Table
                };
                benches
                    .iter()
                    .filter(|(one, _)| Some(*one) == name())
                    .try_for_each(|(_, work)| work(workspace, form))
            }
            Work::Soak => soak::run(workspace, name().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::STEPS;

    #[test]
    fn an_example_is_a_command_that_parses() {
        for command in COMMANDS {
            for example in command.examples.lines() {
                let words = example.trim().split("    ").next().unwrap();
                let words = words.strip_prefix("cargo xtask ").unwrap().split(' ');
                let parsed = command.parser().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
            }
            let bare = command.parser().try_get_matches_from([command.name]);
            assert!(bare.is_err());
        }
    }

    #[test]
    fn no_name_is_taken_twice() {
        for command in COMMANDS {
            assert_ne!(command.name, "test");
            assert!(STEPS.iter().all(|step| step.name != command.name));
        }
    }
}
