//! Prints every event and every field as JSON, for the guide and for other languages.
#![allow(clippy::print_stdout)]

use mastra_auth_cloud_core::counters::Source;
use mastra_auth_cloud_core::events::{EVENTS, Emitted, FIELDS};
use serde_json::{Value, json};

fn main() {
    let events = EVENTS.iter().map(|event| {
        json!({
            "name": event.name,
            "target": event.target.as_str(),
            "rust": emitted(event.rust),
            "node": emitted(event.node),
            "fields": event.fields,
            "meaning": event.meaning,
        })
    });
    let fields = FIELDS
        .iter()
        .map(|field| json!({ "name": field.name, "kind": field.kind, "meaning": field.meaning }));
    let list = json!({
        "events": events.collect::<Vec<_>>(),
        "fields": fields.collect::<Vec<_>>(),
        "sources": Source::ALL.map(Source::as_str),
    });
    println!("{list}");
}

fn emitted(emitted: Emitted) -> Value {
    match emitted {
        Emitted::At(level) => json!({ "level": level.as_str() }),
        Emitted::Never(reason) => json!({ "never": reason }),
    }
}
