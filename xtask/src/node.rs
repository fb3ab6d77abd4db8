//! The Node package: the addon `crates/node`, and `npm/auth-cloud` on top of it.
//!
//! Each command first builds the addon it needs, so that no run uses an addon of another kind. npm runs no install scripts.

mod addon;
mod floor;
mod pack;
mod package;
mod packages;
mod platform;
mod runtime;
mod same_vectors;
mod sysroot;

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Result, anyhow};

use crate::cargo::{cli, shipped, target_directory};
use crate::certificates::Certificates;
use crate::guides::Scripts;
use crate::workspace::Workspace;
use addon::Profile;
use package::Package;

pub(crate) use pack::Platforms;
pub(crate) use packages::install;
pub(crate) use runtime::Node;

const FAULTS: &str = "fault-injection";

/// `cargo xtask npm`: all checks of the package, on a development build of the addon.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // Its tests make every export panic; a published addon cannot be made to.
    addon::build(workspace, Profile::Dev, Some(FAULTS))?;
    // The tests sign in against the local Cloud.
    let cloud = cli(workspace)?;
    let report = same_vectors::Report::begin(workspace)?;
    Package::open(workspace)?.check(report.file(), &cloud)?;
    println!("{}", report.compare(workspace)?);
    Ok(())
}

/// The package's tests that need a redis-server, with an instance in Rust.
pub(crate) fn redis(
    workspace: &Workspace,
    cloud: &Path,
    server: &Path,
    instance: &Path,
    certificates: &Certificates,
) -> Result<()> {
    addon::build(workspace, Profile::Dev, Some(FAULTS))?;
    let package = Package::open(workspace)?;
    package.build()?;
    package.try_redis(cloud, server, instance, certificates)
}

/// `cargo xtask npm-pack`: the two tarballs as published.
pub(crate) fn pack(workspace: &Workspace, out: &Path, platforms: Platforms) -> Result<()> {
    let addon = addon::build(workspace, Profile::Stripped, None)?;
    let package = Package::open(workspace)?;
    package.build()?;
    pack::run(workspace, &package, &addon, out, platforms)
}

/// `cargo xtask tarballs`: installs the tarballs outside of the repository and signs in with them.
pub(crate) fn tarballs(workspace: &Workspace) -> Result<()> {
    let package = Package::open(workspace)?;
    // The tools are downloaded while the addon compiles.
    let (built, tools) = thread::scope(|scope| {
        let tools = scope.spawn(|| package.tools(workspace));
        let built = shipped(workspace).and_then(|cloud| Ok((packed(workspace)?, cloud)));
        (built, tools.join())
    });
    let (out, cloud) = built?;
    let tools = tools.map_err(|_panic| anyhow!("the tools cannot be installed"))??;
    package.try_tarballs(&out, &cloud, &tools)
}

/// Type-checks the guides' programs against the package; complete ones run too.
pub(crate) fn guides(workspace: &Workspace, scripts: &Scripts) -> Result<()> {
    addon::build(workspace, Profile::Dev, Some(FAULTS))?;
    let package = Package::open(workspace)?;
    scripts.write(&package.folder().join(".guides"))?;
    package.build()?;
    package.run_guides()
}

/// A folder with only today's two tarballs: those of another version would be mistaken for them.
pub(crate) fn packed(workspace: &Workspace) -> Result<PathBuf> {
    let out = target_directory(workspace)?.join("npm-packed");
    pack::empty(&out)?;
    pack(workspace, &out, Platforms::ThisOne)?;
    Ok(out)
}

/// `cargo xtask bench node`: measures the package.
pub(crate) fn bench(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    // A release build: the benches sign in against the local Cloud, and one of them calls it at every request.
    let cloud = shipped(workspace)?;
    as_shipped(workspace)?.bench(&cloud, arguments)
}

/// Finds Node, with the package built on a release build of the addon.
pub(crate) fn built(workspace: &Workspace) -> Result<Node> {
    as_shipped(workspace)?;
    Node::find(workspace)
}

fn as_shipped(workspace: &Workspace) -> Result<Package> {
    addon::build(workspace, Profile::Release, None)?;
    let package = Package::open(workspace)?;
    package.build()?;
    Ok(package)
}

/// `cargo xtask soak NAME`: a long run that looks for leaks and failures.
pub(crate) fn soak(workspace: &Workspace, name: &str) -> Result<()> {
    addon::build(workspace, Profile::Release, feature_of(name))?;
    let cloud = cli(workspace)?;
    let package = Package::open(workspace)?;
    package.build()?;
    package.soak(name, &cloud)
}

/// Only the long run that makes the addon panic gets an addon that can be made to.
fn feature_of(soak: &str) -> Option<&'static str> {
    (soak == "panics").then_some(FAULTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_built_in_for_one_run_only() {
        assert_eq!(feature_of("panics"), Some("fault-injection"));
        assert_eq!(feature_of("memory"), None);
    }
}
