//! `docs/asvs.csv`: each requirement of OWASP ASVS 5.0 about cookies, origins, sessions, tokens and OAuth, up to level 2, and
//! its answer: where it is met and which tests show it, or why it is another party's.
//!
//! The wording of a requirement is our own; its number finds the standard's. A named file must exist, and a named test must run.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tested::Tests;
use crate::workspace::Workspace;

const LIST: &str = "docs/asvs.csv";
const VERSION: &str = "v5.0.0-";
/// How many requirements of levels 1 and 2 each section has; they come before those of level 3.
#[rustfmt::skip]
const SECTIONS: [(&str, usize, &str); 18] = [
    ("3.3", 4, "cookies"), ("3.4", 6, "browser security headers"), ("3.5", 5, "origin separation"),
    ("7.1", 3, "session documentation"), ("7.2", 4, "session tokens"), ("7.3", 2, "session time-out"),
    ("7.4", 5, "session termination"), ("7.5", 2, "session abuse"), ("7.6", 2, "federated sessions"),
    ("9.1", 3, "source and integrity of tokens"), ("9.2", 4, "content of tokens"),
    ("10.1", 2, "OAuth and OIDC in general"), ("10.2", 2, "OAuth client"), ("10.3", 4, "OAuth resource server"),
    ("10.4", 11, "OAuth authorization server"), ("10.5", 5, "OIDC client"), ("10.6", 2, "OpenID provider"), ("10.7", 3, "consent"),
];

/// One requirement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    number: String,
    level: u8,
    requirement: String,
    status: Status,
    /// Files, by their paths from the root, between spaces.
    files: String,
    /// Tests between spaces: `threat_021` for all of a row of `docs/threats.toml`, or a function's name.
    tests: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Status {
    Met,
    /// Met but for what the reason says.
    Partly,
    /// Not met, and it could be.
    Open,
    /// For the app that uses this software.
    Host,
    /// For Mastra Cloud or the platform, which sign people in.
    Cloud,
    /// Nothing here is of that kind.
    None,
}

/// Fails where the list is not whole, or names what does not exist.
pub(crate) fn check(workspace: &Workspace, tests: &Tests) -> Result<()> {
    let rows = rows(workspace)?;
    let exists = |path: &str| workspace.path(path).exists();
    let faults = faults(&rows, exists, tests);
    ensure!(faults.is_empty(), "{LIST}:\n{}", faults.join("\n"));
    let met = rows.iter().filter(|row| row.status == Status::Met).count();
    println!("{} requirements of the ASVS: {met} met", rows.len());
    Ok(())
}

/// Tables for people: how many of each section, and what is not met in full.
pub(crate) fn tables(workspace: &Workspace) -> Result<Value> {
    let rows = rows(workspace)?;
    let statuses = [
        Status::Met,
        Status::Partly,
        Status::Open,
        Status::Host,
        Status::Cloud,
        Status::None,
    ];
    let count = |section: &str, status| {
        let own = rows.iter().filter(|row| row.section() == section);
        own.filter(|row| row.status == status).count()
    };
    let sections = SECTIONS.map(|(section, _, title)| {
        let counts = statuses.map(|status| json!(count(section, status)));
        let mut cells = vec![json!(format!("V{section} {title}"))];
        cells.extend(counts);
        cells
    });
    let missing = rows
        .iter()
        .filter(|row| matches!(row.status, Status::Partly | Status::Open));
    let missing: Vec<_> = missing
        .map(|row| [&row.number, &row.requirement, &row.reason])
        .collect();
    Ok(json!([
        {
            "title": "[OWASP ASVS 5.0](https://github.com/OWASP/ASVS/tree/v5.0.0), levels 1 and 2, in the chapters that sign-in is about. \
                [asvs.csv](asvs.csv) has each requirement by its number, with the files and tests that answer it. \
                Command: `cargo xtask threats`, which fails where a named file or test does not exist.",
            "columns": ["section", "met", "partly", "open", "the app's", "the Cloud's", "not applicable"],
            "rows": sections,
        },
        { "title": "Not met in full:", "columns": ["number", "requirement", "what is missing"], "rows": missing },
    ]))
}

fn rows(workspace: &Workspace) -> Result<Vec<Row>> {
    let text = workspace.read(LIST)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: csv::Result<_> = reader.deserialize().collect();
    rows.context(LIST)
}

impl Row {
    /// `7.2` of `v5.0.0-7.2.1`.
    fn section(&self) -> &str {
        let number = self.number.strip_prefix(VERSION).unwrap_or_default();
        number.rsplit_once('.').map_or("", |(section, _)| section)
    }

    fn faults(&self, exists: impl Fn(&str) -> bool, tests: &Tests) -> Vec<String> {
        let named = |list: &'_ str| list.split_whitespace().map(str::to_owned).collect();
        let (files, shown): (Vec<String>, Vec<String>) = (named(&self.files), named(&self.tests));
        let is_answered = matches!(self.status, Status::Met | Status::Partly);
        let gives_reason = !self.reason.trim().is_empty();
        let mut faults = Vec::new();
        for (is_wrong, says) in [
            (!(1..=2).contains(&self.level), "has level 1 or 2"),
            (self.requirement.trim().is_empty(), "says nothing"),
            (is_answered && files.is_empty(), "names no file"),
            (
                self.status == Status::Met && shown.is_empty() && !gives_reason,
                "names neither a test nor a reason",
            ),
            (
                self.status != Status::Met && !gives_reason,
                "gives no reason",
            ),
        ] {
            faults.extend(is_wrong.then(|| says.to_owned()));
        }
        let unknown = files.into_iter().filter(|file| !exists(file));
        faults.extend(unknown.map(|file| format!("names {file}, which does not exist")));
        let unknown = shown.into_iter().filter(|test| !tests.has(test));
        faults.extend(unknown.map(|test| format!("names {test}, and no such test runs")));
        faults
    }
}

fn faults(rows: &[Row], exists: impl Fn(&str) -> bool, tests: &Tests) -> Vec<String> {
    let mut wanted: BTreeSet<String> = SECTIONS
        .iter()
        .flat_map(|(section, count, _)| {
            (1..=*count).map(move |at| format!("{VERSION}{section}.{at}"))
        })
        .collect();
    let mut found = Vec::new();
    for row in rows {
        if !wanted.remove(&row.number) {
            found.push(format!("{} is no such number, or stands twice", row.number));
        }
        let faults = row.faults(&exists, tests);
        found.extend(faults.iter().map(|fault| format!("{} {fault}", row.number)));
    }
    found.extend(wanted.iter().map(|number| format!("{number} is missing")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Row> {
        let numbers = SECTIONS.iter().flat_map(|(section, count, _)| {
            (1..=*count).map(move |at| format!("{VERSION}{section}.{at}"))
        });
        numbers
            .map(|number| Row {
                number,
                level: 1,
                requirement: "r".to_owned(),
                status: Status::Met,
                files: "f.rs".to_owned(),
                tests: "threat_001 a_test".to_owned(),
                reason: String::new(),
            })
            .collect()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<Row>), wanted: &[&str]) {
        let mut rows = all();
        change(&mut rows);
        let tests = Tests::of(&["threat_001_x", "a_test"]);
        assert_eq!(faults(&rows, |file| file == "f.rs", &tests), wanted);
    }

    #[test]
    fn every_requirement_stands_once() {
        check(|_| {}, &[]);
        check(|rows| drop(rows.pop()), &["v5.0.0-10.7.3 is missing"]);
        check(
            |rows| rows[0].number = "v5.0.0-3.3.5".to_owned(),
            &[
                "v5.0.0-3.3.5 is no such number, or stands twice",
                "v5.0.0-3.3.1 is missing",
            ],
        );
    }

    #[test]
    fn an_answer_names_files_and_tests_that_exist() {
        check(
            |rows| rows[0].files = "g.rs".to_owned(),
            &["v5.0.0-3.3.1 names g.rs, which does not exist"],
        );
        check(
            |rows| rows[0].files.clear(),
            &["v5.0.0-3.3.1 names no file"],
        );
        check(
            |rows| rows[0].tests = "threat_002".to_owned(),
            &["v5.0.0-3.3.1 names threat_002, and no such test runs"],
        );
        check(
            |rows| rows[0].tests = "a_tes".to_owned(),
            &["v5.0.0-3.3.1 names a_tes, and no such test runs"],
        );
        check(
            |rows| rows[0].tests.clear(),
            &["v5.0.0-3.3.1 names neither a test nor a reason"],
        );
        check(
            |rows| rows[0].status = Status::Host,
            &["v5.0.0-3.3.1 gives no reason"],
        );
        check(
            |rows| rows[0].status = Status::Partly,
            &["v5.0.0-3.3.1 gives no reason"],
        );
        check(|rows| rows[0].level = 3, &["v5.0.0-3.3.1 has level 1 or 2"]);
    }

    #[test]
    fn a_status_is_one_of_six() {
        let head = "number,level,requirement,status,files,tests,reason\n";
        let read = |status: &str| {
            let text = format!("{head}v5.0.0-3.3.1,1,r,{status},f,t,\n");
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            reader.deserialize::<Row>().collect::<csv::Result<Vec<_>>>()
        };
        assert!(read("met").is_ok());
        assert!(read("mostly").is_err());
    }
}
