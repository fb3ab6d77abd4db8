//! `vectors/*.json`: test cases that all languages share.
//!
//! Parses their common shape and counts them. Only the tests that read a case know its meaning.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::process::run as run_program;
use crate::workspace::{Workspace, read};

/// The common shape of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut sum = 0;
    for path in workspace.files("vectors", &["json"])? {
        let shown = workspace.relative(&path);
        let cases = count(&read(&path)?).with_context(|| shown.clone())?;
        println!("{shown:<32} {cases:>5} cases");
        sum += cases;
    }
    ensure!(sum > 0, "vectors/ holds no case");
    println!("{:<32} {sum:>5} cases", "in all");
    if workspace.is_check {
        return Ok(());
    }
    let scope = "--package mastra-auth-cloud-core --package mastra-auth-cloud --all-features";
    if workspace.has_cargo("nextest") {
        let mut nextest = workspace.cargo(&format!("nextest run {scope} --filterset"));
        return run_program(nextest.arg("test(vectors) + binary(vectors)"));
    }
    run_program(&mut workspace.cargo(&format!("test --quiet {scope} --lib --tests vectors")))
}

/// The number of cases of one file.
fn count(text: &str) -> Result<usize> {
    let file: File = serde_json::from_str(text)?;
    ensure!(
        !file.description.trim().is_empty(),
        "`description` says nothing"
    );
    ensure!(!file.cases.is_empty(), "`cases` is empty");
    let mut names = BTreeSet::new();
    for Case { name } in &file.cases {
        let is_kebab =
            |mark: char| mark.is_ascii_lowercase() || mark.is_ascii_digit() || mark == '-';
        ensure!(
            !name.is_empty() && name.chars().all(is_kebab),
            "`{name}` is not lower-case-with-dashes"
        );
        ensure!(names.insert(name), "`{name}` names two cases");
    }
    Ok(file.cases.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_against_the_common_shape_is_refused() {
        let good = r#"{"description": "d", "cases": [{"name": "a", "more": 1}, {"name": "a-2"}]}"#;
        assert_eq!(count(good).unwrap(), 2);
        for (from, to) in [
            (r#""description": "d", "#, ""),
            (r#""description": "d""#, r#""description": " ""#),
            (r#""a-2""#, r#""a""#),
            (r#""a-2""#, r#""a_2""#),
            (r#"{"name": "a-2"}"#, "{}"),
            (r#""cases""#, r#""cases": [], "cases""#),
            (r#""cases""#, r#""case": [], "cases""#),
        ] {
            assert!(count(&good.replace(from, to)).is_err(), "{from} to {to}");
        }
        assert!(count(r#"{"description": "d", "cases": []}"#).is_err());
    }
}
