//! The Node package: the addon `crates/node`, and `npm/auth-cloud` on top of it.
//!
//! Each step first builds the addon it needs, so that no run uses an addon of another kind. npm runs no install scripts.

mod addon;
mod floor;
mod pack;
mod package;
mod platform;
mod runtime;
mod sysroot;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::builds::{cli, shipped};
use crate::process::run as run_program;
use crate::workspace::{Workspace, read};
use addon::Kind;
use package::Package;

pub(crate) use package::FOLDER;
pub(crate) use runtime::Node;

/// The folder of the tests in a browser and at real servers.
pub(crate) const E2E: &str = "e2e";

/// `cargo xtask npm`: all checks of the package, on a development build of the addon.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    addon::build(workspace, Kind::Tests)?;
    // The tests sign in against the local Cloud.
    let cloud = cli(workspace)?;
    let package = Package::open(workspace)?;
    package.build()?;
    for name in ["typecheck", "lint", "test", "check-package"] {
        run_program(package.script(name).env("MASTRA_AUTH", &cloud))?;
    }
    Ok(())
}

/// What the addon exports, a line of JSON each.
pub(crate) fn exports(workspace: &Workspace) -> Result<String> {
    addon::build(workspace, Kind::Tests)?;
    read(&addon::exports(workspace)?)
}

/// `cargo xtask fetch`: what later steps take from npm, so that they do not wait for it.
pub(crate) fn fetch(workspace: &Workspace) -> Result<()> {
    let package = Package::open(workspace)?;
    package.node().install(&workspace.path(E2E))?;
    package.tools(workspace)?;
    sysroot::Sysroot::find(workspace)?;
    // Where the tests of real servers install them, together with the package.
    let hosts = workspace.target()?.join("e2e-hosts");
    runtime::copy_lock(workspace, "e2e/hosts", &hosts)?;
    package.node().install(&hosts)
}

/// The package's tests that need a redis-server, with this environment.
pub(crate) fn redis(workspace: &Workspace, environment: &[(&str, PathBuf)]) -> Result<()> {
    addon::build(workspace, Kind::Tests)?;
    let package = Package::open(workspace)?;
    package.build()?;
    run_program(package.script("redis").envs(environment.iter().cloned()))
}

/// `cargo xtask npm-pack`: the two tarballs as published. A release names the addons of every platform.
pub(crate) fn pack(workspace: &Workspace, out: &Path, is_release: bool) -> Result<()> {
    let addon = addon::build(workspace, Kind::Packed)?;
    let package = Package::open(workspace)?;
    package.build()?;
    pack::run(workspace, &package, &addon, out, is_release)
}

/// A folder with only today's two tarballs: those of another version would be mistaken for them.
pub(crate) fn packed(workspace: &Workspace) -> Result<PathBuf> {
    let out = workspace.target()?.join("npm-packed");
    pack::empty(&out)?;
    pack(workspace, &out, false)?;
    Ok(out)
}

/// `cargo xtask tarballs`: installs the tarballs in empty projects outside of the repository, and signs in with them; then
/// tries bundlers and other runtimes on them.
pub(crate) fn tarballs(workspace: &Workspace) -> Result<()> {
    let package = Package::open(workspace)?;
    let environment = [
        ("TOOLS", package.tools(workspace)?),
        ("MASTRA_AUTH", shipped(workspace)?),
        ("TARBALLS", packed(workspace)?),
    ];
    run_program(package.script("tarballs").envs(environment))
}

/// Type-checks the guides' programs in `.guides` of the package's folder; complete ones run too, with the environment that
/// they expect.
pub(crate) fn guides(workspace: &Workspace) -> Result<()> {
    addon::build(workspace, Kind::Tests)?;
    let package = Package::open(workspace)?;
    package.build()?;
    run_program(package.script("guides").envs([
        ("MASTRA_PROJECT_ID", "demo"),
        ("ROBOT_KEY", "robot"),
        ("CUSTOMER_KEY", "customer"),
    ]))
}

/// `cargo xtask bench node`: measures the package, with identities of a release build of the local Cloud.
pub(crate) fn bench(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let cloud = shipped(workspace)?;
    as_shipped(workspace)?;
    let mut script = Package::open(workspace)?.script("bench");
    run_program(script.arg("--").args(arguments).env("MASTRA_AUTH", cloud))
}

/// Node, with the package built on a release build of the addon.
pub(crate) fn as_shipped(workspace: &Workspace) -> Result<Node> {
    addon::build(workspace, Kind::Release)?;
    Package::open(workspace)?.build()?;
    Node::find(workspace)
}

/// `cargo xtask soak NAME`: a long run that looks for leaks and failures.
pub(crate) fn soak(workspace: &Workspace, name: &str) -> Result<()> {
    // Only the long run that makes the addon panic gets one that can be made to.
    let kind = if name == "panics" {
        Kind::Faults
    } else {
        Kind::Release
    };
    addon::build(workspace, kind)?;
    let cloud = cli(workspace)?;
    let package = Package::open(workspace)?;
    package.build()?;
    run_program(
        package
            .script("soak")
            .args(["--", name])
            .env("MASTRA_AUTH", cloud),
    )
}
