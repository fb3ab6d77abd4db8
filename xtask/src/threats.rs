//! `docs/threats.toml`: every listed attack has a test with its number, or a reason for having none.
//!
//! A test is called `threat_021_...`. Its author must try that it fails without its guard.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::asvs;
use crate::tested::Tests;
use crate::workspace::Workspace;

const LIST: &str = "docs/threats.toml";
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

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let (threats, tests) = (listed(workspace)?, Tests::find(workspace)?);
    asvs::check(workspace, &tests)?;
    let (lines, faults) = report(&threats, tests.threats);
    println!("{}", lines.join("\n"));
    ensure!(faults.is_empty(), "{LIST}:\n{}", faults.join("\n"));
    Ok(())
}

fn listed(workspace: &Workspace) -> Result<Threats> {
    toml::from_str(&workspace.read(LIST)?).context(LIST)
}

/// Tables for people: how many of each group have a test, and why the others have none.
pub(crate) fn tables(workspace: &Workspace) -> Result<Value> {
    let Threats { groups, rows, .. } = listed(workspace)?;
    let reason = |row: &Row| row.not_yet.clone().or_else(|| row.not_here.clone());
    let counts: Vec<_> = groups
        .iter()
        .map(|(group, title)| {
            let own: Vec<_> = rows.values().filter(|row| row.group == *group).collect();
            let tested = own.iter().filter(|row| reason(row).is_none()).count();
            json!([title, own.len(), tested])
        })
        .collect();
    let reasons: Vec<_> = rows
        .iter()
        .filter_map(|(number, row)| {
            let word = row.not_yet.as_ref().map_or("not here", |_| "not yet");
            Some([
                number.clone(),
                row.title.clone(),
                format!("{word}: {}", reason(row)?),
            ])
        })
        .collect();
    Ok(json!([
        {
            "title": "[threats.toml](threats.toml) lists the attacks. Each has a test, or a reason why not. \
                Command: `cargo xtask threats`, which prints the tests of each row.",
            "columns": ["group", "rows", "with a test"],
            "rows": counts,
        },
        { "title": "Without a test:", "columns": ["row", "attack", "why"], "rows": reasons },
    ]))
}

/// A line for each row, and what is wrong.
fn report(
    threats: &Threats,
    mut tests: BTreeMap<String, Vec<String>>,
) -> (Vec<String>, Vec<String>) {
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
}
