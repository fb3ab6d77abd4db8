//! `docs/threats.toml`: every listed attack has a test with its number, or a reason for having none.
//!
//! A test counts if it runs: `fn threat_021_...` under `#[test]` in Rust, `test('threat_021_...')` in JavaScript. Its
//! author must try that it fails without its guard.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::workspace::{Workspace, read};

const LIST: &str = "docs/threats.toml";
const FOLDERS: [&str; 5] = ["crates", "xtask", "examples", "e2e", "npm"];
/// Most words of a title: a row is a reminder, not an essay.
const TITLE_WORDS: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Threats {
    count: usize,
    groups: BTreeMap<String, String>,
    rows: BTreeMap<String, Row>,
}

/// One attack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    group: String,
    title: String,
    /// Why there is no test yet.
    not_yet: Option<String>,
    /// Why the attack cannot reach this software at all.
    not_here: Option<String>,
}

/// Tests by the number of their row, each with its file.
type Tests = BTreeMap<String, Vec<String>>;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut tests = Tests::new();
    for folder in FOLDERS {
        for path in workspace.files(folder, &["rs", "mjs", "js", "ts", "mts"])? {
            let text = read(&path)?;
            let is_rust = path.extension().is_some_and(|end| end == "rs");
            let names: fn(&str) -> Vec<&str> = if is_rust { rust_tests } else { script_tests };
            for name in names(&text) {
                let number = name.strip_prefix("threat_").unwrap_or_default();
                if let Some((number, _)) = number.split_once('_') {
                    let shown = format!("{name} ({})", workspace.relative(&path));
                    tests.entry(number.to_owned()).or_default().push(shown);
                }
            }
        }
    }
    let threats = toml::from_str(&workspace.read(LIST)?).context(LIST)?;
    let (lines, faults) = report(&threats, tests);
    println!("{}", lines.join("\n"));
    ensure!(faults.is_empty(), "{LIST}:\n{}", faults.join("\n"));
    Ok(())
}

/// A line for each row, and what is wrong.
fn report(threats: &Threats, mut tests: Tests) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut faults, mut tested) = (Vec::new(), Vec::new(), 0);
    for (at, (number, row)) in (1..).zip(&threats.rows) {
        let head = format!("{number} {} {:<60}", row.group, row.title);
        let named = tests.remove(number).unwrap_or_default();
        let reason = |word, text: &Option<String>| Some(format!("{word}: {}", text.as_ref()?));
        let not_yet = reason("not yet", &row.not_yet).into_iter();
        let reasons: Vec<_> = not_yet.chain(reason("not here", &row.not_here)).collect();
        let answers = reasons.len() + usize::from(!named.is_empty());
        let words = row.title.split_whitespace().count();
        let is_blank = |reason: &String| reason.trim_end().ends_with(':');
        for (is_wrong, says) in [
            (*number != format!("{at:03}"), "is not the next number"),
            (!threats.groups.contains_key(&row.group), "is in no group"),
            (!(1..=TITLE_WORDS).contains(&words), "has 1 to 10 words"),
            (reasons.iter().any(is_blank), "gives no reason"),
            (answers == 0, "has neither a test nor a reason"),
            (answers > 1, "has a test or one reason, not both"),
        ] {
            faults.extend(is_wrong.then(|| format!("{head} {says}")));
        }
        tested += usize::from(!named.is_empty());
        let answer = named
            .first()
            .or(reasons.first())
            .map_or("NO TEST", String::as_str);
        let more = match named.len() {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        lines.push(format!("{head} {answer}{more}"));
    }
    let unknown = tests.into_values().flatten();
    faults.extend(unknown.map(|test| format!("{test}: there is no such row")));
    let count = threats.rows.len();
    if count != threats.count {
        faults.push(format!("{count} rows, and `count` says {}", threats.count));
    }
    let reasons = count - tested;
    lines.push(format!(
        "{count} rows: {tested} tested, {reasons} with a reason"
    ));
    (lines, faults)
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

    #[track_caller]
    fn faults(rows: &str, tests: &[&str], wanted: &[&str]) {
        let text = format!(
            "count = 2\n[groups]\nA = \"a\"\n[rows]\n001 = {{ group = \"A\", title = \"t\" }}\n{rows}"
        );
        let tests = tests
            .iter()
            .map(|&number| (number.to_owned(), vec![format!("threat_{number}_x (f.rs)")]));
        let (_, found) = report(&toml::from_str(&text).unwrap(), tests.collect());
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        assert!(
            found
                .iter()
                .zip(wanted)
                .all(|(found, says)| found.contains(says)),
            "{found:?}"
        );
    }

    #[test]
    fn a_row_has_a_test_or_a_reason_and_not_both() {
        let row = |more: &str| format!("002 = {{ group = \"A\", title = \"t\"{more} }}");
        faults(&row(""), &["001", "002"], &[]);
        faults(&row(""), &["001"], &["has neither"]);
        faults(&row(", not_here = \"r\""), &["001"], &[]);
        faults(&row(", not_here = \"r\""), &["001", "002"], &["not both"]);
        faults(
            &row(", not_here = \"r\", not_yet = \"r\""),
            &["001"],
            &["not both"],
        );
        faults(&row(", not_yet = \" \""), &["001"], &["gives no reason"]);
        faults(
            &row(""),
            &["001", "002", "003"],
            &["threat_003_x (f.rs): there is no such row"],
        );
    }

    #[test]
    fn rows_are_complete_and_well_formed() {
        faults("", &["001"], &["`count` says 2"]);
        faults(
            "003 = { group = \"A\", title = \"t\" }",
            &["001", "003"],
            &["is not the next number"],
        );
        faults(
            "002 = { group = \"B\", title = \"t\" }",
            &["001", "002"],
            &["is in no group"],
        );
        faults(
            "002 = { group = \"A\", title = \"a b c d e f g h i j k\" }",
            &["001", "002"],
            &["has 1 to 10 words"],
        );
    }

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
