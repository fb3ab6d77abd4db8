//! `e2e/`: sign-in in a real browser, against the binary as it ships.
//!
//! What is missing is installed where that may be done (as root on Debian; npm packages always) and otherwise named in one
//! line. `CHROMIUM` names a browser, `MASTRA_AUTH` a binary; neither is needed.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::cargo::shipped;
use crate::debian::{self, Installed};
use crate::node::{self, Node};
use crate::process::{find, run as run_program};
use crate::workspace::Workspace;

const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

const MISSING: &str = "chromium is missing: install it with `apt-get install chromium`, or set CHROMIUM=/path/to/chromium";

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
        let chromium = chromium()?;
        node::install(&node, &folder)?;
        let binary = shipped(workspace)?;
        Ok(Self {
            folder,
            node,
            chromium,
            binary,
        })
    }

    /// One script of `e2e/package.json`.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = self.node.npm(&self.folder);
        command
            .args(["run", "--silent", name])
            .env("CHROMIUM", &self.chromium)
            .env("MASTRA_AUTH", &self.binary);
        command
    }
}

/// The browser that is named, the one that is there, or one that can be installed.
fn chromium() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "CHROMIUM={} is not a file",
            named.display()
        );
        return Ok(named);
    }
    if let Some(found) = find(&BROWSERS) {
        return Ok(found);
    }
    match debian::install("chromium")? {
        Installed::Yes => find(&BROWSERS).context(MISSING),
        Installed::MayNot => bail!(MISSING),
    }
}
