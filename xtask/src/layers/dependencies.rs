//! The core's dependencies: a fixed list, so that no feature or update brings in a crate that does I/O.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::Breach;
use super::table::Dependencies;
use crate::process::{capture, cargo};
use crate::workspace::Workspace;

/// Every crate that the package is built with, with all its features, without tests and build scripts.
pub(super) fn read(workspace: &Workspace, package: &str) -> Result<BTreeSet<String>> {
    // `cargo tree` for one package: `cargo metadata` would add features that the rest of the workspace enables.
    let text = capture(&mut cargo(
        workspace,
        &[
            "tree",
            "--package",
            package,
            "--all-features",
            "--edges",
            "normal",
            "--target",
            "x86_64-unknown-linux-gnu",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
    ))?;
    let mut names: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    ensure!(names.remove(package), "cargo tree does not know {package}");
    names.remove("");
    Ok(names)
}

pub(super) fn check(found: &BTreeSet<String>, table: &Dependencies) -> Vec<Breach> {
    let never = |name: &str| table.never.iter().any(|pattern| matches(pattern, name));
    found
        .iter()
        .filter_map(|name| {
            if never(name) {
                Some(format!(
                    "{name}: a dependency of the core must do no I/O, and this one does: xtask/layers.toml forbids it"
                ))
            } else if table.allow.contains(name) {
                None
            } else {
                Some(format!(
                    "{name}: a new dependency of the core. It must do no I/O; if so, add it under [core.dependencies] in xtask/layers.toml"
                ))
            }
        })
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(found: &[&str]) -> Vec<String> {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let table = Dependencies {
            never: texts(&["rand*", "log"]),
            allow: texts(&["url", "logos", "rand_pcg"]),
        };
        check(
            &found.iter().map(|name| (*name).to_owned()).collect(),
            &table,
        )
    }

    #[test]
    fn only_what_is_listed() {
        assert!(breaches(&["url", "logos"]).is_empty());
        assert!(breaches(&["urls"])[0].contains("a new dependency of the core"));
        assert!(breaches(&["log"])[0].contains("must do no I/O"));
        // A forbidden crate stays forbidden, whatever the list allows.
        assert!(breaches(&["rand_pcg"])[0].contains("forbids it"));
    }
}
