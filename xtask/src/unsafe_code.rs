//! Unsafe code is allowed in the addon alone, in one file, each block with its reason.
//!
//! The lint tables of the manifests make the compiler refuse it; this checks that each crate has such a table. Dependencies
//! are out of scope: advisories cover those (`deny.toml`).

use std::fs;

use toml::Value;

use crate::source::Source;
use crate::workspace::{Workspace, read};

/// The crate that cannot forbid it, because its generated glue is unsafe, and its one file with handwritten unsafe code.
const ADDON: &str = "crates/node";
const IN_THE_ADDON: [&str; 1] = ["crates/node/src/text.rs"];

fn manifest(workspace: &Workspace, folder: &str) -> Value {
    toml::from_str(&workspace.read(&format!("{folder}/Cargo.toml")).unwrap()).unwrap()
}

fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter()
        .try_fold(value, |value, key| value.get(key))?
        .as_str()
}

/// Every crate of the workspace, by its folder.
fn members(workspace: &Workspace) -> Vec<String> {
    let crates = fs::read_dir(workspace.path("crates")).unwrap();
    let mut folders: Vec<_> = crates
        .map(|entry| format!("crates/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    folders.push("xtask".to_owned());
    folders
}

#[test]
fn threat_088_every_crate_but_the_addon_forbids_unsafe_code() {
    let workspace = Workspace::find().unwrap();
    let whole = manifest(&workspace, ".");
    let table = ["workspace", "lints", "rust", "unsafe_code"];
    assert_eq!(text(&whole, &table), Some("forbid"));
    let members = members(&workspace);
    assert!(members.len() > 4, "{members:?}");
    for folder in members.iter().filter(|folder| *folder != ADDON) {
        let lints = manifest(&workspace, folder).get("lints").cloned().unwrap();
        assert_eq!(
            lints.get("workspace"),
            Some(&Value::Boolean(true)),
            "{folder}"
        );
    }
    // Workspaces of their own.
    for folder in ["benches", "differential"] {
        let own = manifest(&workspace, folder);
        let table = ["lints", "rust", "unsafe_code"];
        assert_eq!(text(&own, &table), Some("forbid"), "{folder}");
    }
}

#[test]
fn threat_088_the_addon_has_unsafe_code_in_one_file_with_reasons() {
    let workspace = Workspace::find().unwrap();
    let addon = manifest(&workspace, ADDON);
    let table = ["lints", "clippy", "undocumented_unsafe_blocks"];
    assert_eq!(text(&addon, &table), Some("deny"));
    for path in workspace.files(ADDON, &["rs"]).unwrap() {
        let source = Source::parse(&read(&path).unwrap()).unwrap();
        let file = workspace.relative(&path);
        let unsafe_at = source.words.iter().find(|(word, _)| word == "unsafe");
        assert!(
            unsafe_at.is_none() || IN_THE_ADDON.contains(&file.as_str()),
            "{file}: {unsafe_at:?}"
        );
    }
}
