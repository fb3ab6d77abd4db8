//! `npm/auth-cloud`, with everything installed that its scripts need.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Node;
use super::platform::Platform;
use crate::process::run;
use crate::workspace::Workspace;

/// The package's folder.
pub(crate) const FOLDER: &str = "npm/auth-cloud";
/// The lock file of the bundlers and runtimes on which the tarballs are tried.
const TOOLS: &str = "npm/auth-cloud/tarballs/tools";

pub(super) struct Package {
    folder: PathBuf,
    node: Node,
}

impl Package {
    pub(super) fn open(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.path(FOLDER);
        let node = Node::find(workspace)?;
        node.install(&folder)?;
        let package = Self { folder, node };
        package.stand_in()?;
        Ok(package)
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn build(&self) -> Result<()> {
        run(&mut self.script("build"))
    }

    /// A script of the package's manifest.
    pub(super) fn script(&self, name: &str) -> Command {
        // On standard error: some scripts print only their result on standard output.
        eprintln!("npm run {name}");
        let mut command = self.node.npm(&self.folder);
        command.args(["run", "--silent", name]);
        command
    }

    /// Installs the bundlers and runtimes in pinned versions, in a folder of the build directory, so that they cannot
    /// resolve packages of this repository.
    pub(super) fn tools(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.target()?.join("npm-tools");
        super::runtime::copy_lock(workspace, TOOLS, &folder)?;
        self.node.install(&folder)?;
        Ok(folder)
    }

    /// Replaces the unpublished package of the addon with a link to the addon that was built here. So the package finds its
    /// addon in only one way, the users'. npm removes the link at each install.
    fn stand_in(&self) -> Result<()> {
        let platform = Platform::host()?;
        let name = format!("@mastra/auth-cloud-{}", platform.name);
        let place = self.folder.join("node_modules").join(&name);
        let main = format!("../../../native/{}", platform.file());
        let manifest = json!({ "name": name, "version": "0.0.0", "main": main });
        fs::create_dir_all(&place)
            .and_then(|()| fs::write(place.join("package.json"), format!("{manifest:#}\n")))
            .with_context(|| format!("{}", place.display()))
    }
}
