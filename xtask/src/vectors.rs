//! `vectors/*.json`: test cases that all languages share.
//!
//! Parses their common shape and counts them. Only the tests that read a case know its meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::process::run as run_program;
use crate::workspace::{Mode, Workspace, read};

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

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let counts = counts(workspace)?;
    for (file, cases) in &counts {
        println!("{file:<24} {cases:>5} cases");
    }
    println!(
        "{:<24} {:>5} cases",
        "in all",
        counts.values().sum::<usize>()
    );
    if mode == Mode::Check {
        return Ok(());
    }
    let scope = "--package mastra-auth-cloud-core --package mastra-auth-cloud --all-features";
    if workspace.has_cargo("nextest") {
        let mut nextest = workspace.cargo(&format!("nextest run {scope} --filterset"));
        return run_program(nextest.arg("test(vectors) + binary(vectors)"));
    }
    run_program(&mut workspace.cargo(&format!("test --quiet {scope} --lib --tests vectors")))
}

/// The number of cases of each file, by its name under `vectors/`.
fn counts(workspace: &Workspace) -> Result<BTreeMap<String, usize>> {
    let files = workspace.files("vectors", &["json"])?;
    ensure!(!files.is_empty(), "vectors/ holds no file");
    let counted = |path: &PathBuf| {
        let shown = workspace.relative(path);
        let cases = count(&read(path)?).with_context(|| shown.clone())?;
        Ok((shown.trim_start_matches("vectors/").to_owned(), cases))
    };
    files.iter().map(counted).collect()
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
        ensure!(is_kebab(name), "`{name}` is not lower-case-with-dashes");
        ensure!(names.insert(name), "`{name}` names two cases");
    }
    Ok(file.cases.len())
}

fn is_kebab(name: &str) -> bool {
    let is_word = |word: &str| {
        word.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.split('-')
        .all(|word| !word.is_empty() && is_word(word))
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
        let good = r#"{"description": "d", "cases": [{"name": "a", "more": 1}, {"name": "a-2"}]}"#;
        assert_eq!(count(good).unwrap(), 2);
        refuses(
            r#"{"cases": [{"name": "a"}]}"#,
            "missing field `description`",
        );
        refuses(
            r#"{"description": " ", "cases": [{"name": "a"}]}"#,
            "says nothing",
        );
        refuses(r#"{"description": "d"}"#, "missing field `cases`");
        refuses(r#"{"description": "d", "cases": []}"#, "empty");
        refuses(
            r#"{"description": "d", "cases": [{}]}"#,
            "missing field `name`",
        );
        refuses(
            r#"{"description": "d", "cases": [], "case": []}"#,
            "unknown field `case`",
        );
        refuses(
            r#"{"description": "d", "cases": [], "cases": []}"#,
            "duplicate field `cases`",
        );
        refuses(
            r#"{"description": "d", "cases": [{"name": "a", "name": "b"}]}"#,
            "duplicate field `name`",
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
