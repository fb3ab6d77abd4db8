//! `npm/auth-cloud`: its packages, and its scripts in the order of their dependencies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::platform::Platform;
use super::{Node, packages};
use crate::cargo::target_directory;
use crate::certificates::Certificates;
use crate::process::run;
use crate::workspace::Workspace;

/// The package's folder.
pub(super) const FOLDER: &str = "npm/auth-cloud";
const TOOLS: &str = "npm/auth-cloud/tarballs/tools";
const BUILD: &str = "build";
/// Scripts to run on the built package.
const CHECKS: [&str; 4] = ["typecheck", "lint", "test", "check-package"];

/// The package, with everything installed that its scripts need.
pub(super) struct Package {
    folder: PathBuf,
    node: Node,
}

impl Package {
    pub(super) fn open(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.path(FOLDER);
        ensure!(
            folder.join("package.json").is_file(),
            "{FOLDER}/package.json is missing"
        );
        let node = Node::find(workspace)?;
        packages::install(&node, &folder)?;
        stand_in(&folder, Platform::host()?)?;
        Ok(Self { folder, node })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `npm` in any folder.
    pub(super) fn npm(&self, folder: &Path) -> Command {
        self.node.npm(folder)
    }

    pub(super) fn build(&self) -> Result<()> {
        run(&mut self.command(BUILD, &[]))
    }

    /// Runs every script. The tests write to `report` how many vectors they ran, and sign in against `cloud`.
    pub(super) fn check(&self, report: &Path, cloud: &Path) -> Result<()> {
        self.build()?;
        for name in CHECKS {
            let mut command = self.command(name, &[]);
            run(command
                .env("VECTORS_REPORT", report)
                .env("MASTRA_AUTH", cloud))?;
        }
        Ok(())
    }

    /// Installs a folder's tarballs in empty projects, which sign in against `cloud`; then tries each of `tools` on them.
    pub(super) fn try_tarballs(&self, tarballs: &Path, cloud: &Path, tools: &Path) -> Result<()> {
        let mut command = self.command("tarballs", &[]);
        run(command
            .env("TARBALLS", tarballs)
            .env("MASTRA_AUTH", cloud)
            .env("TOOLS", tools))
    }

    /// The bundlers and runtimes on which the tarballs are tried, in pinned versions. They are in a folder of the build
    /// directory, so that they cannot resolve packages of this repository.
    pub(super) fn tools(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = target_directory(workspace)?.join("npm-tools");
        fs::create_dir_all(&folder)?;
        for name in ["package.json", "package-lock.json"] {
            let (place, text) = (
                folder.join(name),
                workspace.read(&format!("{TOOLS}/{name}"))?,
            );
            if fs::read_to_string(&place).is_ok_and(|there| there == text) {
                continue;
            }
            fs::write(place, text)?;
        }
        packages::install(&self.node, &folder)?;
        Ok(folder)
    }

    /// Tests instances that exchange revocations over a redis-server; one of them is in Rust.
    pub(super) fn try_redis(
        &self,
        cloud: &Path,
        server: &Path,
        instance: &Path,
        certificates: &Certificates,
    ) -> Result<()> {
        let mut command = self.command("redis", &[]);
        run(command
            .env("MASTRA_AUTH", cloud)
            .env("REDIS_SERVER", server)
            .env("RUST_INSTANCE", instance)
            .env("REDIS_CERTIFICATES", &certificates.folder)
            .env("NODE_EXTRA_CA_CERTS", &certificates.trusted))
    }

    /// Measures, with identities of `cloud`.
    pub(super) fn bench(&self, cloud: &Path, arguments: &[&str]) -> Result<()> {
        run(self.command("bench", arguments).env("MASTRA_AUTH", cloud))
    }

    /// Runs the guides' programs, with the environment that they expect.
    pub(super) fn run_guides(&self) -> Result<()> {
        run(self.command("guides", &[]).envs([
            ("MASTRA_PROJECT_ID", "demo"),
            ("ROBOT_KEY", "robot"),
            ("CUSTOMER_KEY", "customer"),
        ]))
    }

    /// A long run; some sign in against `cloud`.
    pub(super) fn soak(&self, name: &str, cloud: &Path) -> Result<()> {
        run(self.command("soak", &[name]).env("MASTRA_AUTH", cloud))
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        // On standard error: some scripts print only their result on standard output.
        eprintln!("npm run {name}");
        let mut command = self.node.npm(&self.folder);
        command.args(["run", "--silent", name]);
        if !arguments.is_empty() {
            command.arg("--").args(arguments);
        }
        command
    }
}

/// Replaces the unpublished package of the addon with a link to the addon that was built here. So the package finds its
/// addon in only one way, the users'. npm removes the link at each install.
fn stand_in(folder: &Path, platform: Platform) -> Result<()> {
    let name = format!("@mastra/auth-cloud-{}", platform.name);
    let place = folder.join("node_modules").join(&name);
    let main = format!("../../../native/{}", platform.file());
    let manifest = json!({ "name": name, "version": "0.0.0", "main": main });
    fs::create_dir_all(&place)
        .and_then(|()| fs::write(place.join("package.json"), format!("{manifest:#}\n")))
        .with_context(|| format!("{}", place.display()))
}
