//! `cargo xtask gen`: writes what is generated from the code and from lists. It needs Node, and nothing of npm.

use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use crate::builds::{cli, example};
use crate::node::Node;
use crate::process::run as run_program;
use crate::soak::SOAKS;
use crate::workspace::Workspace;
use crate::{asvs, contract, threats};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut script = Command::new("node");
    script.arg(workspace.path("npm/auth-cloud/scripts/gen.mjs"));
    script.args(workspace.is_check.then_some("--check"));
    let environment = [
        ("MASTRA_AUTH", cli(workspace)?),
        ("CODES", example(workspace, "codes")?),
        ("EVENTS", example(workspace, "events")?),
        ("EXPORTS", workspace.exports()),
    ];
    // Node reads no YAML, TOML or CSV.
    script.env("CONTRACT", contract::documents(workspace)?.to_string());
    script.env("LISTS", lists(workspace)?.to_string());
    let node = Node::find(workspace)?;
    run_program(node.for_children_of(script.envs(environment)))
}

/// What docs/security.md shows beside the recorded runs.
fn lists(workspace: &Workspace) -> Result<Value> {
    let soaks = SOAKS
        .iter()
        .map(|soak| json!({ "name": soak.name, "about": soak.about }));
    Ok(json!({
        "soaks": soaks.collect::<Vec<_>>(),
        "asvs": asvs::tables(workspace)?,
        "threats": threats::tables(workspace)?,
    }))
}
