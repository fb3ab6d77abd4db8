//! `xtask/layers.toml`: imports go down the core's layers, no files of a crate import one another in a circle, and each crate
//! depends only on what is listed for it. For circles in the npm sources, oxlint sees to that.
//!
//! What the core may not call (clocks, files, randomness) is in its `clippy.toml`.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::process::capture;
use crate::workspace::Workspace;
use imports::{Import, Modules};

const TABLE: &str = "xtask/layers.toml";
const CORE: &str = "mastra-auth-cloud-core";
/// Source folders outside of the workspace, and those of programs, whose `crate` is their own folder.
const OTHERS: [&str; 5] = [
    "benches/src",
    "benches/src/bin/http",
    "benches/src/bin/rust",
    "differential/src",
    "fuzz/src",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    core: Core,
    crates: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Core {
    /// The first is the lowest.
    layers: Vec<Layer>,
    dependencies: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    name: String,
    modules: Vec<String>,
    /// Whether its modules may not import one another.
    #[serde(default)]
    apart: bool,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let table: Table = toml::from_str(&workspace.read(TABLE)?).context(TABLE)?;
    let Core {
        layers,
        dependencies,
    } = table.core;
    let mut breaches = order(&imports::of(workspace, "crates/core/src")?, &layers);
    breaches.extend(differences(
        "the core",
        &tree_of_core(workspace)?,
        &dependencies,
    ));
    let mut folders = OTHERS.map(str::to_owned).to_vec();
    for package in workspace.packages()? {
        let text = |key| package[key].as_str().unwrap_or_default();
        let uses = package["dependencies"].as_array().into_iter().flatten();
        let uses = uses.filter(|one| one["path"].is_string() && one["kind"] != "dev");
        let uses = uses.map(|one| one["name"].as_str().unwrap_or_default());
        let (name, uses) = (text("name"), uses.map(str::to_owned).collect());
        let row = table
            .crates
            .get(name)
            .context(format!("{name} has no row in {TABLE}"))?;
        breaches.extend(differences(name, &uses, row));
        let folder = Path::new(text("manifest_path")).with_file_name("src");
        folders.push(workspace.relative(&folder));
    }
    for folder in &folders {
        let circles = circles(imports::of(workspace, folder)?.imports);
        breaches.extend(
            circles
                .iter()
                .map(|one| format!("{}: in a circle of files", one.place)),
        );
    }
    ensure!(
        breaches.is_empty(),
        "against {TABLE}:\n{}",
        breaches.join("\n")
    );
    println!(
        "{} layers, and no circle in {} folders",
        layers.len(),
        folders.len()
    );
    Ok(())
}

/// Every import that goes up, or sideways in a layer whose modules stay apart.
fn order(modules: &Modules, layers: &[Layer]) -> Vec<String> {
    let mut breaches = Vec::new();
    for row in layers.iter().flat_map(|layer| &layer.modules) {
        let is_gone = !modules.files.contains(row);
        breaches.extend(is_gone.then(|| format!("{TABLE}: `{row}` names no file")));
    }
    for name in modules.files.iter().filter(|name| !name.is_empty()) {
        let is_loose = layer_of(name, layers).is_none();
        breaches.extend(
            is_loose.then(|| format!("`{name}` stands in no layer: add it to one in {TABLE}")),
        );
    }
    for Import { from, to, place } in &modules.imports {
        let (Some((own, layer)), its) = (layer_of(from, layers), layer_of(to, layers)) else {
            continue;
        };
        let is_one_unit = is_within(from, to) || is_within(to, from);
        match its {
            _ if to.is_empty() => breaches.push(format!(
                "{place}: name its module: the crate's root hides the layer"
            )),
            Some((its, above)) if its > own || (its == own && layer.apart && !is_one_unit) => {
                breaches.push(format!(
                    "{place}: `{from}` may not import from \"{}\"",
                    above.name
                ));
            }
            _ => {}
        }
    }
    breaches
}

/// The layer of a module, and its height: by the module's own row, or by that of the nearest folder.
fn layer_of<'l>(name: &str, layers: &'l [Layer]) -> Option<(usize, &'l Layer)> {
    let nearest = |layer: &Layer| {
        let rows = layer.modules.iter().filter(|row| is_within(name, row));
        rows.map(String::len).max()
    };
    let found = (0..)
        .zip(layers)
        .filter(|(_, layer)| nearest(layer).is_some());
    found.max_by_key(|(_, layer)| nearest(layer))
}

/// The imports in circles: those left when the ones that lead to none, or come from none, are taken away again and again.
/// A module and its folder are one unit, to those outside as well, so `a/x > b` with `b/y > a` is a circle. Inside it, the
/// files may name their module, as any file may name the crate's root.
fn circles(mut imports: Vec<Import>) -> Vec<Import> {
    imports.retain(|one| !is_within(&one.to, &one.from) && !is_within(&one.from, &one.to));
    for one in &mut imports {
        (one.from, one.to) = units(&one.from, &one.to);
    }
    loop {
        let before = imports.len();
        let from: BTreeSet<String> = imports.iter().map(|one| one.from.clone()).collect();
        let to: BTreeSet<String> = imports.iter().map(|one| one.to.clone()).collect();
        imports.retain(|one| from.contains(&one.to) && to.contains(&one.from));
        if imports.len() == before {
            return imports;
        }
    }
}

/// The units of two modules: the shortest beginnings of their names that differ.
fn units(from: &str, to: &str) -> (String, String) {
    let parts = from.split('/').zip(to.split('/'));
    let shared = parts.take_while(|(from, to)| from == to).count();
    let unit = |name: &str| {
        let parts: Vec<_> = name.split('/').take(shared + 1).collect();
        parts.join("/")
    };
    (unit(from), unit(to))
}

/// Whether a module is this one or in its folder.
fn is_within(name: &str, folder: &str) -> bool {
    let rest = name.strip_prefix(folder);
    rest.is_some_and(|rest| folder.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

fn differences(name: &str, found: &BTreeSet<String>, row: &BTreeSet<String>) -> Vec<String> {
    let breach = |one| format!("{name}: its row in {TABLE} and its dependencies differ by {one}");
    found.symmetric_difference(row).map(breach).collect()
}

/// Every crate that the core is built with, with all its features, without tests and build scripts.
fn tree_of_core(workspace: &Workspace) -> Result<BTreeSet<String>> {
    // For one package: `cargo metadata` would add features that the rest of the workspace enables.
    let tree = "tree --all-features --edges normal --prefix none";
    let text = capture(
        workspace
            .cargo(tree)
            .args(["--package", CORE])
            .args(["--target", "x86_64-unknown-linux-gnu"])
            .args(["--target", "wasm32-unknown-unknown"]),
    )?;
    let names = text.lines().filter_map(|line| line.split(' ').next());
    let others = names.filter(|name| !["", CORE].contains(name));
    Ok(others.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(rows: &str) -> Vec<Import> {
        let row = |row: &str| {
            let (from, to) = row.split_once(" > ").unwrap();
            let [from, to] = [from, to].map(|name| name.trim_matches('_').to_owned());
            let place = row.to_owned();
            Import { from, to, place }
        };
        rows.split(", ").map(row).collect()
    }

    #[test]
    fn a_circle_of_any_length_is_found() {
        let left = |rows| {
            circles(imports(rows))
                .into_iter()
                .map(|one| one.place)
                .collect::<Vec<_>>()
                .join(", ")
        };
        // A module and its folder are one unit, and the root is none.
        let within = "a > a/x, a/x > a, a/y > a, a > a/y, a/x > a/y";
        for none in ["a > b, b > c, a > c", within, "_ > a, a > _"] {
            assert_eq!(left(none), "");
        }
        assert_eq!(left("a > b, b > a, c > a, b > d"), "a > b, b > a");
        for circle in [
            "a > b, b > c, c > a",
            "a > b, b > a, c > d, d > c",
            "a > b, b > a/x",
            "a/x > b, b/y > a",
            "a/x > a/y, a/y > a/x",
            "a > ab, ab > a",
        ] {
            assert_eq!(left(circle), circle);
        }
    }

    #[test]
    fn imports_go_down_and_every_file_has_a_layer() {
        let row = |modules: &[&str], apart| Layer {
            name: modules.join(" "),
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            apart,
        };
        let layers = [
            row(&["ids", "url"], false),
            row(&["op"], true),
            row(&["flow", "flow/step"], false),
            row(&["flow/a", "flow/b"], true),
        ];
        let breaches = |rows: &str| {
            let files = "_ ids url url/base op op/a op/b flow flow/step flow/a flow/b flow/a/part";
            let files = files
                .split(' ')
                .map(|name| name.trim_matches('_').to_owned())
                .collect();
            let imports = imports(rows);
            order(&Modules { files, imports }, &layers)
        };
        let fine = "flow/a > op/a, ids > url, url > ids, flow/step > flow, op/a > op, op > op/a, flow/a/part > flow/a, _ > flow/a";
        assert!(breaches(fine).is_empty(), "{:?}", breaches(fine));
        for (row, says) in [
            ("ids > op/a", "ids > op/a: `ids` may not import from \"op\""),
            ("url/base > flow", "`url/base` may not"),
            ("flow/step > flow/a", "`flow/step` may not"),
            ("op/a > op/b", "`op/a` may not"),
            ("flow/b > flow/a/part", "`flow/b` may not"),
            ("ids > _", "the crate's root hides the layer"),
        ] {
            let found = breaches(row);
            assert!(
                found.len() == 1 && found[0].contains(says),
                "{row}: {found:?}"
            );
        }
        // A name with a folder's name as its beginning is not in the folder.
        let files = ["operator", "op", "ids", "url"].map(str::to_owned).into();
        let found = order(
            &Modules {
                files,
                imports: Vec::new(),
            },
            &layers[..2],
        );
        assert_eq!(
            found,
            ["`operator` stands in no layer: add it to one in xtask/layers.toml"]
        );
        let found = order(
            &Modules {
                files: BTreeSet::new(),
                imports: Vec::new(),
            },
            &layers[1..2],
        );
        assert_eq!(found, ["xtask/layers.toml: `op` names no file"]);
    }
}
