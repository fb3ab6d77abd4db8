//! Between the core's modules: imports go down the layers, and never sideways in a folder whose files must stay apart.

use std::collections::BTreeMap;

use super::Breach;
use super::table::{Apart, Core};
use crate::source::{Path, Source};

/// One file, and the paths that it names.
pub(super) struct Module {
    pub(super) file: String,
    pub(super) source: Source,
}

/// Every module by name; the empty name is the crate's root.
pub(super) type Modules = BTreeMap<String, Module>;

pub(super) fn check(modules: &Modules, core: &Core) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for layer in &core.layers {
        for row in layer
            .modules
            .iter()
            .filter(|row| !modules.contains_key(*row))
        {
            breaches.push(format!(
                "xtask/layers.toml: `{row}` in \"{}\" names no file: take it out",
                layer.name
            ));
        }
    }
    for (name, module) in modules.iter().filter(|(name, _)| !name.is_empty()) {
        let Some(own) = height(name, core) else {
            breaches.push(format!(
                "{}: stands in no layer: add `{name}` to one in xtask/layers.toml",
                module.file
            ));
            continue;
        };
        for path in &module.source.paths {
            let Some(target) = resolve(path, name, modules) else {
                continue;
            };
            if let Some(rule) = broken(name, own, &target, core) {
                breaches.push(format!(
                    "{}:{}: {}: {rule}",
                    module.file,
                    path.line,
                    path.segments.join("::")
                ));
            }
        }
    }
    breaches
}

/// The rule that `from` breaks by naming `to`, if any.
fn broken(from: &str, own: usize, to: &str, core: &Core) -> Option<String> {
    if from == to {
        return None;
    }
    if to.is_empty() {
        return Some("name the module it comes from: the crate's root hides the layer".to_owned());
    }
    // A target without a layer is reported at its own file.
    let its = height(to, core)?;
    if its > own {
        let name = |at: usize| core.layers.get(at).map_or("", |layer| layer.name.as_str());
        return Some(format!(
            "`{from}` ({}) imports from a higher layer, `{to}` ({})",
            name(own),
            name(its)
        ));
    }
    core.apart
        .iter()
        .find_map(|apart| sideways(from, to, apart))
}

fn sideways(from: &str, to: &str, apart: &Apart) -> Option<String> {
    let within = |name: &str| is_within(name, &apart.folder) && name != apart.folder;
    // A file and the files of its own folder are one unit.
    let related = is_within(from, to) || is_within(to, from);
    let shared = apart.shared.iter().any(|row| is_within(to, row));
    (within(from) && within(to) && !related && !shared).then(|| {
        format!(
            "files of `{}` stay apart: `{from}` imports `{to}`, which is not shared",
            apart.folder
        )
    })
}

/// The index of a module's layer in the table: by its own row, or the nearest folder's.
fn height(name: &str, core: &Core) -> Option<usize> {
    core.layers
        .iter()
        .enumerate()
        .flat_map(|(at, layer)| layer.modules.iter().map(move |row| (row, at)))
        .filter(|(row, _)| is_within(name, row))
        .max_by_key(|(row, _)| row.len())
        .map(|(_, at)| at)
}

fn is_within(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The module of this crate that a path leads to; `None` if it leads out of the crate.
fn resolve(path: &Path, from: &str, modules: &Modules) -> Option<String> {
    let mut at: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    at.extend(path.inside.iter().map(String::as_str));
    let mut rest = path.segments.as_slice();
    let mut is_ours = false;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            _ => break,
        }
        is_ours = true;
        rest = others;
    }
    if !is_ours {
        // `use child::Name` in the module that declares `child`.
        let first = rest.first()?;
        let child = at
            .iter()
            .copied()
            .chain([first.as_str()])
            .collect::<Vec<_>>()
            .join("/");
        if !modules.contains_key(&child) {
            return None;
        }
    }
    at.extend(rest.iter().map(String::as_str));
    // The longest prefix that is a file; the rest names items and inline modules in it.
    (0..=at.len())
        .rev()
        .filter_map(|length| at.get(..length))
        .map(|parts| parts.join("/"))
        .find(|name| modules.contains_key(name) || name.is_empty())
}

#[cfg(test)]
mod tests;
