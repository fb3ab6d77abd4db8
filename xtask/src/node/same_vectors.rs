//! Checks that Node runs all vectors: the tests report how many cases of each file they ran, and none may be missing.
//!
//! They append a line such as `vectors cookies.json 88` for each file to the file that `VECTORS_REPORT` names. Counts runs,
//! not results: the tests themselves report a failed case.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cargo::target_directory;
use crate::vectors;
use crate::workspace::Workspace;

/// The file that the tests write to.
pub(super) struct Report {
    file: PathBuf,
}

impl Report {
    /// Starts an empty report.
    pub(super) fn begin(workspace: &Workspace) -> Result<Self> {
        let file = target_directory(workspace)?.join("vectors-node.txt");
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}", file.display()))
            }
            _ => Ok(Self { file }),
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Compares the cases that ran with those that exist.
    pub(super) fn compare(&self, workspace: &Workspace) -> Result<String> {
        let counted = vectors::counts(workspace)?;
        let said = fs::read_to_string(&self.file).with_context(|| {
            format!(
                "the npm tests report no vectors: {} cannot be read",
                self.file.display()
            )
        })?;
        compare(&counted, &said)
    }
}

fn compare(counted: &BTreeMap<String, usize>, said: &str) -> Result<String> {
    let mut ran = BTreeMap::new();
    let mut faults = Vec::new();
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        let Some((file, cases)) = reported(line) else {
            faults.push(format!("`{line}` is not `vectors FILE COUNT`"));
            continue;
        };
        if ran.insert(file, cases).is_some() {
            faults.push(format!("{file}: is reported twice"));
        }
        if !counted.contains_key(file) {
            faults.push(format!(
                "{file}: ran in Node, and vectors/ has no such file"
            ));
        }
    }
    for (file, cases) in counted {
        let here = ran.get(file.as_str()).copied().unwrap_or_default();
        if here != *cases {
            faults.push(format!(
                "{file}: {cases} cases, and {here} of them ran in Node"
            ));
        }
    }
    if !faults.is_empty() {
        bail!("the vectors are not run alike:\n{}", faults.join("\n"));
    }
    let total: usize = counted.values().sum();
    Ok(format!(
        "vectors: {} files, {total} cases, the same in Rust and Node",
        counted.len()
    ))
}

fn reported(line: &str) -> Option<(&str, usize)> {
    let mut words = line.split_whitespace();
    let (head, file, cases) = (words.next()?, words.next()?, words.next()?);
    if head != "vectors" || words.next().is_some() {
        return None;
    }
    Some((file, cases.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> BTreeMap<String, usize> {
        BTreeMap::from([("a.json".to_owned(), 2), ("b.json".to_owned(), 3)])
    }

    #[track_caller]
    fn refuses(said: &str, says: &str) {
        let error = compare(&counted(), said).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn all_of_them_in_any_order() {
        assert_eq!(
            compare(&counted(), "vectors b.json 3\n\nvectors a.json 2\n").unwrap(),
            "vectors: 2 files, 5 cases, the same in Rust and Node"
        );
    }

    #[test]
    fn a_difference_is_named() {
        let good = "vectors a.json 2\nvectors b.json 3\n";
        refuses("", "a.json: 2 cases, and 0 of them");
        refuses("vectors a.json 2", "b.json: 3 cases, and 0 of them");
        refuses(
            "vectors a.json 2\nvectors b.json 2",
            "b.json: 3 cases, and 2",
        );
        refuses(&format!("{good}vectors c.json 1"), "c.json: ran in Node");
        refuses(
            &format!("{good}vectors a.json 2"),
            "a.json: is reported twice",
        );
        for line in [
            "vectors a.json",
            "a.json 2",
            "vectors a.json two",
            "vectors a.json 2 3",
        ] {
            refuses(&format!("{good}{line}"), "is not `vectors FILE COUNT`");
        }
    }
}
