//! For each rule, a file that keeps it, one that breaks it, and a boundary case.

use super::*;
use crate::imports::{Import, Module};

fn layers() -> Vec<Layer> {
    let row = |name: &str, modules: &[&str], apart| Layer {
        name: name.to_owned(),
        modules: modules.iter().map(|module| (*module).to_owned()).collect(),
        apart,
    };
    vec![
        row("words", &["ids", "url"], false),
        row("ops", &["op"], true),
        row("steps", &["flow", "flow/step"], false),
        row("jobs", &["flow/a", "flow/b"], true),
        row("long jobs", &["flow/c"], false),
    ]
}

/// The breaches of a crate with a file for each row, where one file imports another.
fn breaches(from: &str, to: &str) -> Vec<String> {
    let all = layers();
    let rows = all
        .iter()
        .flat_map(|layer| &layer.modules)
        .map(String::as_str);
    let mut modules: Modules = rows
        .chain(["", "op/a", "op/b", "flow/a/part", "url/base"])
        .map(|name| (name.to_owned(), Module::default()))
        .collect();
    let import = Import {
        to: to.to_owned(),
        line: 2,
        path: format!("crate::{to}"),
    };
    let file = format!("src/{from}.rs");
    modules.insert(
        from.to_owned(),
        Module {
            file,
            imports: vec![import],
        },
    );
    order(&modules, &all)
}

#[track_caller]
fn breaks(from: &str, to: &str, says: &str) {
    let found = breaches(from, to);
    assert_eq!(found.len(), 1, "{from} to {to}: {found:?}");
    assert!(found[0].contains(says), "{found:?}");
}

#[test]
fn imports_go_down() {
    for (from, to) in [
        ("flow/a", "op/a"),
        ("op/a", "ids"),
        ("ids", "url"),
        ("flow/c", "flow/a"),
        ("flow/a", "flow/step"),
        ("", "flow/a"),
    ] {
        assert!(breaches(from, to).is_empty(), "{from} to {to}");
    }
    assert_eq!(
        breaches("ids", "op/a"),
        ["src/ids.rs:2: crate::op/a: `ids` imports from a higher layer, \"ops\""]
    );
    breaks("url/base", "flow", "higher layer, \"steps\"");
    breaks("flow/step", "flow/a", "higher layer, \"jobs\"");
    breaks("flow/a", "flow/c", "higher layer, \"long jobs\"");
    breaks("ids", "", "name the module it comes from");
}

#[test]
fn modules_stay_apart_where_the_layer_says_so() {
    breaks(
        "op/a",
        "op/b",
        "modules of \"ops\" do not import one another",
    );
    breaks("flow/a", "flow/b", "modules of \"jobs\"");
    breaks("flow/a/part", "flow/b", "modules of \"jobs\"");
    // A module, its folder's own one, and its parts are one unit.
    for (from, to) in [
        ("op/a", "op"),
        ("op", "op/a"),
        ("flow/a", "flow/a/part"),
        ("flow/a/part", "flow/a"),
    ] {
        assert!(breaches(from, to).is_empty(), "{from} to {to}");
    }
}

#[test]
fn every_file_has_a_layer_and_every_row_a_file() {
    breaks(
        "wild/one",
        "ids",
        "src/wild/one.rs: stands in no layer: add `wild/one`",
    );
    // A name with a folder's name as its beginning is not in the folder.
    breaks("operator", "ids", "stands in no layer");
    assert!(breaches("url/another", "ids").is_empty());
    let found = order(&Modules::new(), &layers());
    assert_eq!(
        found[0],
        "xtask/layers.toml: `ids` names no file: take it out"
    );
}

#[test]
fn a_crate_depends_on_what_its_row_has() {
    let rows = |rows: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        let row = |(name, others): &(&str, &[&str])| {
            (
                (*name).to_owned(),
                others.iter().map(|one| (*one).to_owned()).collect(),
            )
        };
        rows.iter().map(row).collect()
    };
    let table = rows(&[("core", &[]), ("client", &["core"])]);
    assert!(crates(&rows(&[("core", &[]), ("client", &["core"])]), &table).is_empty());
    let found = crates(&rows(&[("core", &["client"]), ("new", &[])]), &table);
    assert_eq!(
        found[0],
        "core depends on client: xtask/layers.toml does not allow it"
    );
    assert!(found[1].starts_with("new: is not in xtask/layers.toml"));
}
