//! What is generated from the code: `cargo xtask gen` writes it; `--check` fails if it differs.
//!
//! A part of a file stands between a line that says `cargo xtask gen: NAME` and one that says `cargo xtask gen: end`. To add one,
//! add a row to the table. Generated parts are committed, so that readers need no tool.

mod addon;
mod help;
mod lists;

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;

/// A part: its file, its name, and what writes it.
type Part = (&'static str, &'static str, fn(&Workspace) -> Result<String>);

const EVENT_TYPES: &str = "npm/auth-cloud/src/event-types.ts";
const PARTS: &[Part] = &[
    ("docs/guide/errors.md", "codes", lists::code_table),
    ("docs/guide/observability.md", "events", lists::event_tables),
    ("docs/guide/cli.md", "help", help::page),
    ("npm/auth-cloud/src/codes.ts", "codes", lists::code_types),
    (EVENT_TYPES, "events", lists::event_types),
    (EVENT_TYPES, "sources", lists::source_types),
    (EVENT_TYPES, "fields", lists::field_types),
    (EVENT_TYPES, "members", lists::event_members),
    (EVENT_TYPES, "levels", lists::event_levels),
    ("npm/auth-cloud/src/addon-types.ts", "exports", addon::types),
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut differ = Vec::new();
    for (file, name, write) in PARTS {
        let found = workspace.read(file)?;
        let wanted =
            put(&found, name, &write(workspace)?).with_context(|| format!("{file}: {name}"))?;
        if found == wanted {
            println!("{file}: {name}: up to date");
        } else if workspace.is_check {
            let pairs = found.lines().zip(wanted.lines());
            let same = pairs.take_while(|(is, should)| is == should).count();
            let line = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
            eprintln!(
                "{file}:{}: is  {}\nand not {}",
                same + 1,
                line(&found),
                line(&wanted)
            );
            differ.push(*file);
        } else {
            fs::write(workspace.path(file), &wanted).context(*file)?;
            println!("{file}: {name}: written anew");
        }
    }
    ensure!(
        differ.is_empty(),
        "run `cargo xtask gen` and commit {}",
        differ.join(" and ")
    );
    Ok(())
}

/// A text with one of its parts replaced.
fn put(text: &str, name: &str, part: &str) -> Result<String> {
    let begin = text
        .find(&format!("cargo xtask gen: {name}"))
        .context("no line begins it")?;
    let (before, rest) = text.split_at(begin);
    let (mark, rest) = rest.split_once('\n').context("no line ends it")?;
    let end = rest
        .find("cargo xtask gen: end")
        .context("no line ends it")?;
    // The line of the mark, with what stands before its words.
    let end = rest
        .get(..end)
        .and_then(|rest| rest.rfind('\n'))
        .map_or(0, |end| end + 1);
    Ok(format!(
        "{before}{mark}\n{part}{}",
        rest.get(end..).unwrap_or_default()
    ))
}
