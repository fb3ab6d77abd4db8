//! The steps of the suite, in order. To add one, add a row: command line, help and suite follow.

use anyhow::Result;

use crate::workspace::{Mode, Workspace};
use crate::{
    browser, builds, deny, generated, guides, layers, model, node, prose, redis, threats, vectors,
};

/// A step of CI.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) pace: Pace,
    pub(crate) lane: Lane,
    pub(crate) work: Work,
    pub(crate) about: &'static str,
}

/// Whether `test --quick` runs a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    Slow,
}

/// Where the suite runs a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Front,
    /// In parallel, once the steps of the front above it are over: one that mostly waits. Not at low priority, for tests
    /// have time-outs.
    Beside,
}

/// The function that a step calls.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    Plain(fn(&Workspace) -> Result<()>),
    /// With help for `--check`, which the suite sets.
    Checkable(fn(&Workspace, Mode) -> Result<()>, &'static str),
}

use Lane::{Beside, Front};
use Pace::{Quick, Slow};
use Work::{Checkable, Plain};

#[rustfmt::skip]
pub(crate) const STEPS: &[Step] = &[
    step("fetch", Slow, Beside, Plain(node::fetch), "Fetch the npm packages of the steps below"),
    step("fmt", Quick, Front, Checkable(builds::fmt, "Change nothing; fail where a file is not formatted"),
        "Format every source file"),
    step("layers", Quick, Front, Plain(layers::run),
        "Imports go down the layers of xtask/layers.toml, and no files import one another in a circle"),
    step("threats", Quick, Front, Plain(threats::run), "Every row of docs/threats.toml has a test or says why not"),
    step("prose", Quick, Front, Plain(prose::run), "Sentences of docs and doc comments are short, and in plain words"),
    step("vectors", Quick, Front, Checkable(vectors::run, "Only read the files: shape, names, counts"),
        "Count the cases of vectors/*.json, and run the tests that read them"),
    step("gen", Quick, Front, Checkable(generated::run, "Write nothing; fail where a committed file differs"),
        "Write the generated pages of docs/guide"),
    step("release", Slow, Beside, Plain(builds::release), "Build the command line as it ships"),
    step("npm", Quick, Beside, Plain(node::run),
        "Build, lint and test the npm package on a fresh addon; every vector runs there too"),
    step("guides", Quick, Beside, Plain(guides::run),
        "Run the commands of the guides, and check their programs; say which are not run and why"),
    step("redis", Slow, Beside, Plain(redis::run),
        "Sign out from instance to instance over a real redis-server, in Rust and in Node"),
    step("e2e", Slow, Beside, Plain(browser::run), "Sign in with a real browser against the shipped binary"),
    step("clippy", Quick, Front, Plain(builds::clippy), "Lint everything; a warning is an error"),
    step("tests", Quick, Front, Plain(builds::tests), "Run the Rust tests (cargo-nextest where it is installed)"),
    step("doctest", Quick, Front, Plain(builds::doctest), "Run the examples of the documentation"),
    step("doc", Quick, Front, Plain(builds::doc), "Build the documentation; a warning is an error"),
    step("model", Slow, Front, Plain(model::run), "Run what requests share in very many orders of their steps (shuttle)"),
    step("deny", Slow, Front, Plain(deny::run), "Licences, banned crates, sources and advisories of every dependency (cargo-deny)"),
    step("tarballs", Slow, Front, Plain(node::tarballs),
        "Pack the npm package, install it in empty projects elsewhere, and sign in there, bundled and in other runtimes too"),
    step("hosts", Slow, Front, Plain(browser::hosts),
        "Sign in at real Mastra servers and in Studio, with the npm package as it is published"),
];

const fn step(name: &'static str, pace: Pace, lane: Lane, work: Work, about: &'static str) -> Step {
    Step {
        name,
        pace,
        lane,
        work,
        about,
    }
}

impl Step {
    pub(crate) fn run(&self, workspace: &Workspace, mode: Mode) -> Result<()> {
        match self.work {
            Plain(work) => work(workspace),
            Checkable(work, _) => work(workspace, mode),
        }
    }

    /// The command that runs this step as the suite does.
    pub(crate) fn command(&self) -> String {
        match self.work {
            Plain(_) => format!("cargo xtask {}", self.name),
            Checkable(..) => format!("cargo xtask {} --check", self.name),
        }
    }
}
