//! What `--record` keeps of the search: executions of each target over all campaigns, and each campaign's date and commit.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Target;
use crate::process::capture;
use crate::workspace::Workspace;

const FILE: &str = "docs/figures/fuzz.json";

/// One run of the search.
pub(super) struct Campaign {
    date: String,
    commit: String,
}

impl Campaign {
    /// Of now: the inputs that a search finds change committed files.
    pub(super) fn begin(workspace: &Workspace) -> Result<Self> {
        let said = |line: &str| {
            let mut words = line.split(' ');
            let mut command = Command::new(words.next().unwrap_or_default());
            let said = capture(command.args(words).current_dir(workspace.root()))?;
            anyhow::Ok(said.trim().to_owned())
        };
        Ok(Self {
            date: said("date -u +%F")?,
            commit: said("git describe --always --dirty --abbrev=7 --exclude=*")?,
        })
    }

    /// The line that is kept: what was kept before, and these targets, each searched for so many seconds. One that broke is left
    /// out, and the others stand.
    pub(super) fn record(
        self,
        workspace: &Workspace,
        names: &[String],
        targets: &[Target],
        seconds: u64,
    ) -> Result<String> {
        let before: Value = serde_json::from_str(&workspace.read(FILE)?)?;
        Ok(self.after(&before, names, targets, seconds)?.to_string())
    }

    fn after(
        self,
        before: &Value,
        names: &[String],
        targets: &[Target],
        seconds: u64,
    ) -> Result<Value> {
        let is_whole = |target: &&Target| target.crashes == 0;
        let targets: Vec<&Target> = targets.iter().filter(is_whole).collect();
        let mut rows = Vec::new();
        let mut total = 0;
        for name in names {
            let mut row = rows_of(before, 0)?
                .iter()
                .find(|row| cell(row, 0) == Some(name))
                .cloned()
                .unwrap_or_else(|| json!([name, "0", 0, 0]));
            let mut executions = number(&row, 1)?;
            if let Some(target) = targets.iter().find(|target| target.name == *name) {
                executions += target.executions;
                row = json!([name, grouped(executions), target.edges, target.kept]);
            }
            total += executions;
            rows.push(row);
        }
        let executions: u64 = targets.iter().map(|target| target.executions).sum();
        let mut campaigns = rows_of(before, 1)?.clone();
        campaigns.push(json!([
            self.date,
            self.commit,
            targets.len(),
            seconds,
            grouped(executions)
        ]));
        let since = campaigns.first().and_then(|first| cell(first, 0));
        let since = since.unwrap_or_default();
        let title = format!(
            "{} executions in {} targets since {since}, and no crash:",
            grouped(total),
            rows.len()
        );
        let columns = ["target", "executions", "edges", "inputs kept"];
        let targets = json!({ "title": title, "columns": columns, "rows": rows });
        let columns = ["date", "commit", "targets", "seconds each", "executions"];
        let title = "The campaigns:";
        let campaigns = json!({ "title": title, "columns": columns, "rows": campaigns });
        Ok(json!({ "tables": [targets, campaigns], "stands": true }))
    }
}

fn rows_of(record: &Value, table: usize) -> Result<&Vec<Value>> {
    let rows = record.pointer(&format!("/tables/{table}/rows"));
    rows.and_then(Value::as_array)
        .with_context(|| format!("{FILE} has other tables"))
}

fn cell(row: &Value, column: usize) -> Option<&str> {
    row.get(column)?.as_str()
}

/// A number with commas, and back.
fn number(row: &Value, column: usize) -> Result<u64> {
    let text = cell(row, column).unwrap_or_default().replace(',', "");
    text.parse().with_context(|| format!("{FILE}: {text:?}"))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, executions: u64) -> Target {
        Target {
            name: name.to_owned(),
            program: "fuzz".into(),
            corpus: "corpus".into(),
            executions,
            edges: 7,
            crashes: 0,
            kept: 2,
        }
    }

    #[test]
    fn executions_add_up_over_campaigns() {
        let campaign = |date: &str| Campaign {
            date: date.to_owned(),
            commit: "abc1234".to_owned(),
        };
        let names = ["cookie", "json", "token"].map(str::to_owned);
        let mut broken = target("token", 5);
        broken.crashes = 1;
        let none = json!({ "tables": [{ "rows": [] }, { "rows": [] }] });
        let both = [target("cookie", 999), target("json", 1_234_567), broken];
        let first = campaign("2026-01-01")
            .after(&none, &names, &both, 60)
            .unwrap();
        let second = [target("json", 1)];
        let second = campaign("2026-02-02")
            .after(&first, &names, &second, 5)
            .unwrap();
        assert_eq!(
            second["tables"][0]["title"],
            "1,235,567 executions in 3 targets since 2026-01-01, and no crash:"
        );
        assert_eq!(
            second["tables"][0]["rows"],
            json!([
                ["cookie", "999", 7, 2],
                ["json", "1,234,568", 7, 2],
                ["token", "0", 0, 0]
            ])
        );
        assert_eq!(
            second["tables"][1]["rows"],
            json!([
                ["2026-01-01", "abc1234", 2, 60, "1,235,566"],
                ["2026-02-02", "abc1234", 1, 5, "1"],
            ])
        );
    }

    #[test]
    fn the_kept_record_adds_up() {
        let workspace = Workspace::find().unwrap();
        let kept: Value = serde_json::from_str(&workspace.read(FILE).unwrap()).unwrap();
        let sum = |table, column: usize| -> u64 {
            let rows = rows_of(&kept, table).unwrap().iter();
            rows.map(|row| number(row, column).unwrap()).sum()
        };
        assert_eq!(sum(0, 1), sum(1, 4));
        let title = kept["tables"][0]["title"].as_str().unwrap();
        assert!(title.starts_with(&grouped(sum(0, 1))), "{title}");
    }
}
