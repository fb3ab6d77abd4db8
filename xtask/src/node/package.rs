//! `npm/auth-cloud`: its packages, and its scripts in the order in which each needs the one before.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Node, packages};
use crate::certificates::Certificates;
use crate::process::run;
use crate::workspace::Workspace;

/// Where the package stands.
pub(super) const FOLDER: &str = "npm/auth-cloud";
const BUILD: &str = "build";
/// What is run on a package that is built.
const CHECKS: [&str; 4] = ["typecheck", "lint", "test", "check-package"];

/// The package with everything installed that its scripts need.
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
        Ok(Self { folder, node })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `npm` in a folder, which need not be the package's own.
    pub(super) fn npm(&self, folder: &Path) -> Command {
        self.node.npm(folder)
    }

    pub(super) fn build(&self) -> Result<()> {
        self.script(BUILD, &[])
    }

    /// Every script; the tests write into `report` how many vectors they ran, and sign in against `cloud`.
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

    /// Installs the tarballs of a folder in empty projects, which sign in against `cloud`.
    pub(super) fn try_tarballs(&self, tarballs: &Path, cloud: &Path) -> Result<()> {
        let mut command = self.command("tarballs", &[]);
        run(command.env("TARBALLS", tarballs).env("MASTRA_AUTH", cloud))
    }

    /// Instances that tell each other over a redis-server what ended; one of them is in Rust.
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

    pub(super) fn script(&self, name: &str, arguments: &[&str]) -> Result<()> {
        run(&mut self.command(name, arguments))
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        // Where a script answers on standard output, its answer stands there alone.
        eprintln!("npm run {name}");
        let mut command = self.node.npm(&self.folder);
        command.args(["run", "--silent", name]);
        if !arguments.is_empty() {
            command.arg("--").args(arguments);
        }
        command
    }
}
