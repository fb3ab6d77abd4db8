//! The steps of the suite, in order. To add one, add a row: command line, help and suite follow.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{
    browser, cargo, deny, generated, guides, hosts, layers, model, node, redis, threats, toolchain,
    vectors,
};

/// A step of CI.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) example: &'static str,
    /// Help for `--check`, if the step has it.
    pub(crate) check_about: &'static str,
    pub(crate) pace: Pace,
    pub(crate) work: Work,
}

/// Whether `test --quick` runs a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    Slow,
    /// Slow, and run in parallel with the steps below it: it mostly waits for timers and the network.
    Beside,
}

/// The function that a step calls.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    Plain(fn(&Workspace) -> Result<()>),
    /// The suite runs it with `--check`, which changes no file.
    Checkable(fn(&Workspace, Mode) -> Result<()>),
}

/// The mode of a checkable step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Full,
    Check,
}

impl Step {
    /// The command that runs this step as the suite does.
    pub(crate) fn command(&self) -> String {
        match self.work {
            Work::Plain(_) => format!("cargo xtask {}", self.name),
            Work::Checkable(_) => format!("cargo xtask {} --check", self.name),
        }
    }
}

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "toolchain",
        about: "The pinned compiler is the declared rust-version, and it is the one that runs",
        example: "cargo xtask toolchain",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(toolchain::run),
    },
    Step {
        name: "fmt",
        about: "Format every source file",
        example: "cargo xtask fmt",
        check_about: "Change nothing; fail where a file is not formatted",
        pace: Pace::Quick,
        work: Work::Checkable(cargo::fmt),
    },
    Step {
        name: "layers",
        about: "Imports go down the layers of xtask/layers.toml, and the core stays free of I/O",
        example: "cargo xtask layers",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(layers::run),
    },
    Step {
        name: "threats",
        about: "Every row of docs/threats.toml has a test or says why not",
        example: "cargo xtask threats",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(threats::run),
    },
    Step {
        name: "vectors",
        about: "Count the cases of vectors/*.json, and run the tests that read them",
        example: "cargo xtask vectors",
        check_about: "Only read the files: shape, names, counts",
        pace: Pace::Quick,
        work: Work::Checkable(vectors::run),
    },
    Step {
        name: "gen",
        about: "Write the generated pages of docs/guide",
        example: "cargo xtask gen",
        check_about: "Write nothing; fail where a committed file differs",
        pace: Pace::Quick,
        work: Work::Checkable(generated::run),
    },
    Step {
        name: "clippy",
        about: "Lint everything; a warning is an error",
        example: "cargo xtask clippy",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(cargo::clippy),
    },
    Step {
        name: "release",
        about: "Build the command line as it ships",
        example: "cargo xtask release",
        check_about: "",
        pace: Pace::Beside,
        work: Work::Plain(cargo::release),
    },
    Step {
        name: "e2e",
        about: "Sign in with a real browser against the shipped binary",
        example: "CHROMIUM=/opt/chrome/chrome cargo xtask e2e",
        check_about: "",
        pace: Pace::Beside,
        work: Work::Plain(browser::run),
    },
    Step {
        name: "model",
        about: "Run what requests share in very many orders of their steps (shuttle)",
        example: "cargo xtask model",
        check_about: "",
        pace: Pace::Beside,
        work: Work::Plain(model::run),
    },
    Step {
        name: "tests",
        about: "Run the Rust tests (cargo-nextest where it is installed)",
        example: "cargo xtask tests",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(cargo::tests),
    },
    Step {
        name: "doctest",
        about: "Run the examples of the documentation",
        example: "cargo xtask doctest",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(cargo::doctest),
    },
    Step {
        name: "doc",
        about: "Build the documentation; a warning is an error",
        example: "cargo xtask doc",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(cargo::doc),
    },
    Step {
        name: "npm",
        about: "Build, lint and test the npm package on a fresh addon; every vector runs there too",
        example: "cargo xtask npm",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(node::run),
    },
    Step {
        name: "guides",
        about: "Run the commands of the guides, and check their programs; say which are not run and why",
        example: "cargo xtask guides",
        check_about: "",
        pace: Pace::Quick,
        work: Work::Plain(guides::run),
    },
    Step {
        name: "redis",
        about: "Sign out from instance to instance over a real redis-server, in Rust and in Node",
        example: "REDIS_SERVER=/opt/redis/redis-server cargo xtask redis",
        check_about: "",
        pace: Pace::Slow,
        work: Work::Plain(redis::run),
    },
    Step {
        name: "deny",
        about: "Licences, banned crates and sources of every dependency (cargo-deny where it is installed)",
        example: "cargo xtask deny",
        check_about: "",
        pace: Pace::Slow,
        work: Work::Plain(deny::run),
    },
    Step {
        name: "tarballs",
        about: "Pack the npm package, install it in empty projects elsewhere, and sign in there, bundled and in other runtimes too",
        example: "cargo xtask tarballs",
        check_about: "",
        pace: Pace::Slow,
        work: Work::Plain(node::tarballs),
    },
    Step {
        name: "hosts",
        about: "Sign in at real Mastra servers and in Studio, with the npm package as it is published",
        example: "CHROMIUM=/opt/chrome/chrome cargo xtask hosts",
        check_about: "",
        pace: Pace::Slow,
        work: Work::Plain(hosts::run),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_a_command_that_exists() {
        for step in STEPS {
            assert!(step.command().starts_with("cargo xtask "));
            let checkable = matches!(step.work, Work::Checkable(_));
            assert_eq!(step.command().ends_with(" --check"), checkable);
            assert_eq!(step.check_about.is_empty(), !checkable, "{}", step.name);
        }
    }
}
