//! Finds tests that carry a threat's number and run: one that is commented out, skipped or ignored guards nothing.

use anyhow::Result;

use crate::workspace::{Workspace, read};

const FOLDERS: [&str; 5] = ["crates", "xtask", "examples", "e2e", "npm"];
const PREFIX: &str = "threat_";

/// A test that names a row.
pub(super) struct Test {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) file: String,
}

pub(super) fn run(workspace: &Workspace) -> Result<Vec<Test>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for path in workspace.files(folder, &["rs", "mjs", "js", "ts", "mts"])? {
            let text = read(&path)?;
            let is_rust = path.extension().is_some_and(|end| end == "rs");
            let names = if is_rust {
                rust_tests(&text)
            } else {
                script_tests(&text)
            };
            let file = workspace.relative(&path);
            found.extend(names.into_iter().filter_map(|name| {
                Some(Test {
                    number: row(name)?,
                    name: name.to_owned(),
                    file: file.clone(),
                })
            }));
        }
    }
    Ok(found)
}

/// The row of a test: 21 for `threat_021_cookie_name_confusion`.
fn row(name: &str) -> Option<u16> {
    let (number, title) = name.strip_prefix(PREFIX)?.split_once('_')?;
    (number.len() == 3 && !title.is_empty()).then(|| number.parse().ok())?
}

/// The functions under `#[test]` and the like, without `#[ignore]`. rustfmt gives each attribute and `fn` lines of their own.
fn rust_tests(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in text.lines().map(str::trim_start) {
        if let Some(attribute) = line.strip_prefix("#[") {
            let name = attribute.split([']', '(', ' ']).next().unwrap_or_default();
            is_test |= name == "test" || name.ends_with("::test");
            is_ignored |= name == "ignore";
        } else if let Some(function) = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ")
        {
            if is_test && !is_ignored {
                found.extend(function.split(['(', '<']).next());
            }
            (is_test, is_ignored) = (false, false);
        } else if line.ends_with(['}', ';']) && !line.starts_with("//") {
            (is_test, is_ignored) = (false, false);
        }
    }
    found
}

/// The names in `test('...')` and `it("...")`; `test.skip`, `test.todo` and comments do not count.
fn script_tests(text: &str) -> Vec<&str> {
    let calls = text.lines().map(str::trim_start);
    let calls = calls.filter_map(|line| {
        line.strip_prefix("test(")
            .or_else(|| line.strip_prefix("it("))
    });
    let names = calls.filter_map(|call| {
        let quote = call
            .chars()
            .next()
            .filter(|mark| matches!(mark, '\'' | '"' | '`'))?;
        let (name, _) = call.get(1..)?.split_once(quote)?;
        name.split(' ').next()
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_carries_three_digits() {
        assert_eq!(row("threat_021_cookie_name_confusion"), Some(21));
        assert_eq!(row("threat_112_x"), Some(112));
        for name in [
            "threat_21_x",
            "threat_0021_x",
            "threat_021",
            "threat_021_",
            "threat_abc_x",
            "a_threat_021_x",
        ] {
            assert_eq!(row(name), None, "{name}");
        }
    }

    #[test]
    fn tests_that_run() {
        let text = "#[test]\nfn one() {}\n\n    #[tokio::test(start_paused = true)]\n    async fn two() {\n    }\n\
            proptest! {\n    #[test]\n    fn three(x in 0..9) {}\n}\n// #[test]\nfn gone() {}\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n\
            fn helper() {}\n#[test]\n#[cfg(unix)]\n/// Why.\nfn four() {}\n#[test]\nmod m {}\nfn other() {}\n#[cfg(test)]\nfn five() {}";
        assert_eq!(rust_tests(text), ["one", "two", "three", "four"]);
    }

    #[test]
    fn scripts_name_their_tests_in_quotes() {
        let text = "  test('threat_036_one', async () => {\nit(\"threat_037_two and more\", () => {\n\
            // test('threat_038_gone', () => {\ntest.skip('threat_039_skipped', () => {\nlatest('threat_040_x'\ntest(name, () => {";
        assert_eq!(script_tests(text), ["threat_036_one", "threat_037_two"]);
    }
}
