//! The core's lists of error codes and events, as its examples print them: tables for the guide, types for Node.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::builds::example;
use crate::process::capture;
use crate::workspace::Workspace;

fn list<T: DeserializeOwned>(workspace: &Workspace, name: &str) -> Result<T> {
    let text = capture(&mut Command::new(example(workspace, name)?))?;
    serde_json::from_str(&text).with_context(|| format!("`{name}` prints something else"))
}

fn codes(workspace: &Workspace) -> Result<Vec<Value>> {
    list(workspace, "codes")
}

fn events(workspace: &Workspace) -> Result<Value> {
    list(workspace, "events")
}

fn rows<'v>(list: &'v Value, key: &str) -> &'v [Value] {
    let rows = list.get(key).and_then(Value::as_array);
    rows.map_or(&[], Vec::as_slice)
}

fn each(rows: &[Value], write: impl Fn(&Value) -> String) -> String {
    rows.iter().map(write).collect()
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

pub(super) fn code_table(workspace: &Workspace) -> Result<String> {
    let row = |row: &Value| {
        let status = row["status"]
            .as_u64()
            .map_or("–".to_owned(), |status| status.to_string());
        let meaning = text(row, "meaning").replace('|', "\\|");
        format!(
            "| `{}` | {} | {status} | {meaning} |\n",
            text(row, "code"),
            text(row, "kind")
        )
    };
    let head = "| code | kind | status | meaning |\n|---|---|---|---|\n";
    Ok(format!("{head}{}", each(&codes(workspace)?, row)))
}

pub(super) fn code_types(workspace: &Workspace) -> Result<String> {
    let row = |row: &Value| {
        format!(
            "  /** {} */\n  | '{}'\n",
            text(row, "meaning"),
            text(row, "code")
        )
    };
    Ok(each(&codes(workspace)?, row))
}

pub(super) fn event_tables(workspace: &Workspace) -> Result<String> {
    let list = events(workspace)?;
    let quoted = |text: &str| format!("`{text}`");
    let event = |event: &Value| {
        // The level, and the reason where there is none.
        let cell = |language: &str| {
            let emitted = &event[language.to_lowercase()];
            let reason = emitted["never"].as_str();
            let reason = reason.map_or(String::new(), |reason| {
                format!(" Not in {language}: {reason}.")
            });
            (emitted["level"].as_str().unwrap_or("–").to_owned(), reason)
        };
        let ((rust, not_in_rust), (node, not_in_node)) = (cell("Rust"), cell("Node"));
        let fields = fields(event).map(quoted).collect::<Vec<_>>().join(", ");
        let cells = [
            &quoted(text(event, "target")),
            &quoted(text(event, "name")),
            &rust,
            &node.to_lowercase(),
            &fields,
        ];
        let cells = cells.map(String::as_str).join(" | ");
        format!(
            "| {cells} | {}{not_in_rust}{not_in_node} |\n",
            text(event, "meaning")
        )
    };
    let field = |field: &Value| {
        let name = text(field, "name");
        let node = if is_in_node(&list, name) {
            quoted(&camel(name))
        } else {
            "–".to_owned()
        };
        let kind = if text(field, "kind") == "number" {
            "number"
        } else {
            "text"
        };
        format!(
            "| `{name}` | {node} | {kind} | {} |\n",
            text(field, "meaning")
        )
    };
    let (events, fields) = (
        each(rows(&list, "events"), event),
        each(rows(&list, "fields"), field),
    );
    Ok(format!(
        "
| target | event | Rust | Node | fields | meaning |
|---|---|---|---|---|---|
{events}
| field | in Node | type | meaning |
|---|---|---|---|
{fields}
"
    ))
}

pub(super) fn event_types(workspace: &Workspace) -> Result<String> {
    let row = |event: &Value, _: &str| {
        format!(
            "  /** {} */\n  | '{}'\n",
            text(event, "meaning"),
            text(event, "name")
        )
    };
    in_node(workspace, row)
}

pub(super) fn source_types(workspace: &Workspace) -> Result<String> {
    let source = |source: &Value| format!("  | '{}'\n", source.as_str().unwrap_or_default());
    Ok(each(rows(&events(workspace)?, "sources"), source))
}

pub(super) fn field_types(workspace: &Workspace) -> Result<String> {
    let list = events(workspace)?;
    let field = |field: &Value| {
        let name = text(field, "name");
        let kind = match text(field, "kind") {
            "number" => "number",
            "source" => "CloudAuthSource",
            _ => "string",
        };
        let member = format!(
            "  /** {} */\n  readonly {}?: {kind};\n",
            text(field, "meaning"),
            camel(name)
        );
        if is_in_node(&list, name) {
            member
        } else {
            String::new()
        }
    };
    Ok(each(rows(&list, "fields"), field))
}

pub(super) fn event_members(workspace: &Workspace) -> Result<String> {
    let row = |event: &Value, _: &str| {
        let members = fields(event).map(|field| format!("'{}'", camel(field)));
        let members = members.collect::<Vec<_>>().join(" | ");
        format!("  readonly {}: {members};\n", text(event, "name"))
    };
    in_node(workspace, row)
}

pub(super) fn event_levels(workspace: &Workspace) -> Result<String> {
    in_node(workspace, |event, level| {
        format!("  {}: '{level}',\n", text(event, "name"))
    })
}

/// Every event that Node emits, in words; with its level.
fn in_node(workspace: &Workspace, write: impl Fn(&Value, &str) -> String) -> Result<String> {
    let row = |event: &Value| {
        let level = event.pointer("/node/level").and_then(Value::as_str);
        level.map_or(String::new(), |level| write(event, &level.to_lowercase()))
    };
    Ok(each(rows(&events(workspace)?, "events"), row))
}

/// Whether an event that Node emits has this field.
fn is_in_node(list: &Value, name: &str) -> bool {
    let mut events = rows(list, "events").iter();
    events
        .any(|event| event.pointer("/node/level").is_some() && fields(event).any(|one| one == name))
}

fn fields(event: &Value) -> impl Iterator<Item = &str> {
    rows(event, "fields").iter().filter_map(Value::as_str)
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |out, word| {
        let (head, rest) = word.split_at(1.min(word.len()));
        out + &head.to_uppercase() + rest
    })
}
