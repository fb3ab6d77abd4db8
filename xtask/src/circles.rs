//! No files of a crate import one another in a circle. For the npm sources, oxlint sees to that.
//!
//! A module and the files of its own folder are one unit: that it names and re-exports them is no circle. Neither is what
//! a crate's root does.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::builds::members;
use crate::imports::{Modules, modules_of};
use crate::workspace::Workspace;

/// Source folders outside of the workspace, and those of programs, whose `crate` is their own folder.
const RUST: [&str; 5] = [
    "benches/src",
    "benches/src/bin/http",
    "benches/src/bin/rust",
    "differential/src",
    "fuzz/src",
];

/// Files that import one another, each with its folder: `crates/core/src: cloud_call, http`.
pub(crate) type Circle = String;

/// Every circle, with the imports that make it.
pub(crate) fn find(workspace: &Workspace) -> Result<BTreeMap<Circle, Vec<String>>> {
    let mut circles = BTreeMap::new();
    let members = members(workspace)?;
    let members = members.iter().map(|folder| format!("{folder}/src"));
    for folder in members.chain(RUST.map(str::to_owned)) {
        let mut modules = modules_of(workspace, &folder)?;
        modules.retain(|name, _| !name.starts_with("bin/"));
        circles.extend(of(&folder, &modules));
    }
    Ok(circles)
}

/// What is against the list of known circles: a new one, or an entry that is none any more.
pub(crate) fn check(found: &BTreeMap<Circle, Vec<String>>, known: &[Circle]) -> Vec<String> {
    let new = found.iter().filter(|(circle, _)| !known.contains(circle));
    let new = new.map(|(circle, imports)| {
        format!(
            "{circle}: import one another in a circle:\n  {}",
            imports.join("\n  ")
        )
    });
    let gone = known.iter().filter(|circle| !found.contains_key(*circle));
    let gone = gone
        .map(|circle| format!("xtask/layers.toml: `{circle}` is no circle any more: take it out"));
    new.chain(gone).collect()
}

fn of(folder: &str, modules: &Modules) -> BTreeMap<Circle, Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = modules
        .keys()
        .map(|name| (name.as_str(), reach(name, modules)))
        .collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    let mut circles = BTreeMap::new();
    for name in modules.keys().filter(|name| reaches(name, name)) {
        let members = modules
            .keys()
            .filter(|other| reaches(name, other) && reaches(other, name));
        let members: Vec<&str> = members.map(String::as_str).collect();
        let mut imports = Vec::new();
        for (name, module) in modules
            .iter()
            .filter(|(name, _)| members.contains(&name.as_str()))
        {
            let inward = module
                .imports
                .iter()
                .filter(|import| counts(name, &import.to) && members.contains(&import.to.as_str()));
            imports.extend(
                inward.map(|import| format!("{}:{}: {}", module.file, import.line, import.path)),
            );
        }
        circles.insert(format!("{folder}: {}", members.join(", ")), imports);
    }
    circles
}

/// The modules that one leads to, itself only by a circle.
fn reach<'m>(from: &str, modules: &'m Modules) -> BTreeSet<&'m str> {
    let mut found = BTreeSet::new();
    let mut rest = vec![from];
    while let Some(name) = rest.pop() {
        for import in modules
            .get(name)
            .map(|module| &module.imports)
            .into_iter()
            .flatten()
        {
            if counts(name, &import.to) && found.insert(import.to.as_str()) {
                rest.push(&import.to);
            }
        }
    }
    found
}

/// Whether an import says that one file needs another.
fn counts(from: &str, to: &str) -> bool {
    !from.is_empty() && !to.is_empty() && !is_within(to, from)
}

/// Whether a module is this one or in its folder.
pub(crate) fn is_within(name: &str, folder: &str) -> bool {
    let rest = name.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::{Import, Module};

    /// `a: b c, b: a` are three imports.
    fn circles(imports: &str) -> Vec<String> {
        let module = |row: &str| {
            let (name, to) = row.split_once(':').unwrap();
            let import = |to: &str| Import {
                to: to.to_owned(),
                line: 1,
                path: format!("crate::{to}"),
            };
            let imports = to
                .split_whitespace()
                .map(|to| import(to.trim_matches('_')))
                .collect();
            (
                name.trim().trim_matches('_').to_owned(),
                Module {
                    file: name.trim().to_owned(),
                    imports,
                },
            )
        };
        of("x", &imports.split(',').map(module).collect())
            .into_keys()
            .collect()
    }

    #[test]
    fn a_circle_of_any_length_is_found() {
        assert!(circles("a: b c, b: c, c:").is_empty());
        assert_eq!(circles("a: b, b: a, c: a"), ["x: a, b"]);
        assert_eq!(circles("a: b, b: c, c: a d, d:"), ["x: a, b, c"]);
        assert_eq!(circles("a: b, b: a, c: d, d: c"), ["x: a, b", "x: c, d"]);
        assert_eq!(circles("a/x: b, b: a/x"), ["x: a/x, b"]);
    }

    #[test]
    fn a_folder_is_one_unit_and_the_root_is_none() {
        assert!(circles("a: a/x, a/x: a").is_empty());
        assert!(circles("_: a, a: _").is_empty());
        // A circle through the folder's own file is one.
        assert_eq!(circles("a: b, b: a/x, a/x: a"), ["x: a, a/x, b"]);
        assert_eq!(circles("a/x: a/y, a/y: a/x"), ["x: a/x, a/y"]);
        assert_eq!(circles("a: ab, ab: a"), ["x: a, ab"]);
    }

    #[test]
    fn a_known_circle_must_be_one() {
        let found = [("x: a, b".to_owned(), vec!["a.rs:1: crate::b".to_owned()])].into();
        assert!(check(&found, &["x: a, b".to_owned()]).is_empty());
        assert!(check(&found, &[])[0].contains("a.rs:1: crate::b"));
        let gone = check(&BTreeMap::new(), &["x: a, b".to_owned()]);
        assert_eq!(
            gone,
            ["xtask/layers.toml: `x: a, b` is no circle any more: take it out"]
        );
    }
}
