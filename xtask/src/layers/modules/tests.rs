//! For each rule, a file that keeps it, one that breaks it, and a boundary case.

use super::*;
use crate::layers::table::Table;

const TABLE: &str = r#"
[core]
package = "core"
source = "src"
layers = [
  { name = "words", modules = ["ids", "url"] },
  { name = "ops", modules = ["op"] },
  { name = "jobs", modules = ["flow"] },
]
apart = [{ folder = "op", shared = [] }, { folder = "flow", shared = ["flow/step"] }]
[core.forbidden]
[core.dependencies]
never = []
allow = []
[crates]
"#;

/// The breaches of a crate that has every module of the table, where these modules have this text.
fn breaches(files: &[(&str, &str)]) -> Vec<String> {
    let all = [
        "",
        "ids",
        "url",
        "url/base",
        "op",
        "op/a",
        "op/b",
        "flow",
        "flow/a",
        "flow/b",
        "flow/step",
        "flow/a/part",
    ];
    let mut modules: Modules = BTreeMap::new();
    for (name, text) in all
        .iter()
        .map(|name| (*name, ""))
        .chain(files.iter().copied())
    {
        let source = Source::parse(text).unwrap();
        modules.insert(
            name.to_owned(),
            Module {
                file: format!("src/{name}.rs"),
                source,
            },
        );
    }
    check(&modules, &Table::read(TABLE).unwrap().core)
}

#[track_caller]
fn keeps(name: &str, text: &str) {
    assert_eq!(
        breaches(&[(name, text)]),
        Vec::<String>::new(),
        "{name}: {text}"
    );
}

#[track_caller]
fn breaks(name: &str, text: &str, says: &str) {
    let found = breaches(&[(name, text)]);
    assert_eq!(found.len(), 1, "{name}: {text}: {found:?}");
    assert!(found[0].contains(says), "{found:?}");
}

#[test]
fn imports_go_down() {
    keeps("flow/a", "use crate::op::a::A; use crate::ids::Id;");
    keeps("op/a", "use super::Operation; use crate::url::base::Base;");
    breaks(
        "ids",
        "\nuse crate::op::a::A;",
        "src/ids.rs:2: crate::op::a::A: `ids` (words) imports from a higher layer, `op/a` (ops)",
    );
    breaks(
        "url/base",
        "fn f() { crate::flow::go() }",
        "higher layer, `flow`",
    );
    breaks(
        "op/a",
        "use super::super::flow::step::Step;",
        "higher layer",
    );
    breaks(
        "url",
        "mod inner { use super::super::op::X; }",
        "higher layer",
    );
    // Modules of one layer may import one another, and a file may name itself.
    keeps(
        "ids",
        "use crate::url::BaseUrl; use self::inner::X; mod inner { use super::Y; }",
    );
}

#[test]
fn one_import_among_several_is_seen() {
    breaks(
        "op/a",
        "use crate::{ids, flow::{step::Step}};",
        "flow::step::Step",
    );
    breaks("ids", "use crate::{self as all};", "hides the layer");
}

#[test]
fn operations_and_flows_stay_apart() {
    breaks(
        "op/a",
        "use super::b::B;",
        "files of `op` stay apart: `op/a` imports `op/b`",
    );
    breaks(
        "flow/a",
        "fn f() { crate::flow::b::B::new() }",
        "`flow/a` imports `flow/b`",
    );
    breaks(
        "flow/step",
        "use super::a::A;",
        "`flow/step` imports `flow/a`",
    );
    // Shared modules, the folder's own module, and a flow's own parts.
    keeps(
        "flow/a",
        "use super::step::Step; use super::Flow; use crate::flow::a::part::Part;",
    );
    keeps("flow/a/part", "use super::A; use crate::flow::step::Step;");
    breaks(
        "flow/a/part",
        "use super::super::b::B;",
        "`flow/a/part` imports `flow/b`",
    );
    keeps("flow", "pub use a::A; use b::B;");
}

#[test]
fn every_file_has_a_layer() {
    let found = breaches(&[("wild/one", "use crate::flow::A;")]);
    assert_eq!(
        found,
        ["src/wild/one.rs: stands in no layer: add `wild/one` to one in xtask/layers.toml"]
    );
    // A name with a folder's name as its prefix is not in the folder.
    assert_eq!(breaches(&[("operator", "")]).len(), 1);
    keeps("url/another", "");
}

#[test]
fn a_row_without_a_file_goes() {
    let table = TABLE.replace("\"ids\"", "\"ids\", \"gone\"");
    let found = check(&BTreeMap::new(), &Table::read(&table).unwrap().core);
    assert!(
        found
            .iter()
            .any(|breach| breach.contains("`gone` in \"words\" names no file"))
    );
}

#[test]
fn the_root_hides_layers() {
    breaks("ids", "use crate::Thing;", "name the module it comes from");
    breaks("ids", "use super::Thing;", "name the module it comes from");
    keeps("", "pub use flow::a::A; pub mod ids;");
    keeps("ids", "use std::url::X; use url::Url; use serde::op::Y;");
}

#[test]
fn tests_may_import_what_they_like() {
    keeps("ids", "#[cfg(test)] mod tests { use crate::flow::A; }");
}
