//! `npm/auth-cloud/src/addon-types.ts`: the addon's exports, as napi-derive describes them while it compiles them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::node;
use crate::workspace::Workspace;

/// The types of every export get this prefix, so that none is mistaken for one of the package.
const PREFIX: &str = "Native";
/// Types that hold what JavaScript gives: an option may be set to `undefined`.
const GIVEN: [&str; 3] = ["Options", "Verification", "TokenRules"];
const HEAD: &str = "\
// Written by `cargo xtask gen` from the exports of crates/node. Change those, not this file.

/** A value, or the error in its place. */
export type Or<T> = T | NativeFailure;
/** Text that the addon reads without copying it twice. */
export type Text = string;
/** The source of an answer. */
export type NativeSource = 'cache' | 'keys' | 'cloud' | 'none';
/** Why no answer came. */
export type NativeTransportError = 'connect' | 'closed' | 'stale' | 'timeout' | 'too_large' | 'other';
/** Authenticates a request; `NativeAuthority.look` says what the number means. */
export type Look = (cookie: Text | null | undefined, authorization?: Text | null, token?: Text | null) => number;
";

/// One line of what napi-derive writes.
#[derive(Deserialize)]
struct Definition {
    /// `fn`, or `interface`, `struct` and `impl` of a type.
    kind: String,
    name: String,
    js_doc: String,
    def: String,
}

pub(super) fn types(workspace: &Workspace) -> Result<String> {
    page(&node::exports(workspace)?)
}

fn page(lines: &str) -> Result<String> {
    let read = |line| {
        serde_json::from_str(line).context("napi-derive writes something else than expected")
    };
    let definitions = lines
        .lines()
        .map(read)
        .collect::<Result<Vec<Definition>>>()?;
    let (functions, types): (Vec<_>, Vec<_>) = definitions.iter().partition(|one| one.kind == "fn");
    // By name: in which files they are does not matter.
    let mut by_name: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for one in types {
        by_name.entry(&one.name).or_default().push(one);
    }
    let mut names: BTreeSet<&str> = by_name.keys().copied().collect();
    names.extend(["Source", "TransportError"]);
    let mut page = HEAD.to_owned();
    for (name, own) in &by_name {
        page.push('\n');
        page.extend(own.iter().map(|one| one.js_doc.as_str()));
        writeln!(page, "export interface {PREFIX}{name} {{")?;
        for line in own.iter().flat_map(|one| one.def.lines()) {
            writeln!(
                page,
                "  {}",
                member(line.trim(), &names, GIVEN.contains(name))
            )?;
        }
        page.push_str("}\n");
    }
    page.push_str("\n/** The addon's functions. */\nexport interface Native {\n");
    for one in functions {
        for line in one.js_doc.lines().chain(one.def.lines()) {
            let line = line.trim();
            writeln!(
                page,
                "  {}",
                member(
                    line.strip_prefix("function ").unwrap_or(line),
                    &names,
                    false
                )
            )?;
        }
    }
    page.push_str("}\n");
    Ok(page)
}

/// A line of a type's body: a member, or a comment as it is.
fn member(line: &str, names: &BTreeSet<&str>, is_given: bool) -> String {
    if line.starts_with("/*") || line.starts_with('*') {
        let indent = if line.starts_with('*') { " " } else { "" };
        return format!("{indent}{line}");
    }
    // A list that the addon takes may be one that JavaScript does not change.
    let line = match line.rsplit_once("): ") {
        Some((taken, given)) => format!("{}): {given}", taken.replace("Array<", "ReadonlyArray<")),
        None => line.to_owned(),
    };
    let mut named = String::new();
    for word in line.split_inclusive(|mark: char| !mark.is_alphanumeric()) {
        let bare = word.trim_end_matches(|mark: char| !mark.is_alphanumeric());
        named.push_str(if names.contains(bare) { PREFIX } else { "" });
        named.push_str(word);
    }
    let undefined = if is_given && named.contains("?: ") {
        " | undefined"
    } else {
        ""
    };
    format!("{named}{undefined};")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_become_interfaces() {
        let lines = [
            r#"{"kind": "struct", "name": "Flow", "js_doc": "/** A flow. */\n", "def": ""}"#,
            r#"{"kind": "impl", "name": "Flow", "js_doc": "", "def": "/** Starts\n * it. */\n start(on: Array<string>): Step"}"#,
            r#"{"kind": "interface", "name": "Step", "js_doc": "/** The next Step. */\n", "def": "done?: Flow"}"#,
            r#"{"kind": "fn", "name": "open", "js_doc": "/** Opens. */\n", "def": "function open(options: Options): Or<Flow>"}"#,
            r#"{"kind": "interface", "name": "Options", "js_doc": "", "def": "a?: string"}"#,
        ];
        let page = page(&lines.join("\n")).unwrap();
        let wanted = "
/** A flow. */
export interface NativeFlow {
  /** Starts
   * it. */
  start(on: ReadonlyArray<string>): NativeStep;
}

export interface NativeOptions {
  a?: string | undefined;
}

/** The next Step. */
export interface NativeStep {
  done?: NativeFlow;
}

/** The addon's functions. */
export interface Native {
  /** Opens. */
  open(options: NativeOptions): Or<NativeFlow>;
}
";
        assert_eq!(page.strip_prefix(HEAD).unwrap(), wanted);
    }
}
