//! The events, from the core's own list: types for Node, and the tables in `docs/guide/observability.md`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::builds::example;
use crate::process::capture;
use crate::workspace::Workspace;

/// The guide, and what stands around its generated part.
pub(super) const GUIDE: &str = "docs/guide/observability.md";
const BEGIN: &str = "<!-- Written by `cargo xtask gen` from the list of events in the core. Change the list, not this part. -->\n";
const END: &str = "<!-- The end of the written part. -->\n";

/// What `cargo run --example events` prints.
#[derive(Deserialize)]
struct List {
    events: Vec<Event>,
    fields: Vec<Field>,
    sources: Vec<String>,
}

#[derive(Deserialize)]
struct Event {
    name: String,
    target: String,
    rust: Emitted,
    node: Emitted,
    fields: Vec<String>,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Emitted {
    Level(String),
    Never(String),
}

#[derive(Deserialize)]
struct Field {
    name: String,
    kind: String,
    meaning: String,
}

fn list(workspace: &Workspace) -> Result<List> {
    read(&capture(&mut Command::new(example(workspace, "events")?))?)
}

fn read(text: &str) -> Result<List> {
    let list: List = serde_json::from_str(text)
        .context("the example `events` prints something else than its list")?;
    ensure!(!list.events.is_empty(), "the list of events is empty");
    Ok(list)
}

/// `npm/auth-cloud/src/event-types.ts`: the events that Node emits, their members and their levels.
pub(super) fn typescript(workspace: &Workspace) -> Result<String> {
    types(&list(workspace)?)
}

fn types(list: &List) -> Result<String> {
    let mut out = String::from(
        "// Written by `cargo xtask gen` from the list of events in the core. Change the list, not this file.\n\n\
         /** The kind of an event. */\n\
         export type CloudAuthEventType =",
    );
    let events: Vec<(&Event, String)> = list
        .events
        .iter()
        .filter_map(|event| match &event.node {
            Emitted::Level(level) => Some((event, level.to_lowercase())),
            Emitted::Never(_) => None,
        })
        .collect();
    for (Event { name, meaning, .. }, _) in &events {
        write!(out, "\n  /** {meaning} */\n  | '{name}'")?;
    }
    let sources = union(&list.sources);
    write!(
        out,
        ";\n\n/** Where an answer came from: the cache, a signature check here, a call to the Cloud, or none of them. */\n\
         export type CloudAuthSource = {sources};\n\n\
         /** One event. Holds no token, cookie, code, e-mail address or body. Durations are in seconds. */\n\
         export interface CloudAuthEvent {{\n  readonly type: CloudAuthEventType;\n"
    )?;
    for Field {
        name,
        kind,
        meaning,
    } in &list.fields
    {
        if !events.iter().any(|(event, _)| event.fields.contains(name)) {
            continue;
        }
        let kind = match kind.as_str() {
            "number" => "number",
            "source" => "CloudAuthSource",
            _ => "string",
        };
        writeln!(
            out,
            "  /** {meaning} */\n  readonly {}?: {kind};",
            camel(name)
        )?;
    }
    out.push_str("}\n\n/** The members that each event may have beside its type. */\nexport interface EventMembers {\n");
    for (Event { name, fields, .. }, _) in &events {
        let members: Vec<String> = fields.iter().map(|field| camel(field)).collect();
        writeln!(out, "  readonly {name}: {};", union(&members))?;
    }
    out.push_str(
        "}\n\n/** The level of each event in the log. */\n\
         export const EVENT_LEVELS: Readonly<Record<CloudAuthEventType, 'debug' | 'info' | 'warn'>> = {\n",
    );
    for (Event { name, .. }, level) in &events {
        writeln!(out, "  {name}: '{level}',")?;
    }
    out.push_str("};\n");
    Ok(out)
}

/// The guide with its generated part written anew.
pub(super) fn guide(workspace: &Workspace) -> Result<String> {
    let page = fs::read_to_string(workspace.path(GUIDE))?;
    let (before, rest) = page
        .split_once(BEGIN)
        .context("the first mark is missing")?;
    let (_, after) = rest.split_once(END).context("the second mark is missing")?;
    Ok(format!(
        "{before}{BEGIN}{}{END}{after}",
        tables(&list(workspace)?)?
    ))
}

fn tables(list: &List) -> Result<String> {
    let mut out = String::from(
        "\n| target | event | Rust | Node | fields | meaning |\n|---|---|---|---|---|---|\n",
    );
    let mut last = "";
    for event in &list.events {
        let target = if event.target == last {
            String::new()
        } else {
            format!("`{}`", event.target)
        };
        last = &event.target;
        let (rust, not_in_rust) = cell(&event.rust, "Rust");
        let (node, not_in_node) = cell(&event.node, "Node");
        let fields: Vec<String> = event
            .fields
            .iter()
            .map(|field| format!("`{field}`"))
            .collect();
        writeln!(
            out,
            "| {target} | `{}` | {rust} | {} | {} | {}{not_in_rust}{not_in_node} |",
            event.name,
            node.to_lowercase(),
            fields.join(", "),
            event.meaning,
        )?;
    }
    out.push_str("\n| field | in Node | type | meaning |\n|---|---|---|---|\n");
    for Field {
        name,
        kind,
        meaning,
    } in &list.fields
    {
        let is_in_node = list
            .events
            .iter()
            .any(|event| matches!(event.node, Emitted::Level(_)) && event.fields.contains(name));
        let node = if is_in_node {
            format!("`{}`", camel(name))
        } else {
            "–".to_owned()
        };
        let kind = if kind == "number" { "number" } else { "text" };
        writeln!(out, "| `{name}` | {node} | {kind} | {meaning} |")?;
    }
    out.push('\n');
    Ok(out)
}

/// The level, and the reason where there is none.
fn cell(emitted: &Emitted, language: &str) -> (String, String) {
    match emitted {
        Emitted::Level(level) => (level.clone(), String::new()),
        Emitted::Never(reason) => ("–".to_owned(), format!(" Not in {language}: {reason}.")),
    }
}

fn union(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    words.join(" | ")
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let (head, rest) = word.split_at(1.min(word.len()));
        out.push_str(&head.to_uppercase());
        out.push_str(rest);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{
        "events": [
            {"name": "gone", "target": "a::b", "rust": {"level": "WARN"}, "node": {"level": "WARN"}, "fields": ["user_id", "source"], "meaning": "It went."},
            {"name": "lost", "target": "a::b", "rust": {"level": "INFO"}, "node": {"never": "no need"}, "fields": ["lag_seconds"], "meaning": "It is lost."}
        ],
        "fields": [
            {"name": "user_id", "kind": "text", "meaning": "Who."},
            {"name": "source", "kind": "source", "meaning": "Whence."},
            {"name": "lag_seconds", "kind": "number", "meaning": "Late."}
        ],
        "sources": ["cache", "none"]
    }"#;

    #[test]
    fn node_has_the_types_of_what_it_emits() {
        let types = types(&read(LIST).unwrap()).unwrap();
        for part in [
            "  /** It went. */\n  | 'gone';\n",
            "CloudAuthSource = 'cache' | 'none';\n",
            "  /** Who. */\n  readonly userId?: string;\n  /** Whence. */\n  readonly source?: CloudAuthSource;\n}\n",
            "  readonly gone: 'userId' | 'source';\n}\n",
            "  gone: 'warn',\n};\n",
        ] {
            assert!(types.contains(part), "{part} in {types}");
        }
        assert!(!types.contains("lost") && !types.contains("lag"), "{types}");
    }

    #[test]
    fn an_event_and_a_field_are_rows_of_the_guide() {
        let tables = tables(&read(LIST).unwrap()).unwrap();
        for row in [
            "| `a::b` | `gone` | WARN | warn | `user_id`, `source` | It went. |\n",
            "|  | `lost` | INFO | – | `lag_seconds` | It is lost. Not in Node: no need. |\n",
            "| `user_id` | `userId` | text | Who. |\n",
            "| `lag_seconds` | – | number | Late. |\n",
        ] {
            assert!(tables.contains(row), "{row} in {tables}");
        }
        assert!(read(r#"{"events": [], "fields": [], "sources": []}"#).is_err());
    }
}
