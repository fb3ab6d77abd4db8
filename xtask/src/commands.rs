//! What is run by hand and is no step of the suite. To add one, add a row: command line and help follow.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Arg, ArgMatches, value_parser};

use crate::workspace::Workspace;
use crate::{node, soak};

/// One thing to ask for.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    about: &'static str,
    examples: &'static str,
    work: Work,
}

/// What a command calls, and with what.
#[derive(Clone, Copy)]
enum Work {
    /// With the folder that `--out` names.
    Out(fn(&Workspace, &Path) -> Result<()>),
    /// With the name of one of these.
    OneOf(&'static [Choice]),
    /// With a name that is looked up elsewhere.
    Name(fn(&Workspace, &str) -> Result<()>),
}

type Choice = (&'static str, fn(&Workspace) -> Result<()>);

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "npm-pack",
        about: "Pack the npm package, and the one with this platform's addon, as they are published",
        examples: "cargo xtask npm-pack --out target/tarballs",
        work: Work::Out(node::pack),
    },
    Command {
        name: "bench",
        about: "Measure what ships",
        examples: "cargo xtask bench node    the npm package on a release build of the addon",
        work: Work::OneOf(&[("node", node::bench)]),
    },
    Command {
        name: "soak",
        about: "Run something for long: signout, cost, outage, rotation, memory or crossing, or one that `npm run soak` knows",
        examples: "cargo xtask soak signout    10,000 sign-outs on four instances, with Redis killed in the middle",
        work: Work::Name(soak::run),
    },
];

impl Command {
    pub(crate) fn parser(&self) -> clap::Command {
        let name = Arg::new("name").value_name("NAME").required(true);
        let argument = match self.work {
            Work::Out(_) => Arg::new("out")
                .long("out")
                .value_name("DIR")
                .help("Where the tarballs go; made where it is missing")
                .value_parser(value_parser!(PathBuf))
                .required(true),
            Work::OneOf(choices) => name
                .help("What to measure")
                .value_parser(choices.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
            Work::Name(_) => name.help("What to run"),
        };
        clap::Command::new(self.name)
            .about(self.about)
            .arg(argument)
            .after_help(format!("Example:\n  {}", self.examples))
    }

    pub(crate) fn run(&self, workspace: &Workspace, given: &ArgMatches) -> Result<()> {
        let name = || given.get_one::<String>("name").map(String::as_str);
        match self.work {
            Work::Out(work) => {
                let out = given.get_one::<PathBuf>("out");
                work(workspace, out.map_or(Path::new("."), PathBuf::as_path))
            }
            Work::OneOf(choices) => choices
                .iter()
                .filter(|(one, _)| Some(*one) == name())
                .try_for_each(|(_, work)| work(workspace)),
            Work::Name(work) => work(workspace, name().unwrap_or_default()),
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
            let words = command.examples.split("    ").next().unwrap();
            let words = words.strip_prefix("cargo xtask ").unwrap().split(' ');
            let parsed = command.parser().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
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
