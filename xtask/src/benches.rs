//! `cargo xtask bench`: measures the product beside its alternatives.
//!
//! `benches/` is a workspace of its own, so that only this command builds the alternatives; it also has a build folder of
//! its own. Only the report goes to standard output. The suite measures nothing here.

use anyhow::Result;

use crate::node;
use crate::process::run as run_program;
use crate::programs::Program;
use crate::workspace::Workspace;

pub(crate) const NAMES: [&str; 3] = ["rust", "node", "http"];

/// The load generator for the servers.
const WRK: Program = Program {
    package: "wrk",
    names: &["wrk"],
    variable: "WRK",
};
const BUILD: &str = "build --release --locked --manifest-path benches/Cargo.toml";

pub(crate) fn run(workspace: &Workspace, name: &str, is_json: bool) -> Result<()> {
    let form: &[&str] = if is_json { &["--json"] } else { &[] };
    if name == "node" {
        return node::bench(workspace, form);
    }
    let servers = match name {
        "http" => Some((WRK.find(workspace)?, node::as_shipped(workspace)?)),
        _ => None,
    };
    let target = workspace.target()?.join("benches");
    run_program(
        workspace
            .cargo(BUILD)
            .args(["--bin", name, "--target-dir"])
            .arg(&target),
    )?;
    let mut program = std::process::Command::new(target.join("release").join(name));
    program.args(form).current_dir(workspace.root());
    if let Some((wrk, node)) = servers {
        node.for_children_of(&mut program).env(WRK.variable, wrk);
    }
    run_program(&mut program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No command updates the lock file of `benches/` when a crate gets a dependency; then `--locked` refuses to build.
    #[test]
    fn its_lock_file_has_what_our_crates_depend_on() {
        let workspace = Workspace::find().unwrap();
        let read = |path: &str| -> toml::Table { workspace.read(path).unwrap().parse().unwrap() };
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
                let mut names = locked.iter().filter_map(toml::Value::as_str);
                names.any(|entry| entry.split(' ').next() == Some(wanted))
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
                    "{wanted} of {name}: cargo update --workspace --manifest-path benches/Cargo.toml"
                );
            }
        }
    }
}
