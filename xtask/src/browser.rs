//! `e2e/`: sign-in in a real browser, against the binary of a release and at real Mastra servers.
//!
//! The package that the servers install is packed first, and comes from a test registry: the tests run what a user installs.
//! `CHROMIUM` names a browser, `MASTRA_AUTH` a binary; neither is required.

use anyhow::Result;

use crate::builds::shipped;
use crate::node::{self, E2E, Node};
use crate::process::run as run_program;
use crate::programs::Program;
use crate::workspace::Workspace;

const CHROMIUM: Program = Program {
    package: "chromium",
    names: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ],
    variable: "CHROMIUM",
};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    scripts(workspace, &["test"], |_| Ok(None))
}

pub(crate) fn hosts(workspace: &Workspace) -> Result<()> {
    scripts(workspace, &["test:hosts", "test:studio"], |workspace| {
        node::packed(workspace).map(Some)
    })
}

/// Runs scripts of `e2e/package.json`. Missing programs are named before anything is built.
fn scripts(
    workspace: &Workspace,
    names: &[&str],
    packed: fn(&Workspace) -> Result<Option<std::path::PathBuf>>,
) -> Result<()> {
    let node = Node::find(workspace)?;
    let chromium = CHROMIUM.find(workspace)?;
    node.install(&workspace.path(E2E))?;
    let binary = shipped(workspace)?;
    let packed = packed(workspace)?;
    for name in names {
        let mut script = node.npm(&workspace.path(E2E));
        script
            .args(["run", "--silent", *name])
            .env("CHROMIUM", &chromium)
            .env("MASTRA_AUTH", &binary);
        if let Some(packed) = &packed {
            script.env("MASTRA_AUTH_PACKED", packed);
        }
        run_program(&mut script)?;
    }
    Ok(())
}
