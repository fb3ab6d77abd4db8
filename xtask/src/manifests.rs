//! What the manifests promise: the pinned compiler is the oldest supported one, and unsafe code is allowed in the addon
//! alone, in one file, each block with its reason.
//!
//! The lint tables make the compiler refuse it; this checks that each crate has such a table. Dependencies are out of scope:
//! advisories cover those (`deny.toml`).

use toml::Value;

use crate::builds::members;
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

#[test]
fn the_pinned_compiler_is_the_oldest_supported_one() {
    let toolchain = Workspace::find()
        .unwrap()
        .read("rust-toolchain.toml")
        .unwrap();
    let pin: Value = toml::from_str(&toolchain).unwrap();
    let promised = env!("CARGO_PKG_RUST_VERSION");
    assert_eq!(
        text(&pin, &["toolchain", "channel"]),
        Some(format!("{promised}.0").as_str())
    );
}

#[test]
fn threat_088_every_crate_but_the_addon_forbids_unsafe_code() {
    let workspace = Workspace::find().unwrap();
    let whole = manifest(&workspace, ".");
    let table = ["workspace", "lints", "rust", "unsafe_code"];
    assert_eq!(text(&whole, &table), Some("forbid"));
    let members = members(&workspace).unwrap();
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
        let file = workspace.relative(&path);
        let is_unsafe = read(&path).unwrap().lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.split(|mark: char| !mark.is_alphanumeric() && mark != '_')
                .any(|word| word == "unsafe")
        });
        assert!(
            !is_unsafe || IN_THE_ADDON.contains(&file.as_str()),
            "{file}"
        );
    }
}
