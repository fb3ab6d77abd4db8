//! `e2e/`: sign-in in a real browser, against the binary of a release.
//!
//! Missing programs are installed where that is allowed (as root on Debian; npm packages always); otherwise one line names
//! them. `CHROMIUM` names a browser, `MASTRA_AUTH` a binary; neither is required.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::shipped;
use crate::debian::{self, Wanted};
use crate::node::{self, Node};
use crate::process::run as run_program;
use crate::workspace::Workspace;

const CHROMIUM: Wanted = Wanted {
    package: "chromium",
    programs: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ],
    variable: "CHROMIUM",
};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    run_program(&mut Ready::find(workspace)?.script("test"))
}

/// `e2e/` with everything that its scripts need.
pub(crate) struct Ready {
    folder: PathBuf,
    node: Node,
    chromium: PathBuf,
    binary: PathBuf,
}

impl Ready {
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.path("e2e");
        let node = Node::find(workspace)?;
        let chromium = debian::program(&CHROMIUM)?;
        node::install(&node, &folder)?;
        let binary = shipped(workspace)?;
        Ok(Self {
            folder,
            node,
            chromium,
            binary,
        })
    }

    /// A script of `e2e/package.json`.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = self.node.npm(&self.folder);
        command
            .args(["run", "--silent", name])
            .env("CHROMIUM", &self.chromium)
            .env("MASTRA_AUTH", &self.binary);
        command
    }
}
