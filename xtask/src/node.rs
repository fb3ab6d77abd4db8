//! The Node package: the addon `crates/node`, and `npm/auth-cloud` on top of it.
//!
//! Each step first builds the addon it needs, so that no run uses an addon of another kind. npm runs no install scripts.

mod glibc;
mod runtime;

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io, path};

use anyhow::{Result, ensure};

use crate::builds::{self, cli, shipped};
use crate::process::run as run_program;
use crate::programs::OPENSSL;
use crate::workspace::{Workspace, empty};

pub(crate) use runtime::Node;

/// The package's folder.
pub(crate) const FOLDER: &str = "npm/auth-cloud";
/// The folder of the tests in a browser and at real servers.
pub(crate) const E2E: &str = "e2e";

/// Most bytes of a packed addon on x64 Linux.
const LARGEST: u64 = 4_500_000;

/// What an addon is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tests,
    /// A release whose exports can be made to panic.
    Faults,
    Release,
    /// What is published: a release without symbols, linked with an old C library.
    Packed,
}

/// The package with everything installed that its scripts need.
struct Package {
    folder: PathBuf,
    node: Node,
}

impl Package {
    fn open(workspace: &Workspace) -> Result<Self> {
        let (folder, node) = (workspace.path(FOLDER), Node::find(workspace)?);
        node.install(&folder)?;
        Ok(Self { folder, node })
    }

    /// The package, built on a fresh addon of this kind, and the addon's place.
    fn build(workspace: &Workspace, kind: Kind) -> Result<(Self, PathBuf)> {
        let addon = addon(workspace, kind)?;
        let package = Self::open(workspace)?;
        run_program(&mut package.script("build"))?;
        Ok((package, addon))
    }

    /// A script of the package's manifest.
    fn script(&self, name: &str) -> Command {
        // On standard error: some scripts print only their result on standard output.
        eprintln!("npm run {name}");
        let mut command = self.node.npm(&self.folder);
        command.args(["run", "--silent", name, "--"]);
        command
    }
}

/// `cargo xtask npm`: all checks of the package, on a development build of the addon.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let (package, _) = Package::build(workspace, Kind::Tests)?;
    // The tests sign in against the local Cloud, and make certificates.
    let (cloud, openssl) = (cli(workspace)?, OPENSSL.find(workspace)?);
    for name in ["typecheck", "lint", "test", "check-package"] {
        let mut script = package.script(name);
        script.env("MASTRA_AUTH", &cloud);
        run_program(script.env(OPENSSL.variable, &openssl))?;
    }
    Ok(())
}

/// The package's own tests on the WebAssembly, which is built.
pub(crate) fn on_wasm(workspace: &Workspace) -> Result<()> {
    let (package, _) = Package::build(workspace, Kind::Tests)?;
    let mut script = package.script("wasm");
    script.env("MASTRA_AUTH", cli(workspace)?);
    run_program(script.env(OPENSSL.variable, OPENSSL.find(workspace)?))
}

/// `cargo xtask fetch`: what later steps take from npm, so that they do not wait for it.
pub(crate) fn fetch(workspace: &Workspace) -> Result<()> {
    let package = Package::open(workspace)?;
    package.node.install(&workspace.path(E2E))?;
    package.node.tools(workspace)?;
    glibc::sysroot(workspace)?;
    // Where the tests of real servers install them, together with the package.
    package
        .node
        .install_copy(workspace, "e2e/hosts", "e2e-hosts")?;
    Ok(())
}

/// The package's tests that need a redis-server, with this environment.
pub(crate) fn redis(workspace: &Workspace, environment: &[(&str, PathBuf)]) -> Result<()> {
    let (package, _) = Package::build(workspace, Kind::Tests)?;
    run_program(package.script("redis").envs(environment.iter().cloned()))
}

/// `cargo xtask npm-pack`: the tarballs as published. A release names the packages of every platform.
pub(crate) fn pack(workspace: &Workspace, out: &Path, is_release: bool) -> Result<()> {
    let (package, addon) = Package::build(workspace, Kind::Packed)?;
    // Only a release waits for a build of its own.
    let program = if is_release {
        published_program(workspace)?
    } else {
        shipped(workspace)?
    };
    let mut pack = package.script("npm-pack");
    // What a long run prints is its result.
    pack.stdout(io::stderr());
    pack.args([addon, program, path::absolute(out)?]);
    run_program(pack.args(is_release.then_some("--all-platforms")))
}

/// A folder with only today's tarballs: those of another version would be mistaken for them.
pub(crate) fn packed(workspace: &Workspace) -> Result<PathBuf> {
    let out = workspace.target()?.join("npm-packed");
    empty(&out)?;
    pack(workspace, &out, false)?;
    Ok(out)
}

/// A script of the package's manifest that takes today's tarballs and the pinned tools, with more in its environment.
pub(crate) fn packed_script(
    workspace: &Workspace,
    name: &str,
    more: &[(&str, PathBuf)],
) -> Result<()> {
    let package = Package::open(workspace)?;
    let environment = [
        ("TOOLS", package.node.tools(workspace)?),
        ("MASTRA_AUTH", shipped(workspace)?),
        ("TARBALLS", packed(workspace)?),
    ];
    let more = more.iter().cloned();
    run_program(package.script(name).envs(environment).envs(more))
}

/// `cargo xtask guides`: runs the commands of the guides, and checks their programs.
pub(crate) fn guides(workspace: &Workspace) -> Result<()> {
    let (package, _) = Package::build(workspace, Kind::Tests)?;
    let environment = [
        ("MASTRA_AUTH", cli(workspace)?),
        ("XTASK", env::current_exe()?),
    ];
    run_program(package.script("guides").envs(environment))
}

/// `cargo xtask bench node`: measures the package, with identities of a release build of the local Cloud.
pub(crate) fn bench(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let cloud = shipped(workspace)?;
    let (package, _) = Package::build(workspace, Kind::Release)?;
    run_program(
        package
            .script("bench")
            .args(arguments)
            .env("MASTRA_AUTH", cloud),
    )
}

/// `cargo xtask bench runtimes`: measures the package in each runtime, on the WebAssembly that was built last.
pub(crate) fn bench_runtimes(workspace: &Workspace) -> Result<()> {
    let (package, _) = Package::build(workspace, Kind::Release)?;
    let tools = package.node.tools(workspace)?;
    run_program(package.script("bench-runtimes").env("TOOLS", tools))
}

/// Shows the tables that this program prints for these words, and writes them to `docs/figures` under the name.
pub(crate) fn show(workspace: &Workspace, words: &[&str], kept: Option<&str>) -> Result<()> {
    let mut script = Command::new("node");
    script.arg(workspace.path("npm/auth-cloud/scripts/figures.mjs"));
    script.args(kept.map(|name| format!("--record={name}")));
    script.arg(env::current_exe()?).args(words);
    script.args(workspace.flags());
    run_program(Node::find(workspace)?.for_children_of(&mut script))
}

/// Node, with the package built on a release build of the addon.
pub(crate) fn as_shipped(workspace: &Workspace) -> Result<Node> {
    Ok(Package::build(workspace, Kind::Release)?.0.node)
}

/// `cargo xtask soak NAME`: a long run that looks for leaks and failures.
pub(crate) fn soak(workspace: &Workspace, name: &str) -> Result<()> {
    // Only the long run that makes the addon panic gets one that can be made to.
    let kind = if name == "panics" {
        Kind::Faults
    } else {
        Kind::Release
    };
    // First, for with the programs comes the addon for tests, in the same place.
    let cloud = cli(workspace)?;
    let (package, _) = Package::build(workspace, kind)?;
    run_program(package.script("soak").arg(name).env("MASTRA_AUTH", cloud))
}

/// The package's runs of `cargo xtask soak bytes`: prints the table of how they ended.
pub(crate) fn faults(workspace: &Workspace) -> Result<()> {
    let (package, _) = Package::build(workspace, Kind::Tests)?;
    let record = workspace.target()?.join("faults.json");
    let mut script = package.script("test");
    script.arg("test/faults.test.ts").stdout(io::stderr());
    script.env("MASTRA_AUTH", cli(workspace)?);
    script.env(OPENSSL.variable, OPENSSL.find(workspace)?);
    run_program(script.env("FAULTS_RECORD", &record))?;
    println!("{}", fs::read_to_string(&record)?);
    Ok(())
}

/// Builds the addon and returns its place: in the build folder for one that is packed, else where the package looks for it.
fn addon(workspace: &Workspace, kind: Kind) -> Result<PathBuf> {
    if kind == Kind::Tests {
        return builds::development(workspace);
    }
    let is_packed = kind == Kind::Packed;
    let is_dev = is_packed && workspace.is_unoptimized;
    // With `cargo rustc`, arguments after `--` apply to the addon alone, not to its dependencies.
    let mut command = workspace.cargo("rustc --package mastra-auth-cloud-node");
    command.args((!is_dev).then_some("--release"));
    command.args((kind == Kind::Faults).then_some("--features=fault-injection"));
    let mut from = if is_dev { "debug" } else { "release" }.to_owned();
    if !is_packed {
        let folder = workspace.path(FOLDER).join("native");
        return builds::addon(
            workspace,
            &format!("{kind:?}"),
            &mut command,
            &from,
            &folder,
        );
    }
    as_published(workspace, &mut command, &mut from)?;
    let folder = workspace.target()?.join("npm");
    let placed = builds::addon(workspace, "packed", &mut command, &from, &folder)?;
    glibc::check(&placed)?;
    if !is_dev && cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let size = fs::metadata(&placed)?.len();
        ensure!(
            size <= LARGEST,
            "the addon has {size} bytes, and may have {LARGEST}"
        );
    }
    Ok(placed)
}

/// The program of the local Cloud as it is published, in the build folder.
fn published_program(workspace: &Workspace) -> Result<PathBuf> {
    let mut command =
        workspace.cargo("rustc --release --package mastra-auth-cli --bin mastra-auth");
    let mut from = "release".to_owned();
    as_published(workspace, &mut command, &mut from)?;
    // SQLite's own flags for large files take `fcntl64` from the headers, which the old library lacks; on 64 bits they change nothing.
    command.env("LIBSQLITE3_FLAGS", "-DSQLITE_DISABLE_LFS");
    run_program(&mut command)?;
    let built = workspace
        .target()?
        .join(format!("{from}/mastra-auth{EXE_SUFFIX}"));
    glibc::check(&built)?;
    Ok(built)
}

/// Has `cargo rustc` link with the old C library, and strip what it builds. `from` is the folder that it builds in.
fn as_published(workspace: &Workspace, command: &mut Command, from: &mut String) -> Result<()> {
    let sysroot = glibc::sysroot(workspace)?;
    if let Some(headers) = sysroot.as_ref().and_then(glibc::Sysroot::for_headers) {
        // A target of its own: otherwise C code with other headers would be recompiled at every change between the two.
        command.args(["--target", glibc::TARGET]).envs([headers]);
        *from = format!("{}/{from}", glibc::TARGET);
    }
    // Strips only this: as a profile setting, stripping would compile all its dependencies again.
    command.args(["--", "-C", "strip=symbols"]);
    command.args(sysroot.iter().flat_map(glibc::Sysroot::for_linker));
    Ok(())
}
