//! The Node package: the addon `crates/node`, and `npm/auth-cloud` that is written over it.
//!
//! Each command builds the addon it needs before it does anything else, so that no run meets an addon of another kind.
//! Nothing of npm is asked to run an install script.

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

/// `cargo xtask npm`: everything that checks the package, on an addon as it is developed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // Its tests make every export panic; what is packed cannot be made to.
    addon::build(workspace, Profile::Dev, Some(FAULTS))?;
    // The tests sign in against the local Cloud.
    let cloud = cli(workspace)?;
    let report = same_vectors::Report::begin(workspace)?;
    Package::open(workspace)?.check(report.file(), &cloud)?;
    println!("{}", report.compare(workspace)?);
    Ok(())
}

/// The tests of the package that need a redis-server, beside an instance in Rust.
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

/// `cargo xtask npm-pack`: the two tarballs as they are published.
pub(crate) fn pack(workspace: &Workspace, out: &Path, platforms: Platforms) -> Result<()> {
    let addon = addon::build(workspace, Profile::Stripped, None)?;
    let package = Package::open(workspace)?;
    package.build()?;
    pack::run(workspace, &package, &addon, out, platforms)
}

/// `cargo xtask tarballs`: what is packed is installed far from here and signs in.
pub(crate) fn tarballs(workspace: &Workspace) -> Result<()> {
    let package = Package::open(workspace)?;
    // The tools come from the network while the addon is compiled.
    let (built, tools) = thread::scope(|scope| {
        let tools = scope.spawn(|| package.tools(workspace));
        let built = shipped(workspace).and_then(|cloud| Ok((packed(workspace)?, cloud)));
        (built, tools.join())
    });
    let (out, cloud) = built?;
    let tools = tools.map_err(|_panic| anyhow!("the tools cannot be installed"))??;
    package.try_tarballs(&out, &cloud, &tools)
}

/// The guides' programs against the types of the package; those that are whole run too.
pub(crate) fn guides(workspace: &Workspace, scripts: &Scripts) -> Result<()> {
    addon::build(workspace, Profile::Dev, Some(FAULTS))?;
    let package = Package::open(workspace)?;
    scripts.write(&package.folder().join(".guides"))?;
    package.build()?;
    package.run_guides()
}

/// The folder of today's two tarballs, and of no others: those of another version would be taken for them.
pub(crate) fn packed(workspace: &Workspace) -> Result<PathBuf> {
    let out = target_directory(workspace)?.join("npm-packed");
    pack::empty(&out)?;
    pack(workspace, &out, Platforms::ThisOne)?;
    Ok(out)
}

/// `cargo xtask bench node`: how fast the package is.
pub(crate) fn bench(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    // Its benches sign in against the local Cloud, and one row of theirs asks it at every request: as it ships.
    let cloud = shipped(workspace)?;
    as_shipped(workspace)?.bench(&cloud, arguments)
}

/// The Node to run it on, with the package built on an addon as it ships.
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

/// `cargo xtask soak NAME`: a long run that looks for what grows or breaks.
pub(crate) fn soak(workspace: &Workspace, name: &str) -> Result<()> {
    addon::build(workspace, Profile::Release, feature_of(name))?;
    let cloud = cli(workspace)?;
    let package = Package::open(workspace)?;
    package.build()?;
    package.soak(name, &cloud)
}

/// Of the long runs only the one that makes the addon panic gets an addon that can be made to.
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
