//! `e2e/`: sign-in at real Mastra servers and in their Studio, with the npm package as published.
//!
//! The package is packed first, and the servers install it from a test registry: the tests run what a user installs.

use anyhow::Result;

use crate::browser::Ready;
use crate::node;
use crate::process::run as run_program;
use crate::workspace::Workspace;

const SCRIPTS: [&str; 2] = ["test:hosts", "test:studio"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    // Check for missing programs before building anything.
    let ready = Ready::find(workspace)?;
    let packed = node::packed(workspace)?;
    for script in SCRIPTS {
        run_program(ready.script(script).env("MASTRA_AUTH_PACKED", &packed))?;
    }
    Ok(())
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
