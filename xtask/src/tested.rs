//! The tests that run, by name: functions under `#[test]` in Rust, `test('...')` in JavaScript.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::workspace::{Workspace, read};

const FOLDERS: [&str; 5] = ["crates", "xtask", "examples", "e2e", "npm"];

/// Every test that runs.
#[derive(Default)]
pub(crate) struct Tests {
    /// Those of threats by the number of their row, each with its file.
    pub(crate) threats: BTreeMap<String, Vec<String>>,
    names: BTreeSet<String>,
}

impl Tests {
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let mut tests = Self::default();
        for folder in FOLDERS {
            for path in workspace.files(folder, &["rs", "mjs", "js", "ts", "mts"])? {
                let text = read(&path)?;
                let is_rust = path.extension().is_some_and(|end| end == "rs");
                let names: fn(&str) -> Vec<&str> = if is_rust { rust_tests } else { script_tests };
                for name in names(&text) {
                    tests.add(name, &workspace.relative(&path));
                }
            }
        }
        Ok(tests)
    }

    fn add(&mut self, name: &str, file: &str) {
        self.names.insert(name.to_owned());
        let number = name.strip_prefix("threat_").unwrap_or_default();
        if let Some((number, _)) = number.split_once('_') {
            let own = self.threats.entry(number.to_owned()).or_default();
            own.push(format!("{name} ({file})"));
        }
    }

    /// Whether there is a test of this name, or of this threat: `threat_021`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let number = name.strip_prefix("threat_").unwrap_or_default();
        self.threats.contains_key(number) || self.names.contains(name)
    }

    #[cfg(test)]
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut tests = Self::default();
        for name in names {
            tests.add(name, "f.rs");
        }
        tests
    }
}

/// The functions under `#[test]` and the like, without `#[ignore]`. rustfmt gives each attribute and `fn` lines of their own.
fn rust_tests(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in text.lines().map(str::trim_start) {
        let function = line.strip_prefix("async ").unwrap_or(line);
        let function = function.strip_prefix("fn ");
        if let Some(attribute) = line.strip_prefix("#[") {
            let name = attribute.split([']', '(', ' ']).next().unwrap_or_default();
            is_test |= name == "test" || name.ends_with("::test");
            is_ignored |= name == "ignore";
        } else if function.is_some() || (line.ends_with(['}', ';']) && !line.starts_with("//")) {
            let function = function.filter(|_| is_test && !is_ignored);
            found.extend(function.and_then(|rest| rest.split(['(', '<']).next()));
            (is_test, is_ignored) = (false, false);
        }
    }
    found
}

/// The names in `test('...')` and `it("...")`; `test.skip`, `test.todo` and comments do not count.
fn script_tests(text: &str) -> Vec<&str> {
    let quotes = ['\'', '"', '`'];
    let lines = text.lines().map(str::trim_start);
    let calls = lines.filter_map(|line| line.strip_prefix("test(").or(line.strip_prefix("it(")));
    let names = calls.filter_map(|call| call.strip_prefix(quotes));
    names
        .filter_map(|rest| rest.split(['\'', '"', '`', ' ']).next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_run() {
        let text = "#[test]\nfn one() {}\n\n    #[tokio::test(start_paused = true)]\n    async fn two() {\n    }\n\
            proptest! {\n    #[test]\n    fn three(x in 0..9) {}\n}\n// #[test]\nfn gone() {}\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n\
            fn helper() {}\n#[test]\n#[cfg(unix)]\n/// Why.\nfn four() {}\n#[test]\nmod m {}\nfn other() {}\n#[cfg(test)]\nfn five() {}";
        assert_eq!(rust_tests(text), ["one", "two", "three", "four"]);
        let text = "  test('threat_036_one', async () => {\nit(\"threat_037_two and more\", () => {\n\
            // test('threat_038_gone', () => {\ntest.skip('threat_039_skipped', () => {\nlatest('threat_040_x'\ntest(name, () => {";
        assert_eq!(script_tests(text), ["threat_036_one", "threat_037_two"]);
    }
}
