//! `vectors/*.json`: test cases that all languages share.
//!
//! Parses their common shape and counts them. Only the tests that read a case know its meaning.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::process::{cargo, has_cargo, run as run_program};
use crate::steps::Mode;
use crate::strict_json;
use crate::workspace::{Workspace, read};

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let counts = counts(workspace)?;
    for (file, cases) in &counts {
        println!("{file:<24} {cases:>5} cases");
    }
    let total: usize = counts.values().sum();
    println!("{:<24} {total:>5} cases", "in all");
    match mode {
        Mode::Check => Ok(()),
        Mode::Full => run_tests(workspace),
    }
}

/// The number of cases of each file, by its name under `vectors/`.
pub(crate) fn counts(workspace: &Workspace) -> Result<BTreeMap<String, usize>> {
    let files = workspace.files("vectors", &["json"])?;
    ensure!(!files.is_empty(), "vectors/ holds no file");
    files
        .iter()
        .map(|path| {
            let shown = workspace.relative(path);
            let cases = count(&read(path)?).with_context(|| shown.clone())?;
            Ok((shown.trim_start_matches("vectors/").to_owned(), cases))
        })
        .collect()
}

fn run_tests(workspace: &Workspace) -> Result<()> {
    let scope = [
        "--package",
        "mastra-auth-cloud-core",
        "--package",
        "mastra-auth-cloud",
        "--all-features",
    ];
    if has_cargo(workspace, "nextest") {
        return run_program(
            cargo(workspace, &["nextest", "run"])
                .args(scope)
                .args(["--filterset", "test(vectors) + binary(vectors)"]),
        );
    }
    run_program(
        cargo(workspace, &["test", "--quiet"])
            .args(scope)
            .args(["--lib", "--tests", "vectors"]),
    )
}

/// The number of cases of one file.
fn count(text: &str) -> Result<usize> {
    let file = strict_json::parse(text)?;
    let members = file.as_object().context("is not an object")?;
    if let Some(other) = members
        .keys()
        .find(|name| *name != "description" && *name != "cases")
    {
        bail!("`{other}` is neither `description` nor `cases`");
    }
    let description = file
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ensure!(!description.trim().is_empty(), "`description` says nothing");
    let cases = file
        .get("cases")
        .and_then(Value::as_array)
        .context("has no list of `cases`")?;
    ensure!(!cases.is_empty(), "`cases` is empty");
    let mut names = BTreeSet::new();
    for (at, case) in cases.iter().enumerate() {
        let name = case
            .get("name")
            .and_then(Value::as_str)
            .with_context(|| format!("case {} has no name", at + 1))?;
        ensure!(
            is_kebab(name),
            "case {}: `{name}` is not lower-case-with-dashes",
            at + 1
        );
        ensure!(names.insert(name), "`{name}` names two cases");
    }
    Ok(cases.len())
}

fn is_kebab(name: &str) -> bool {
    name.split('-').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(text: &str, says: &str) {
        let error = format!("{:#}", count(text).unwrap_err());
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn the_common_shape() {
        let good = r#"{"description": "d", "cases": [{"name": "a"}, {"name": "a-2"}]}"#;
        assert_eq!(count(good).unwrap(), 2);
        refuses("[]", "not an object");
        refuses(r#"{"cases": [{"name": "a"}]}"#, "says nothing");
        refuses(
            r#"{"description": " ", "cases": [{"name": "a"}]}"#,
            "says nothing",
        );
        refuses(r#"{"description": "d"}"#, "no list");
        refuses(r#"{"description": "d", "cases": []}"#, "empty");
        refuses(
            r#"{"description": "d", "cases": [{}]}"#,
            "case 1 has no name",
        );
        refuses(
            r#"{"description": "d", "cases": [{"name": "a"}], "case": []}"#,
            "`case` is neither",
        );
    }

    #[test]
    fn a_name_is_unique_and_in_one_style() {
        refuses(
            r#"{"description": "d", "cases": [{"name": "a"}, {"name": "a"}]}"#,
            "`a` names two cases",
        );
        for name in ["A", "a_b", "a--b", "-a", "a-", "a b", ""] {
            refuses(
                &format!(r#"{{"description": "d", "cases": [{{"name": "{name}"}}]}}"#),
                "lower-case",
            );
        }
    }
}
