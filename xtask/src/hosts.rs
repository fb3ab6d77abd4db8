//! `e2e/`: sign-in at real Mastra servers and in their Studio, with the npm package as it is published.
//!
//! The package is packed first, and the servers have it from a registry of the tests: what is tested is what a user installs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::browser::Ready;
use crate::cargo::target_directory;
use crate::node;
use crate::process::run as run_program;
use crate::workspace::Workspace;

const SCRIPTS: [&str; 2] = ["test:hosts", "test:studio"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // What can be missing is asked for before anything is built.
    let ready = Ready::find(workspace)?;
    let packed = packed(workspace)?;
    for script in SCRIPTS {
        run_program(ready.script(script).env("MASTRA_AUTH_PACKED", &packed))?;
    }
    Ok(())
}

/// The two tarballs, and none of another version from an earlier run.
fn packed(workspace: &Workspace) -> Result<PathBuf> {
    let folder = target_directory(workspace)?.join("npm-packed");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    }
    node::pack(workspace, &folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn what_is_run_is_there() {
        let manifest: Value = serde_json::from_str(include_str!("../../e2e/package.json")).unwrap();
        for script in SCRIPTS {
            assert!(manifest["scripts"][script].is_string(), "{script}");
        }
    }
}
