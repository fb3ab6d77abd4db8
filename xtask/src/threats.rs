//! `docs/threats.toml`: every listed attack has a test with its number, or a reason for having none.
//!
//! A test counts if it runs: `fn threat_021_...` under `#[test]` in Rust, `test('threat_021_...')` in JavaScript. Its
//! author must try that it fails without its guard.

mod rows;
mod search;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use rows::Threats;
use search::Test;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let threats = Threats::read(&workspace.read("docs/threats.toml")?)?;
    let report = report(&threats, &search::run(workspace)?);
    for line in &report.lines {
        println!("{line}");
    }
    for fault in &report.faults {
        eprintln!("{fault}");
    }
    let faults = report.faults.len();
    ensure!(
        faults == 0,
        "{faults} of docs/threats.toml or of the tests to put right"
    );
    Ok(())
}

struct Report {
    lines: Vec<String>,
    faults: Vec<String>,
}

fn report(threats: &Threats, tests: &[Test]) -> Report {
    let mut by_row: BTreeMap<u16, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        by_row.entry(test.number).or_default().push(test);
    }
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    let (mut tested, mut reasons) = (0, 0);
    for (number, row) in &threats.rows {
        let head = format!("{number:03} {} {:<60}", row.group, row.title);
        let shown = head.trim_end();
        let reason = row.reason();
        reasons += usize::from(reason.is_some());
        let named = by_row.remove(number).unwrap_or_default();
        match (reason, named.as_slice()) {
            (None, []) => {
                lines.push(format!("{head} NO TEST"));
                faults.push(format!(
                    "{shown}: has neither a test `threat_{number:03}_...` nor a reason"
                ));
            }
            (Some(reason), []) => lines.push(format!("{head} {reason}")),
            (reason, [first, others @ ..]) => {
                tested += 1;
                let more = match others.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                lines.push(format!("{head} {} ({}){more}", first.name, first.file));
                faults.extend(reason.map(|reason| {
                    format!(
                        "{shown}: is tested by {} and still says \"{reason}\": take the reason out",
                        first.name
                    )
                }));
            }
        }
    }
    let unknown = by_row.into_values().flatten();
    faults.extend(unknown.map(|test| {
        format!(
            "{}: {} is not a row of docs/threats.toml",
            test.file, test.name
        )
    }));
    lines.push(format!(
        "{} rows: {tested} tested, {reasons} with a reason",
        threats.rows.len()
    ));
    Report { lines, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rows: &str, tests: &[u16]) -> Vec<String> {
        let text = format!("count = 2\n[groups]\nA = \"a\"\n[rows]\n{rows}");
        let tests: Vec<_> = tests
            .iter()
            .map(|&number| Test {
                number,
                name: format!("threat_{number:03}_x"),
                file: "f.rs".to_owned(),
            })
            .collect();
        report(&Threats::read(&text).unwrap(), &tests).faults
    }

    #[test]
    fn a_row_has_a_test_or_a_reason_and_not_both() {
        let bare = "001 = { group = \"A\", title = \"t\" }\n002 = { group = \"A\", title = \"t\" }";
        assert!(faults(bare, &[1, 2, 2]).is_empty());
        assert_eq!(
            faults(bare, &[1]),
            ["002 A t: has neither a test `threat_002_...` nor a reason"]
        );
        let reason = "001 = { group = \"A\", title = \"t\" }\n002 = { group = \"A\", title = \"t\", not_here = \"r\" }";
        assert!(faults(reason, &[1]).is_empty());
        assert!(faults(reason, &[1, 2])[0].contains("still says \"not here: r\""));
        assert_eq!(
            faults(reason, &[1, 3]),
            ["f.rs: threat_003_x is not a row of docs/threats.toml"]
        );
    }
}
