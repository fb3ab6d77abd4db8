//! `cargo xtask bench`: measures the product beside its alternatives.
//!
//! `benches/` is a workspace of its own, so that only this command builds the alternatives; it also has a build folder of
//! its own. Only the report goes to standard output. The suite measures nothing here.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cargo::target_directory;
use crate::debian::{self, Wanted};
use crate::node;
use crate::process::{cargo, run};
use crate::workspace::Workspace;

/// The manifest of `benches/`.
pub(crate) const MANIFEST: &str = "benches/Cargo.toml";
/// The load generator for the servers.
const WRK: Wanted = Wanted {
    package: "wrk",
    programs: &["wrk"],
    variable: "WRK",
};

/// The format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Json,
}

impl Form {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Table => &[],
            Self::Json => &["--json"],
        }
    }
}

/// `cargo xtask bench rust`.
pub(crate) fn rust(workspace: &Workspace, form: Form) -> Result<()> {
    run(&mut program(workspace, "rust", form)?)
}

/// `cargo xtask bench node`.
pub(crate) fn node(workspace: &Workspace, form: Form) -> Result<()> {
    node::bench(workspace, form.arguments())
}

/// `cargo xtask bench http`.
pub(crate) fn http(workspace: &Workspace, form: Form) -> Result<()> {
    let wrk = debian::program(&WRK)?;
    let node = node::built(workspace)?;
    let mut program = program(workspace, "http", form)?;
    run(node.for_children_of(&mut program).env(WRK.variable, wrk))
}

/// A program of `benches/`, built in the profile of a release.
fn program(workspace: &Workspace, name: &str, form: Form) -> Result<Command> {
    let target = target_directory(workspace)?.join("benches");
    run(&mut cargo(workspace, &build(&target, name)?))?;
    let mut command = Command::new(target.join("release").join(name));
    command.args(form.arguments()).current_dir(workspace.root());
    Ok(command)
}

fn build<'a>(target: &'a Path, name: &'a str) -> Result<[&'a str; 9]> {
    let target = target.to_str().context("the build folder is not UTF-8")?;
    Ok([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
        target,
        "--bin",
        name,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No command updates the lock file of `benches/` when a crate gets a dependency; then `--locked` refuses to build.
    #[test]
    fn its_lock_file_has_what_our_crates_depend_on() {
        let workspace = Workspace::find().unwrap();
        let read = |path: &str| -> toml::Table {
            let text = std::fs::read_to_string(workspace.path(path)).unwrap();
            text.parse().unwrap()
        };
        let lock = read("benches/Cargo.lock");
        let packages = lock["package"].as_array().unwrap();
        for (name, manifest) in [
            ("mastra-auth-cloud-core", "crates/core/Cargo.toml"),
            ("mastra-auth-cloud", "crates/client/Cargo.toml"),
        ] {
            let locked = packages
                .iter()
                .find(|package| package["name"].as_str() == Some(name))
                .and_then(|package| package["dependencies"].as_array())
                .unwrap();
            let has = |wanted: &str| {
                locked
                    .iter()
                    .filter_map(toml::Value::as_str)
                    .any(|entry| entry.split(' ').next() == Some(wanted))
            };
            let manifest = read(manifest);
            let wanted = manifest["dependencies"].as_table().unwrap();
            // An optional dependency counts only if a feature enables it.
            let is_optional = |value: &toml::Value| {
                value.get("optional").and_then(toml::Value::as_bool) == Some(true)
            };
            for (wanted, _) in wanted.iter().filter(|(_, value)| !is_optional(value)) {
                assert!(
                    has(wanted),
                    "{wanted} of {name}: cargo update --workspace --manifest-path {MANIFEST}"
                );
            }
        }
    }

    #[test]
    fn what_is_measured_is_built_from_its_own_lock_file() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.path(MANIFEST).is_file());
        assert!(workspace.path("benches/Cargo.lock").is_file());
        let arguments = build(Path::new("target/benches"), "rust").unwrap();
        assert!(arguments.contains(&"--locked"));
        assert!(arguments.contains(&"--release"));
    }
}
