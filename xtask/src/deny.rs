//! `deny.toml`: the licences, crates and sources allowed for dependencies.
//!
//! Runs cargo-deny if it is installed. If not, this checks the tree against the licences, bans and sources of the same
//! file. It then reports that the advisories, which only cargo-deny can check, were skipped.

mod banned;
mod licence;
mod rules;
mod tree;

use anyhow::{Result, bail};

use crate::process::{cargo, has_cargo, run as run_program};
use crate::workspace::Workspace;
use rules::Rules;

/// All checks of cargo-deny.
const WHOLE: [&str; 3] = ["deny", "--all-features", "check"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if has_cargo(workspace, "deny") {
        return run_program(&mut cargo(workspace, &WHOLE));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> toml::Value {
        let workspace = Workspace::find().unwrap();
        toml::from_str(&workspace.read("deny.toml").unwrap()).unwrap()
    }

    #[test]
    fn threat_018_the_crate_whose_time_tells_the_private_key_is_refused_in_every_version() {
        let workspace = Workspace::find().unwrap();
        let rules = Rules::read(&workspace.read("deny.toml").unwrap()).unwrap();
        let faults_of = |tree: &str| -> Vec<String> {
            let packages = tree::parse(tree).unwrap();
            packages.iter().flat_map(|one| rules.faults(one)).collect()
        };
        for version in ["0.9.10", "0.10.0-rc.18", "1.0.0", "7.1.0+x"] {
            let tree = format!("rsa v{version}|MIT OR Apache-2.0\nserde v1.0.0|MIT\n");
            let faults = faults_of(&tree);
            assert_eq!(faults.len(), 1, "{version}: {faults:?}");
            assert!(faults[0].contains("RUSTSEC-2023-0071"), "{faults:?}");
        }
        assert!(faults_of("serde v1.0.0|MIT\n").is_empty());
    }

    #[test]
    fn threat_088_no_advisory_about_any_dependency_is_passed_over() {
        // Nothing after `check` means all of its parts, including the advisories.
        assert_eq!(WHOLE.last(), Some(&"check"));
        let ours = ours();
        let advisories = ours.get("advisories").unwrap();
        assert_eq!(advisories.get("unsound").unwrap().as_str(), Some("all"));
        assert_eq!(advisories.get("yanked").unwrap().as_str(), Some("deny"));
        let ignored = advisories.get("ignore").unwrap().as_array().unwrap();
        assert!(
            ignored.is_empty(),
            "an exception wants a reason, and its own test: {ignored:?}"
        );
        let graph = ours.get("graph").unwrap();
        assert_eq!(graph.get("all-features").unwrap().as_bool(), Some(true));
        assert!(graph.get("exclude").is_none());
        // CI has cargo-deny for what cannot be checked without it.
        let ci = Workspace::find()
            .unwrap()
            .read(".github/workflows/ci.yml")
            .unwrap();
        assert!(ci.contains("cargo install --locked cargo-deny"));
    }
}
