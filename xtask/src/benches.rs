//! `cargo xtask bench`: measures the product beside its alternatives, and beside another checkout of itself.
//!
//! `benches/` is a workspace of its own, so that only this command builds the alternatives; it also has a build folder of
//! its own. Prints one line of JSON, which `show` of `node` renders. The suite measures nothing here.

use std::path::{Path, absolute};
use std::process::Command;

use anyhow::Result;

use crate::builds::shipped;
use crate::node;
use crate::process::run as run_program;
use crate::programs::Program;
use crate::wasm;
use crate::workspace::Workspace;

pub(crate) const NAMES: [&str; 5] = ["rust", "node", "runtimes", "http", "compare"];

/// The load generator for the servers.
const WRK: Program = Program {
    package: "wrk",
    names: &["wrk"],
    variable: "WRK",
};
const BUILD: &str = "build --release --locked --bins --manifest-path benches/Cargo.toml";

/// `old` is the other checkout, for `compare`.
pub(crate) fn run(workspace: &Workspace, name: &str, old: &Path) -> Result<()> {
    if name == "node" {
        return node::bench(workspace, &["--json"]);
    }
    if name == "runtimes" {
        wasm::run(workspace)?;
        return node::bench_runtimes(workspace);
    }
    let target = workspace.target()?.join("benches");
    let mut build = workspace.cargo(BUILD);
    run_program(build.arg("--target-dir").arg(&target))?;
    let bin = if name == "rust" { "rust" } else { "http" };
    let mut program = Command::new(target.join("release").join(bin));
    program.current_dir(workspace.root());
    if bin == "http" {
        program.env(WRK.variable, WRK.find(workspace)?);
        node::as_shipped(workspace)?.for_children_of(&mut program);
    }
    if name == "compare" {
        program.arg(name).arg(absolute(old)?);
        program.env("MASTRA_AUTH", shipped(workspace)?);
    }
    run_program(&mut program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No command updates these lock files when a crate gets a dependency; then `--locked` refuses to build.
    #[test]
    fn other_lock_files_have_what_our_crates_depend_on() {
        let workspace = Workspace::find().unwrap();
        let read = |path: &str| -> toml::Table { workspace.read(path).unwrap().parse().unwrap() };
        for (folder, name, manifest) in [
            (
                "benches",
                "mastra-auth-cloud-core",
                "crates/core/Cargo.toml",
            ),
            ("benches", "mastra-auth-cloud", "crates/client/Cargo.toml"),
            (
                "differential",
                "mastra-auth-cloud-core",
                "crates/core/Cargo.toml",
            ),
            ("fuzz", "mastra-auth-cloud-core", "crates/core/Cargo.toml"),
            ("fuzz", "mastra-auth-cloud", "crates/client/Cargo.toml"),
            (
                "fuzz",
                "mastra-auth-local-cloud",
                "crates/local-cloud/Cargo.toml",
            ),
        ] {
            let lock = read(&format!("{folder}/Cargo.lock"));
            let packages = lock["package"].as_array().unwrap();
            let locked = packages
                .iter()
                .find(|package| package["name"].as_str() == Some(name))
                .and_then(|package| package["dependencies"].as_array())
                .unwrap();
            let has = |wanted: &str| {
                let mut names = locked.iter().filter_map(toml::Value::as_str);
                names.any(|entry| entry.split(' ').next() == Some(wanted))
            };
            let manifest = toml::Value::Table(read(manifest));
            // Also what one target alone depends on.
            let targets = manifest.get("target").and_then(toml::Value::as_table);
            let targets = targets.into_iter().flat_map(|table| table.values());
            let tables = targets.chain([&manifest]);
            // An optional dependency counts only if a feature enables it.
            let is_optional = |value: &toml::Value| {
                value.get("optional").and_then(toml::Value::as_bool) == Some(true)
            };
            let wanted = tables.filter_map(|table| table.get("dependencies")?.as_table());
            for (wanted, _) in wanted.flatten().filter(|(_, value)| !is_optional(value)) {
                assert!(
                    has(wanted),
                    "{wanted} of {name}: cargo update --workspace --manifest-path {folder}/Cargo.toml"
                );
            }
        }
    }
}
