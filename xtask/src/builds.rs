//! What cargo builds, formats and tests for the other steps.

use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread::available_parallelism;

use anyhow::{Context as _, Result, ensure};

use crate::process::run;
use crate::workspace::{EXPORTS, Workspace};

/// The programs that other steps run, and the addon. Which packages and kinds of targets a build names decides with which features it
/// compiles their dependencies: named like this, they are the ones that the tests are compiled with.
const PROGRAMS: &str = "build --workspace --all-features --lib --bin mastra-auth --example codes --example events --example instance";
/// What allows the client's feature `testing` in a release.
pub(crate) const TESTING_IN_RELEASE: &str = "MASTRA_AUTH_TESTING_IN_RELEASE";
/// The kind of addon for tests.
const TESTS: &str = "tests";
/// An addon's file name.
const ADDON: &str = "addon.node";

pub(crate) fn fmt(workspace: &Workspace) -> Result<()> {
    let check = if workspace.is_check { "--check" } else { "" };
    run(&mut workspace.cargo(&format!("fmt --all {check}")))?;
    for other in ["benches", "differential", "fuzz", "xtask/miri"] {
        run(&mut workspace.cargo(&format!("fmt --manifest-path {other}/Cargo.toml {check}")))?;
    }
    Ok(())
}

pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("clippy --workspace --all-targets --all-features -- -D warnings"))?;
    // Each feature of the client alone, and none.
    for feature in ["", "reqwest", "axum", "redis", "metrics", "program"] {
        let alone = "clippy --package mastra-auth-cloud --lib --no-default-features --features";
        run(workspace
            .cargo(alone)
            .args([feature, "--", "-D", "warnings"]))?;
    }
    // What signs users in without a Cloud compiles in no release.
    let release = "clippy --package mastra-auth-cloud --lib --features testing --config";
    let mut release = workspace.cargo(release);
    release.arg("profile.dev.package.mastra-auth-cloud.debug-assertions=false");
    let output = release.env_remove(TESTING_IN_RELEASE).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains(TESTING_IN_RELEASE),
        "a release with the feature `testing` does not stop as it should: {said}"
    );
    Ok(())
}

pub(crate) fn tests(workspace: &Workspace) -> Result<()> {
    if !workspace.has_cargo("nextest") {
        let all = "test --quiet --workspace --all-features --lib --bins --tests";
        return run(&mut workspace.cargo(all));
    }
    // Most tests wait for time to pass: twice as many at once take half as long.
    let threads = 2 * available_parallelism().map_or(2, NonZero::get);
    let all = "nextest run --workspace --all-features --status-level fail";
    run(&mut workspace.cargo(&format!("{all} --test-threads {threads}")))
}

pub(crate) fn doctest(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("test --quiet --doc --workspace --all-features"))
}

pub(crate) fn doc(workspace: &Workspace) -> Result<()> {
    let mut doc = workspace.cargo("doc --workspace --all-features --no-deps");
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// What requests share, in very many interleavings. The core is compiled with `--cfg shuttle`, which replaces its locks; by a
/// wrapper around the compiler of our own crates, for as `RUSTFLAGS` it would compile every dependency once more.
pub(crate) fn model(workspace: &Workspace) -> Result<()> {
    let tests = "test --quiet --package mastra-auth-cloud-core --lib interleavings::";
    let wrapper = workspace.path("xtask/shuttle.sh");
    let mut tests = workspace.cargo(tests);
    run(tests.env("RUSTC_WORKSPACE_WRAPPER", wrapper))
}

pub(crate) fn release(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("build --release --package mastra-auth-cli"))
}

/// A development build of the command line.
pub(crate) fn cli(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "mastra-auth")
}

/// A development build of an example: `codes`, `events` or `instance`.
pub(crate) fn example(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    program(workspace, &format!("examples/{name}"))
}

fn program(workspace: &Workspace, place: &str) -> Result<PathBuf> {
    development(workspace)?;
    Ok(workspace
        .target()?
        .join(format!("debug/{place}{EXE_SUFFIX}")))
}

/// Builds the programs and the addon for tests, once in a run. Every export of that addon can be made to panic, as no published
/// addon's can. Returns the addon's place.
pub(crate) fn development(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.path("npm/auth-cloud/native");
    if workspace.is_built.replace(true) {
        return Ok(folder.join(ADDON));
    }
    addon(
        workspace,
        TESTS,
        &mut workspace.cargo(PROGRAMS),
        "debug",
        &folder,
    )
}

/// Runs a command that builds an addon in a folder of the build folder, puts the addon in another folder, and returns its place.
///
/// By a rename: a process that has loaded the old addon keeps it whole, and no process reads a partial file.
pub(crate) fn addon(
    workspace: &Workspace,
    kind: &str,
    build: &mut Command,
    from: &str,
    to: &Path,
) -> Result<PathBuf> {
    // All kinds have one file name, by which cargo takes one for another: a change between them starts anew. What runs in
    // parallel waits.
    let lock = File::create(workspace.target()?.join("addon.lock"))?;
    lock.lock()?;
    let built = workspace
        .target()?
        .join(from)
        .join(format!("{DLL_PREFIX}mastra_auth_cloud_node{DLL_SUFFIX}"));
    let marker = built.with_extension("kind");
    let is_other = fs::read_to_string(&marker).map_or(built.is_file(), |last| last != kind);
    let time = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let (described, compiled) = (time(&workspace.exports()), time(&built));
    let is_described = kind != TESTS || described >= compiled;
    if is_other || !is_described {
        run(&mut workspace.cargo("clean --quiet --package mastra-auth-cloud-node"))?;
    }
    // Every compiler of the addon writes there, clippy among them and several at once, and none makes the folder. So what this one
    // wrote is kept.
    let exports = workspace.path(EXPORTS);
    fs::create_dir_all(&exports)?;
    run(build)?;
    if kind == TESTS && time(&built) != compiled {
        fs::copy(exports.join("mastra-auth-cloud-node"), workspace.exports())?;
    }
    fs::write(&marker, kind)?;
    let (part, placed) = (to.join(format!("{}.part", process::id())), to.join(ADDON));
    fs::create_dir_all(to)
        .and_then(|()| fs::copy(&built, &part))
        .and_then(|_| fs::rename(&part, &placed))
        .with_context(|| format!("{} cannot be put at {}", built.display(), placed.display()))?;
    Ok(placed)
}

/// The command line under test: the one that `MASTRA_AUTH` names, or one that is built now as it ships.
pub(crate) fn shipped(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("MASTRA_AUTH").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "MASTRA_AUTH={} is not a file",
            named.display()
        );
        return Ok(named);
    }
    if workspace.is_unoptimized {
        return cli(workspace);
    }
    release(workspace)?;
    Ok(workspace
        .target()?
        .join(format!("release/mastra-auth{EXE_SUFFIX}")))
}
