//! Finds tests that carry a threat's number.

use anyhow::{Context as _, Result};

use crate::source::test_functions;
use crate::workspace::{Workspace, read};

const PREFIX: &str = "threat_";

/// A test that names a row.
pub(super) struct Test {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) file: String,
}

pub(super) fn run(workspace: &Workspace) -> Result<Vec<Test>> {
    let mut found = Vec::new();
    for folder in ["crates", "xtask", "examples", "e2e", "npm"] {
        for path in workspace.files(folder, &["rs", "mjs", "js", "ts", "mts"])? {
            let text = read(&path)?;
            let file = workspace.relative(&path);
            let names = if path.extension().is_some_and(|end| end == "rs") {
                test_functions(&text).with_context(|| file.clone())?
            } else {
                script_tests(&text)
            };
            found.extend(names.into_iter().filter_map(|name| {
                let number = row(&name)?;
                Some(Test {
                    number,
                    name,
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

/// The names in `test('...')` and `it("...")`; `test.skip`, `test.todo` and comments do not count.
fn script_tests(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim_start)
        .filter_map(|line| {
            line.strip_prefix("test(")
                .or_else(|| line.strip_prefix("it("))
        })
        .filter_map(|call| {
            let quote = call
                .chars()
                .next()
                .filter(|mark| matches!(mark, '\'' | '"' | '`'))?;
            let (name, _) = call.get(1..)?.split_once(quote)?;
            Some(name.split(' ').next().unwrap_or(name).to_owned())
        })
        .collect()
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
    fn scripts_name_their_tests_in_quotes() {
        let text = "  test('threat_036_one', async () => {\nit(\"threat_037_two and more\", () => {\n\
            // test('threat_038_gone', () => {\ntest.skip('threat_039_skipped', () => {\nlatest('threat_040_x'\ntest(name, () => {";
        assert_eq!(script_tests(text), ["threat_036_one", "threat_037_two"]);
    }
}
