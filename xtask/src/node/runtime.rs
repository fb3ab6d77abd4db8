//! The Node on which all npm commands run: the installed one if it is new enough, otherwise one that npm fetches.
//!
//! The lock file in `xtask/node` pins its version and hash for each platform. It is fetched once, into `node22` of the build
//! folder, and none of its scripts run. Needs an npm on the PATH; installs no npm and changes nothing elsewhere.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};

use anyhow::{Context as _, Result, ensure};

use super::glibc::version;
use crate::process::{capture, find, run};
use crate::workspace::Workspace;

/// The oldest supported version.
const OLDEST: [u32; 2] = [22, 13];
const MISSING: &str = "Node 22.13 or newer is missing: install it with npm and put both on the PATH (an older Node with npm \
    will do where npm can fetch a newer one)";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// A Node that is new enough, and npm.
pub(crate) struct Node {
    path: OsString,
    lock: PathBuf,
}

impl Node {
    /// Finds or fetches Node.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        ensure!(find(&[NPM]).is_some(), MISSING);
        let lock = workspace.target()?.join("npm.lock");
        let path = env::var_os("PATH").unwrap_or_default();
        let mut node = Self { path, lock };
        if !node.is_new_enough() {
            let home = node.install_copy(workspace, "xtask/node", "node22");
            // npm installs the package for this platform alone, if there is one.
            let modules = fs::read_dir(home.context(MISSING)?.join("node_modules"))?;
            let mut folders = modules.flatten().map(|one| one.path().join("bin"));
            let fetched = folders.find(|folder| folder.is_dir()).context(MISSING)?;
            node.path = env::join_paths(iter::once(fetched).chain(env::split_paths(&node.path)))?;
            ensure!(
                node.is_new_enough(),
                "the fetched Node does not run here. {MISSING}"
            );
        }
        Ok(node)
    }

    fn is_new_enough(&self) -> bool {
        let said = capture(self.for_children_of(Command::new("node").arg("--version")));
        said.is_ok_and(|said| version(said.trim().trim_start_matches('v')) >= OLDEST)
    }

    /// Makes this Node the `node` of a program's child processes.
    pub(crate) fn for_children_of<'c>(&self, program: &'c mut Command) -> &'c mut Command {
        program.env("PATH", &self.path)
    }

    /// `npm` in a folder; npm and its child processes run on this Node.
    pub(crate) fn npm(&self, folder: &Path) -> Command {
        let mut command = Command::new(NPM);
        command.env("PATH", &self.path).current_dir(folder);
        // By default npm waits 70 s in all for a package that a registry refuses, also for an optional one.
        let retries = [("retry_mintimeout", "1000"), ("retry_maxtimeout", "5000")];
        command.envs(retries.map(|(name, value)| (format!("npm_config_fetch_{name}"), value)));
        command
    }

    /// Installs a folder's packages, those of its lock file, if the installed ones are out of date. One folder at a time: steps
    /// that run in parallel install the same ones.
    ///
    /// `npm install`, not `npm ci`: tools with a binary for every platform have lock files that `npm ci` considers incomplete
    /// if a registry lacks some of those binaries. Writes neither the lock file nor the manifest.
    pub(crate) fn install(&self, folder: &Path) -> Result<()> {
        let lock = File::create(&self.lock)?;
        lock.lock()?;
        // npm records what it installed; a lock file changed later requires a new install.
        let age = |file: &str| fs::metadata(folder.join(file)).ok()?.modified().ok();
        let installed = age("node_modules/.package-lock.json");
        if installed.is_some() && installed >= age("package-lock.json") {
            return Ok(());
        }
        // npm leaves out an optional package whose fetch failed, as a runtime's binary, and says nothing. A second look fetches it.
        for _ in 0..2 {
            let mut npm = self.npm(folder);
            // What npm has cached is not asked for again: the lock file names versions and digests.
            let options = "--prefer-offline --no-save --ignore-scripts --no-audit --no-fund";
            npm.arg("install").args(options.split(' '));
            run(&mut npm).with_context(|| format!("{} cannot be installed", folder.display()))?;
        }
        Ok(())
    }

    /// The bundlers and runtimes that the packed package is tried with, in pinned versions; in a folder of the build directory, so
    /// that they cannot resolve packages of this repository.
    pub(crate) fn tools(&self, workspace: &Workspace) -> Result<PathBuf> {
        self.install_copy(workspace, "npm/auth-cloud/tarballs/tools", "npm-tools")
    }

    /// Installs the packages that the lock file of one folder pins in a folder of the build folder, and returns that.
    pub(super) fn install_copy(
        &self,
        workspace: &Workspace,
        from: &str,
        to: &str,
    ) -> Result<PathBuf> {
        let folder = workspace.target()?.join(to);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for name in ["package.json", "package-lock.json"] {
            let text = workspace.read(&format!("{from}/{name}"))?;
            if fs::read_to_string(folder.join(name)).ok().as_ref() != Some(&text) {
                fs::write(folder.join(name), text)?;
            }
        }
        self.install(&folder)?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever npm fetches to run or to link with is pinned by its hash.
    #[test]
    fn what_is_fetched_is_pinned_and_new_enough() {
        let workspace = Workspace::find().unwrap();
        for folder in ["node", "sysroot"] {
            let lock = workspace
                .read(&format!("xtask/{folder}/package-lock.json"))
                .unwrap();
            let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
            let packages = lock["packages"].as_object().unwrap();
            assert!(packages.len() > 1);
            for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
                assert!(
                    package["integrity"]
                        .as_str()
                        .unwrap()
                        .starts_with("sha512-"),
                    "{name}"
                );
                let its = version(package["version"].as_str().unwrap());
                assert!(folder == "sysroot" || its >= OLDEST, "{name}");
            }
        }
    }
}
