//! Between crates: each may depend only on the workspace crates that the table allows. Tests may use more.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Breach;
use crate::process::{capture, cargo};
use crate::workspace::Workspace;

/// A crate of the workspace and its dependencies, without those of tests.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) dependencies: Vec<String>,
}

pub(super) fn read(workspace: &Workspace) -> Result<Vec<Member>> {
    let text = capture(&mut cargo(
        workspace,
        &["metadata", "--format-version", "1", "--no-deps"],
    ))?;
    members(&serde_json::from_str(&text)?)
        .context("cargo metadata says something else than expected")
}

pub(super) fn check(members: &[Member], table: &BTreeMap<String, Vec<String>>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for member in members {
        let Some(allowed) = table.get(&member.name) else {
            breaches.push(format!(
                "{}: is not in xtask/layers.toml: add a row under [crates] with what it may depend on",
                member.name
            ));
            continue;
        };
        let ours = |name: &&String| members.iter().any(|other| other.name == **name);
        for name in member
            .dependencies
            .iter()
            .filter(ours)
            .filter(|name| !allowed.contains(name))
        {
            breaches.push(format!(
                "{} depends on {name}: xtask/layers.toml does not allow it",
                member.name
            ));
        }
    }
    breaches
}

fn members(metadata: &Value) -> Option<Vec<Member>> {
    let packages = metadata.get("packages")?.as_array()?;
    packages
        .iter()
        .map(|package| {
            let dependencies = package.get("dependencies")?.as_array()?;
            Some(Member {
                name: package.get("name")?.as_str()?.to_owned(),
                dependencies: dependencies
                    .iter()
                    .filter(|one| one.get("kind").and_then(Value::as_str) != Some("dev"))
                    .filter_map(|one| one.get("name")?.as_str().map(str::to_owned))
                    .collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(metadata: &str) -> Vec<String> {
        let table = [
            ("core".to_owned(), vec![]),
            ("client".to_owned(), vec!["core".to_owned()]),
        ]
        .into();
        check(
            &members(&serde_json::from_str(metadata).unwrap()).unwrap(),
            &table,
        )
    }

    #[test]
    fn only_what_the_table_allows() {
        let core = r#"{"name": "core", "dependencies": [{"name": "url", "kind": null}]}"#;
        let client = r#"{"name": "client", "dependencies": [{"name": "core", "kind": null}]}"#;
        assert!(breaches(&format!(r#"{{"packages": [{core}, {client}]}}"#)).is_empty());
        for kind in ["null", r#""build""#] {
            let core = format!(
                r#"{{"name": "core", "dependencies": [{{"name": "client", "kind": {kind}}}]}}"#
            );
            let found = breaches(&format!(r#"{{"packages": [{core}, {client}]}}"#));
            assert_eq!(
                found,
                ["core depends on client: xtask/layers.toml does not allow it"]
            );
        }
    }

    #[test]
    fn tests_may_depend_on_more() {
        let core = r#"{"name": "core", "dependencies": [{"name": "client", "kind": "dev"}]}"#;
        let client = r#"{"name": "client", "dependencies": []}"#;
        assert!(breaches(&format!(r#"{{"packages": [{core}, {client}]}}"#)).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        let found = breaches(r#"{"packages": [{"name": "new", "dependencies": []}]}"#);
        assert!(found[0].starts_with("new: is not in xtask/layers.toml"));
    }
}
