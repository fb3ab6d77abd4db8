//! What `--record` keeps: each file's mutants as of its last turn. A row stands while the file's code is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::copy::SOURCES;
use super::hunt::Answer;
use crate::workspace::Workspace;

const FILE: &str = "docs/figures/soak-mutants.json";

/// What became of a file's mutants.
#[derive(Debug)]
pub(super) struct Row {
    date: String,
    noticed: u64,
    unviable: u64,
    missed: Vec<String>,
}

impl Row {
    pub(super) fn new(date: &str) -> Self {
        Self {
            date: date.to_owned(),
            noticed: 0,
            unviable: 0,
            missed: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, answer: Answer) {
        match answer {
            Answer::Noticed => self.noticed += 1,
            Answer::Unviable => self.unviable += 1,
            Answer::Missed => self.missed.push(name.to_owned()),
        }
    }

    fn viable(&self) -> u64 {
        self.noticed + count(&self.missed)
    }
}

/// The rows that stand, by file.
pub(super) struct Record {
    rows: BTreeMap<String, Row>,
    /// Of each file with mutants, its code in short.
    codes: BTreeMap<String, String>,
}

impl Record {
    /// What is kept, without the rows of files whose code changed.
    pub(super) fn read(workspace: &Workspace, files: &BTreeSet<String>) -> Result<Self> {
        let mut codes = BTreeMap::new();
        for file in files {
            let code = short(&workspace.read(&format!("{SOURCES}{file}"))?);
            codes.insert(file.clone(), code);
        }
        Self::of(&serde_json::from_str(&workspace.read(FILE)?)?, codes)
    }

    fn of(kept: &Value, codes: BTreeMap<String, String>) -> Result<Self> {
        let mut rows = BTreeMap::new();
        for row in table(kept, 0) {
            let text = |column: usize| row[column].as_str().context("a cell has no text");
            let number = |column: usize| row[column].as_u64().context("a cell has no number");
            let file = text(0)?;
            let is_own = |name: &&str| name.split(": ").next() == Some(file);
            let missed = table(kept, 1).iter().filter_map(|row| row[0].as_str());
            let missed: Vec<String> = missed
                .map(|name| name.trim_matches('`').replace("\\|", "|"))
                .filter(|name| is_own(&name.as_str()))
                .collect();
            let is_same = codes
                .get(file)
                .is_some_and(|code| Some(code.as_str()) == row[1].as_str());
            if is_same {
                let row = Row {
                    date: text(2)?.to_owned(),
                    noticed: number(3)?,
                    unviable: number(5)?,
                    missed,
                };
                rows.insert(file.to_owned(), row);
            }
        }
        Ok(Self { rows, codes })
    }

    /// Whether a file needs no other turn: each miss has a reason.
    pub(super) fn stands(&self, file: &str, equivalent: &BTreeMap<String, String>) -> bool {
        let row = self.rows.get(file);
        row.is_some_and(|row| row.missed.iter().all(|name| equivalent.contains_key(name)))
    }

    /// The row of a file for its turn, and which mutants it asks about: none where all have one. Where the code is the same, what was
    /// noticed stays so, and what was missed is asked about again.
    pub(super) fn begin(&mut self, file: &str, date: &str) -> (Row, Option<Vec<String>>) {
        let Some(row) = self.rows.remove(file) else {
            return (Row::new(date), None);
        };
        let (date, missed) = (date.to_owned(), Vec::new());
        let asked = row.missed;
        (
            Row {
                date,
                missed,
                ..row
            },
            Some(asked),
        )
    }

    pub(super) fn put(&mut self, file: &str, row: Row) {
        self.rows.insert(file.to_owned(), row);
    }

    pub(super) fn missed(&self) -> impl Iterator<Item = &str> {
        self.rows
            .values()
            .flat_map(|row| &row.missed)
            .map(String::as_str)
    }

    /// The line that is kept, where the core has so many mutants.
    pub(super) fn line(&self, all: usize, equivalent: &BTreeMap<String, String>) -> Value {
        let sum = |of: fn(&Row) -> u64| self.rows.values().map(of).sum::<u64>();
        let (noticed, viable) = (sum(|row| row.noticed), sum(Row::viable));
        let unviable = sum(|row| row.unviable);
        let score = (noticed * 100).checked_div(viable).unwrap_or_default();
        let title = format!(
            "{} of the core's {all} mutants had a turn. {unviable} do not compile. The tests notice {noticed} of the other {viable}: {score} %.",
            viable + unviable,
        );
        let columns = [
            "file",
            "code",
            "date",
            "noticed",
            "missed",
            "does not compile",
        ];
        let rows = self.rows.iter().map(|(file, row)| {
            json!([
                file,
                self.codes.get(file),
                row.date,
                row.noticed,
                row.missed.len(),
                row.unviable
            ])
        });
        let rows: Vec<_> = rows.collect();
        let mut tables = vec![json!({ "title": title, "columns": columns, "rows": rows })];
        let missed = self.missed().map(|name| {
            let why = equivalent
                .get(name)
                .map_or("a test is missing", String::as_str);
            // A bar would end the cell.
            json!([format!("`{}`", name.replace('|', "\\|")), why])
        });
        let missed: Vec<_> = missed.collect();
        if !missed.is_empty() {
            tables
                .push(json!({ "title": "Missed:", "columns": ["mutant", "why"], "rows": missed }));
        }
        json!({ "tables": tables, "stands": true })
    }
}

fn table(kept: &Value, number: usize) -> &[Value] {
    let rows = kept.pointer(&format!("/tables/{number}/rows"));
    rows.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A file's code without its tests, as a few digits.
fn short(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    code.trim_end().hash(&mut hasher);
    format!("{:08x}", hasher.finish() >> 32)
}

fn count<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter()
            .map(|(file, code)| ((*file).to_owned(), short(code)))
            .collect()
    }

    #[test]
    fn a_row_stands_while_its_code_is_the_same_and_each_miss_has_a_reason() {
        use Answer::{Missed, Noticed, Unviable};
        let code = [
            ("a.rs", "fn f() {}"),
            ("b/c.rs", "fn g() {}"),
            ("d.rs", "fn h() {}"),
        ];
        let mut record = Record::of(&json!({}), codes(&code)).unwrap();
        for (file, answers) in [
            ("a.rs", vec![Noticed, Missed, Unviable]),
            ("b/c.rs", vec![Noticed]),
            ("d.rs", vec![Missed]),
        ] {
            let mut row = Row::new("2026-01-01");
            for answer in answers {
                row.add(&format!("{file}: replace || with && in f"), answer);
            }
            record.put(file, row);
        }
        let why = [("a.rs: replace || with && in f", "both are one")];
        let why = why
            .map(|(name, why)| (name.to_owned(), why.to_owned()))
            .into();
        let kept = record.line(9, &why);
        assert_eq!(
            kept["tables"][0]["title"],
            "5 of the core's 9 mutants had a turn. 1 do not compile. The tests notice 2 of the other 4: 50 %."
        );
        assert_eq!(
            kept["tables"][1]["rows"],
            json!([
                ["`a.rs: replace \\|\\| with && in f`", "both are one"],
                ["`d.rs: replace \\|\\| with && in f`", "a test is missing"]
            ])
        );
        let stand = |code: &[(&str, &str)]| {
            let record = Record::of(&kept, codes(code)).unwrap();
            let rows = record.rows.keys();
            rows.filter(|file| record.stands(file, &why))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(stand(&code), ["a.rs", "b/c.rs"]);
        // Tests may be added; code may not, and the file may not be gone.
        let added = [
            ("a.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {}\n"),
            code[1],
        ];
        assert_eq!(stand(&added), ["a.rs", "b/c.rs"]);
        assert_eq!(stand(&[("a.rs", "fn f() { g() }")]), [""; 0]);
        // What was missed is counted until it is noticed, and alone asked about again.
        let mut again = Record::of(&kept, codes(&code)).unwrap();
        assert_eq!(again.line(9, &why), kept);
        let missed = "a.rs: replace || with && in f";
        let (mut row, asked) = again.begin("a.rs", "2026-01-01");
        assert_eq!(asked, Some(vec![missed.to_owned()]));
        row.add(missed, Missed);
        again.put("a.rs", row);
        assert_eq!(again.line(9, &why), kept);
        let (row, asked) = again.begin("new.rs", "2026-01-02");
        assert!(row.viable() == 0 && asked.is_none());
    }
}
