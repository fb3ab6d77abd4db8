//! `xtask/layers.toml`: imports go down the core's layers, no files import one another in a circle, and each crate depends
//! only on what is listed for it.
//!
//! What the core may not call (clocks, files, randomness) is in its `clippy.toml`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::builds;
use crate::circles::{self, Circle, is_within};
use crate::imports::{Modules, modules_of};
use crate::process::capture;
use crate::workspace::Workspace;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    core: Core,
    crates: BTreeMap<String, Vec<String>>,
    circles: Circles,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Core {
    package: String,
    source: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Circles {
    known: Vec<Circle>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let table: Table =
        toml::from_str(&workspace.read("xtask/layers.toml")?).context("xtask/layers.toml")?;
    let modules = modules_of(workspace, &table.core.source)?;
    let circles = circles::find(workspace)?;
    let mut breaches = order(&modules, &table.core.layers);
    breaches.extend(circles::check(&circles, &table.circles.known));
    breaches.extend(crates(&ours(workspace)?, &table.crates));
    let dependencies = dependencies(workspace, &table.core.package)?;
    for name in dependencies.symmetric_difference(&table.core.dependencies) {
        breaches.push(format!(
            "{name}: the core's dependencies and their list in xtask/layers.toml differ. Each of them must do no I/O"
        ));
    }
    for breach in &breaches {
        eprintln!("{breach}");
    }
    ensure!(
        breaches.is_empty(),
        "{} against xtask/layers.toml",
        breaches.len()
    );
    println!(
        "{} modules in {} layers, {} dependencies of the core, {} known circles: all in order",
        modules.len(),
        table.core.layers.len(),
        dependencies.len(),
        circles.len()
    );
    Ok(())
}

/// Every import that goes up, or sideways in a layer whose modules stay apart.
fn order(modules: &Modules, layers: &[Layer]) -> Vec<String> {
    let mut breaches = Vec::new();
    for row in layers
        .iter()
        .flat_map(|layer| &layer.modules)
        .filter(|row| !modules.contains_key(*row))
    {
        breaches.push(format!(
            "xtask/layers.toml: `{row}` names no file: take it out"
        ));
    }
    for (name, module) in modules.iter().filter(|(name, _)| !name.is_empty()) {
        let Some(own) = height(name, layers) else {
            breaches.push(format!(
                "{}: stands in no layer: add `{name}` to one in xtask/layers.toml",
                module.file
            ));
            continue;
        };
        for import in &module.imports {
            if let Some(rule) = broken(name, own, &import.to, layers) {
                breaches.push(format!(
                    "{}:{}: {}: {rule}",
                    module.file, import.line, import.path
                ));
            }
        }
    }
    breaches
}

/// The rule that `from` breaks by naming `to`, if any. A target without a layer is reported at its own file.
fn broken(from: &str, own: usize, to: &str, layers: &[Layer]) -> Option<String> {
    if to.is_empty() {
        return Some("name the module it comes from: the crate's root hides the layer".to_owned());
    }
    let its = height(to, layers)?;
    let layer = layers.get(its)?;
    let is_one_unit = is_within(from, to) || is_within(to, from);
    if its > own {
        Some(format!(
            "`{from}` imports from a higher layer, \"{}\"",
            layer.name
        ))
    } else if its == own && layer.apart && !is_one_unit {
        Some(format!(
            "modules of \"{}\" do not import one another",
            layer.name
        ))
    } else {
        None
    }
}

/// The layer of a module: by its own row, or by that of the nearest folder.
fn height(name: &str, layers: &[Layer]) -> Option<usize> {
    let rows = (0..)
        .zip(layers)
        .flat_map(|(at, layer)| layer.modules.iter().map(move |row| (row, at)));
    let rows = rows.filter(|(row, _)| is_within(name, row));
    rows.max_by_key(|(row, _)| row.len()).map(|(_, at)| at)
}

/// The crates of the workspace, with those of it that each depends on. What only tests use is not counted.
fn ours(workspace: &Workspace) -> Result<BTreeMap<String, Vec<String>>> {
    let mut crates = BTreeMap::new();
    for member in builds::members(workspace)? {
        let manifest: toml::Table =
            toml::from_str(&workspace.read(&format!("{member}/Cargo.toml"))?)?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name")?.as_str());
        let tables =
            ["dependencies", "build-dependencies"].map(|kind| manifest.get(kind)?.as_table());
        let names = tables.into_iter().flatten().flat_map(toml::Table::keys);
        let ours = names.filter(|name| name.starts_with("mastra-")).cloned();
        crates.insert(name.context(member)?.to_owned(), ours.collect());
    }
    Ok(crates)
}

fn crates(
    found: &BTreeMap<String, Vec<String>>,
    table: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let mut breaches = Vec::new();
    for (name, dependencies) in found {
        let Some(allowed) = table.get(name) else {
            breaches.push(format!(
                "{name}: is not in xtask/layers.toml: add a row under [crates]"
            ));
            continue;
        };
        for other in dependencies.iter().filter(|other| !allowed.contains(other)) {
            breaches.push(format!(
                "{name} depends on {other}: xtask/layers.toml does not allow it"
            ));
        }
    }
    breaches
}

/// Every crate that a package is built with, with all its features, without tests and build scripts.
fn dependencies(workspace: &Workspace, package: &str) -> Result<BTreeSet<String>> {
    // For one package: `cargo metadata` would add features that the rest of the workspace enables.
    let mut tree = workspace.cargo("tree --all-features --edges normal --prefix none --format {p}");
    tree.args(["--target", "x86_64-unknown-linux-gnu", "--package", package]);
    let text = capture(&mut tree)?;
    let names = text.lines().filter_map(|line| line.split(' ').next());
    let mut names: BTreeSet<String> = names.map(str::to_owned).collect();
    if !names.remove(package) {
        bail!("cargo tree does not know {package}");
    }
    names.remove("");
    Ok(names)
}

#[cfg(test)]
mod tests;
