//! The rows: numbers without a gap, a known group, a short title, at most one reason.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Most words of a title: a row is a reminder, not an essay.
const TITLE_WORDS: usize = 10;

/// The whole list.
pub(super) struct Threats {
    pub(super) rows: BTreeMap<u16, Row>,
}

/// One attack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) group: String,
    pub(super) title: String,
    /// Why there is no test yet.
    not_yet: Option<String>,
    /// Why the attack cannot reach this software at all.
    not_here: Option<String>,
}

impl Row {
    pub(super) fn reason(&self) -> Option<String> {
        let told = |word: &str, reason: &Option<String>| {
            reason.as_ref().map(|reason| format!("{word}: {reason}"))
        };
        told("not yet", &self.not_yet).or_else(|| told("not here", &self.not_here))
    }

    fn check(&self, groups: &BTreeMap<String, String>) -> Result<()> {
        ensure!(
            groups.contains_key(&self.group),
            "there is no group {}",
            self.group
        );
        let words = self.title.split_whitespace().count();
        let is_short = (1..=TITLE_WORDS).contains(&words);
        ensure!(
            is_short,
            "a title has 1 to {TITLE_WORDS} words, this one {words}"
        );
        let reasons = [&self.not_yet, &self.not_here];
        let mut reasons = reasons.into_iter().flatten();
        ensure!(
            reasons.clone().count() < 2,
            "`not_yet` and `not_here` exclude one another"
        );
        ensure!(
            reasons.all(|text| !text.trim().is_empty()),
            "a reason says something"
        );
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    count: u16,
    groups: BTreeMap<String, String>,
    rows: BTreeMap<String, Row>,
}

impl Threats {
    pub(super) fn read(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("docs/threats.toml")?;
        let mut rows = BTreeMap::new();
        for (key, row) in file.rows {
            let place = || format!("docs/threats.toml: row {key}");
            let number: u16 = key.parse().with_context(place)?;
            ensure!(
                key == format!("{number:03}"),
                "{}: write {number:03}",
                place()
            );
            row.check(&file.groups).with_context(place)?;
            rows.insert(number, row);
        }
        for number in 1..=file.count {
            ensure!(
                rows.contains_key(&number),
                "docs/threats.toml: row {number:03} is missing"
            );
        }
        let are_counted = rows.len() == usize::from(file.count);
        ensure!(
            are_counted,
            "docs/threats.toml: {} rows, and `count` says {}",
            rows.len(),
            file.count
        );
        Ok(Self { rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(rows: &str, says: &str) {
        let error = Threats::read(&format!("count = 2\n[groups]\nA = \"a\"\n[rows]\n{rows}"))
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains(says), "{error:#}");
    }

    #[test]
    fn rows_are_complete_and_well_formed() {
        let one = "001 = { group = \"A\", title = \"a b c d e f g h i j\" }";
        refuses(one, "row 002 is missing");
        refuses(
            &format!("{one}\n002 = {{ group = \"B\", title = \"t\" }}"),
            "no group B",
        );
        refuses(
            &format!("{one}\n2 = {{ group = \"A\", title = \"t\" }}"),
            "write 002",
        );
        refuses(
            &format!("{one}\n002 = {{ group = \"A\", title = \"a b c d e f g h i j k\" }}"),
            "11",
        );
        refuses(
            &format!("{one}\n002 = {{ group = \"A\", title = \"\" }}"),
            "1 to 10 words",
        );
        refuses(
            &format!("{one}\n002 = {{ group = \"A\", title = \"t\", not_yet = \" \" }}"),
            "says something",
        );
        refuses(
            &format!(
                "{one}\n002 = {{ group = \"A\", title = \"t\", not_yet = \"r\", not_here = \"r\" }}"
            ),
            "exclude",
        );
        let three = format!(
            "{one}\n002 = {{ group = \"A\", title = \"t\" }}\n003 = {{ group = \"A\", title = \"t\" }}"
        );
        refuses(&three, "`count` says 2");
    }
}
