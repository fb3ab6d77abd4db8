//! Checks the layers: imports go down, operations and flows do not import one another, crates use only allowed crates, and
//! the core does no I/O.
//!
//! `xtask/layers.toml` says what is allowed; each file of this folder checks one of the four rules. Reads sources, not
//! types: a re-exported name counts as a name of the module that exports it.

mod crates;
mod dependencies;
mod modules;
mod table;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::source::Source;
use crate::workspace::{Workspace, read};
use modules::Modules;
use table::Table;

/// A violation: the place and the rule.
pub(crate) type Breach = String;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let table = Table::read(&workspace.read("xtask/layers.toml")?)?;
    let core = CoreFiles::read(workspace, &table.core.source)?;

    let mut breaches = modules::check(&core.sources, &table.core);
    breaches.extend(words::check(&core.sources, &table.core.forbidden));
    let members = crates::read(workspace)?;
    breaches.extend(crates::check(&members, &table.crates));
    let dependencies = dependencies::read(workspace, &table.core.package)?;
    breaches.extend(dependencies::check(&dependencies, &table.core.dependencies));

    for breach in &breaches {
        eprintln!("{breach}");
    }
    if !breaches.is_empty() {
        bail!(
            "{} against xtask/layers.toml",
            count(breaches.len(), "breach", "breaches")
        );
    }
    println!(
        "{} modules in {} layers, {} crates, {} dependencies of the core: all in order",
        core.sources.len(),
        table.core.layers.len(),
        members.len(),
        dependencies.len()
    );
    Ok(())
}

/// The core's modules by name (`cookie/parse`; the empty name is the crate's root), without test files.
struct CoreFiles {
    sources: Modules,
}

impl CoreFiles {
    fn read(workspace: &Workspace, folder: &str) -> Result<Self> {
        let base = workspace.path(folder);
        let mut sources = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for path in workspace.files(folder, &["rs"])? {
            let shown = workspace.relative(&path);
            let source = Source::parse(&read(&path)?).with_context(|| shown.clone())?;
            tests.extend(test_files(&path, &source));
            sources.insert(path.clone(), (module_name(&base, &path), shown, source));
        }
        let sources = sources
            .into_iter()
            .filter(|(path, _)| {
                !tests
                    .iter()
                    .any(|test| path == test || path.starts_with(test.with_extension("")))
            })
            .map(|(_, (name, shown, source))| {
                (
                    name,
                    modules::Module {
                        file: shown,
                        source,
                    },
                )
            })
            .collect();
        Ok(Self { sources })
    }
}

/// The files of the test modules that a file declares.
fn test_files(path: &Path, source: &Source) -> Vec<PathBuf> {
    let beside = path.parent().unwrap_or(path);
    let is_root = path
        .file_stem()
        .is_some_and(|stem| stem == "lib" || stem == "mod");
    let children = if is_root {
        beside.to_path_buf()
    } else {
        path.with_extension("")
    };
    source
        .test_modules
        .iter()
        .flat_map(|module| match &module.path {
            Some(named) => vec![beside.join(named)],
            None => vec![
                children.join(format!("{}.rs", module.name)),
                children.join(&module.name).join("mod.rs"),
            ],
        })
        .collect()
}

fn module_name(base: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(base).unwrap_or(path).with_extension("");
    let parts: Vec<_> = inner
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let name = parts.join("/");
    match name.as_str() {
        "lib" => String::new(),
        _ => name
            .strip_suffix("/mod")
            .map_or(name.clone(), str::to_owned),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_after_its_file() {
        let base = Path::new("/r/src");
        for (file, name) in [
            ("lib.rs", ""),
            ("a.rs", "a"),
            ("a/b.rs", "a/b"),
            ("a/mod.rs", "a"),
        ] {
            assert_eq!(module_name(base, &base.join(file)), name);
        }
    }

    #[test]
    fn test_modules_are_found_where_rust_looks_for_them() {
        let source = Source::parse(
            "#[cfg(test)] mod tests; #[cfg(test)] #[path = \"b_tests.rs\"] mod more;",
        )
        .unwrap();
        let found = test_files(Path::new("/r/a/b.rs"), &source);
        assert!(found.contains(&PathBuf::from("/r/a/b/tests.rs")));
        assert!(found.contains(&PathBuf::from("/r/a/b_tests.rs")));
        let found = test_files(Path::new("/r/lib.rs"), &source);
        assert!(found.contains(&PathBuf::from("/r/tests.rs")));
    }
}
