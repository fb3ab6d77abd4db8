//! The steps of the suite, in order. To add one, add a row: command line, help and suite follow.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{
    browser, builds, contract, deny, generate, layers, node, prose, proxies, redis, supply,
    threats, vectors, wasm,
};

/// A step of CI.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) pace: Pace,
    pub(crate) lane: Lane,
    pub(crate) run: fn(&Workspace) -> Result<()>,
    pub(crate) about: &'static str,
}

/// Whether `test --quick` runs a step.
#[derive(PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    Slow,
}

/// Where the suite runs a step. Lanes run in parallel, and the steps of one in order. A step that is not of the front starts
/// once the steps of the front above it are over. Not at low priority, for tests have time-outs.
#[derive(PartialEq, Eq)]
pub(crate) enum Lane {
    Front,
    Package,
    Packed,
}

use Lane::{Front, Package, Packed};
use Pace::{Quick, Slow};

#[rustfmt::skip]
pub(crate) const STEPS: &[Step] = &[
    step("fetch", Slow, Package, node::fetch, "Fetch the npm packages of the steps below"),
    step("fmt", Quick, Front, builds::fmt, "Format every source file (--check: change nothing, fail where one is not formatted)"),
    step("layers", Quick, Front, layers::run,
        "Imports go down the layers of xtask/layers.toml, and no files import one another in a circle"),
    step("threats", Quick, Front, threats::run,
        "Every row of docs/threats.toml has a test or says why not, and so has docs/asvs.csv"),
    step("supply", Quick, Front, supply::run,
        "The packages hold what xtask/supply.toml lists, and no dependency of users wants to run a script"),
    step("prose", Quick, Front, prose::run, "Sentences of docs and doc comments are short, and in plain words"),
    step("vectors", Quick, Front, vectors::run,
        "Count the cases of vectors/*.json, and run the tests that read them (--check: only read the files)"),
    step("gen", Quick, Front, generate::run,
        "Write what is generated from the code (--check: write nothing, fail where a committed file differs)"),
    step("release", Slow, Packed, builds::release, "Build the command line as it ships"),
    step("wasm", Slow, Packed, wasm::run,
        "Build the addon as WebAssembly; compare its exports with the addon's, and its size with the limit"),
    step("wasm-tests", Slow, Packed, wasm::tests,
        "Run the npm package's tests on the WebAssembly; say which are left out and why"),
    step("npm", Quick, Package, node::run,
        "Build, lint and test the npm package on a fresh addon; every vector runs there too"),
    step("guides", Quick, Package, node::guides,
        "Run the commands of the guides, and check their programs; say which are not run and why"),
    step("e2e", Slow, Package, browser::run, "Sign in with a real browser against the shipped binary"),
    step("contract", Slow, Package, contract::run,
        "Hold the local Cloud to the documents of contract/ with schemathesis, in each dialect"),
    step("redis", Slow, Package, redis::run,
        "Sign out from instance to instance over a real redis-server, in Rust and in Node"),
    step("proxies", Slow, Package, proxies::run,
        "Start the guide's recipes for nginx, HAProxy, Caddy and Envoy, and test them from outside"),
    step("tarballs", Slow, Packed, browser::tarballs,
        "Pack the npm package, install it in empty projects elsewhere, and sign in there, bundled too"),
    step("runtimes", Slow, Packed, browser::runtimes,
        "Run one script in Node 22, 24 and 26, Bun, Deno, workerd and Chromium, natively and as WebAssembly; print a table"),
    step("hosts", Slow, Packed, browser::hosts,
        "Sign in at real Mastra servers and in Studio, with the npm package as it is published"),
    step("clippy", Quick, Front, builds::clippy, "Lint everything; a warning is an error"),
    step("doctest", Quick, Package, builds::doctest, "Run the examples of the documentation"),
    step("doc", Quick, Package, builds::doc, "Build the documentation; a warning is an error"),
    step("tests", Quick, Front, builds::tests, "Run the Rust tests (cargo-nextest where it is installed)"),
    step("model", Slow, Front, builds::model, "Run what requests share in very many orders of their steps (shuttle)"),
    step("deny", Slow, Front, deny::run, "Licences, banned crates, sources and advisories of every dependency (cargo-deny)"),
];

#[rustfmt::skip]
const fn step(name: &'static str, pace: Pace, lane: Lane, run: fn(&Workspace) -> Result<()>, about: &'static str) -> Step {
    Step { name, pace, lane, run, about }
}
