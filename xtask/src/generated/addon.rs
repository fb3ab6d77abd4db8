//! `npm/auth-cloud/src/addon-types.ts`: the addon's exports, as napi-derive describes them while it compiles them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::builds;
use crate::workspace::{EXPORTS, Workspace};

/// The types of every export get this prefix, so that none is mistaken for one of the package.
const PREFIX: &str = "Native";
/// Types that hold what JavaScript gives: an option may be set to `undefined`.
const GIVEN: [&str; 3] = ["Options", "Verification", "TokenRules"];
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
    builds::development(workspace)?;
    page(&workspace.read(&format!("{EXPORTS}/mastra-auth-cloud-node"))?)
}

fn page(lines: &str) -> Result<String> {
    let mut functions = String::new();
    // By name: in which files they are does not matter.
    let mut types: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    let definitions = lines.lines().map(serde_json::from_str::<Definition>);
    let definitions = definitions.collect::<Result<Vec<_>, _>>();
    let definitions = definitions.context("napi-derive writes something else than expected")?;
    let (fns, rest): (Vec<_>, Vec<_>) = definitions.into_iter().partition(|one| one.kind == "fn");
    for one in rest {
        types.entry(one.name.clone()).or_default().push(one);
    }
    let mut names: BTreeSet<&str> = types.keys().map(String::as_str).collect();
    names.extend(["Source", "TransportError"]);
    for line in fns
        .iter()
        .flat_map(|one| one.js_doc.lines().chain(one.def.lines()))
    {
        let line = line.trim();
        let line = line.strip_prefix("function ").unwrap_or(line);
        functions += &member(line, &names, false);
    }
    let mut page = String::new();
    for (name, own) in &types {
        let docs: String = own.iter().map(|one| one.js_doc.as_str()).collect();
        let is_given = GIVEN.contains(&name.as_str());
        let lines = own.iter().flat_map(|one| one.def.lines());
        let members: String = lines
            .map(|line| member(line.trim(), &names, is_given))
            .collect();
        page += &format!("\n{docs}export interface {PREFIX}{name} {{\n{members}}}\n");
    }
    let docs = "/** The addon's functions. */";
    Ok(format!(
        "{page}\n{docs}\nexport interface Native {{\n{functions}}}\n"
    ))
}

/// A line of a type's body: a member, or a comment as it is.
fn member(line: &str, names: &BTreeSet<&str>, is_given: bool) -> String {
    if line.starts_with("/*") || line.starts_with('*') {
        let indent = if line.starts_with('*') { " " } else { "" };
        return format!("  {indent}{line}\n");
    }
    // A list that the addon takes may be one that JavaScript does not change.
    let line = match line.rsplit_once("): ") {
        Some((taken, given)) => format!("{}): {given}", taken.replace("Array<", "ReadonlyArray<")),
        None => line.to_owned(),
    };
    let mut named = String::new();
    for word in line.split_inclusive(|mark: char| !mark.is_alphanumeric()) {
        let bare = word.trim_end_matches(|mark: char| !mark.is_alphanumeric());
        named += if names.contains(bare) { PREFIX } else { "" };
        named += word;
    }
    let undefined = if is_given && named.contains("?: ") {
        " | undefined"
    } else {
        ""
    };
    format!("  {named}{undefined};\n")
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
        assert_eq!(page, wanted);
    }
}
