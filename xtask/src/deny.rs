//! `deny.toml`: which licences, crates and sources the dependencies may have.
//!
//! Runs cargo-deny where it is installed. Where it is not, the tree is read here and held against the licences, bans and
//! sources of the same file; what only cargo-deny can look at (advisories) is then said to be left out, never passed over.

mod banned;
mod licence;
mod rules;
mod tree;

use anyhow::{Result, bail};

use crate::process::{cargo, has_cargo, run as run_program};
use crate::workspace::Workspace;
use rules::Rules;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if has_cargo(workspace, "deny") {
        return run_program(&mut cargo(workspace, &["deny", "--all-features", "check"]));
    }
    println!(
        "cargo-deny is not installed: checking licences, bans and sources without it. Advisories are NOT checked;"
    );
    println!("`cargo install --locked cargo-deny` adds them.");
    let rules = Rules::read(&workspace.read("deny.toml")?)?;
    let packages = tree::read(workspace)?;
    let faults: Vec<String> = packages
        .iter()
        .flat_map(|package| rules.faults(package))
        .collect();
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} dependencies against deny.toml", faults.len());
    }
    for (name, versions) in tree::several_versions(&packages) {
        println!(
            "warning: {name} is there in several versions: {}",
            versions.join(", ")
        );
    }
    println!(
        "{} crates: licences, bans and sources are as deny.toml has them",
        packages.len()
    );
    Ok(())
}
