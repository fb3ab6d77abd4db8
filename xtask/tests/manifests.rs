//! What the manifests promise: the pinned compiler is the oldest supported one, and unsafe code is allowed in the addon
//! alone, in two files, each block with its reason.
//!
//! The lint tables make the compiler refuse it; this checks that each crate has such a table. Dependencies are out of scope:
//! advisories cover those (`deny.toml`).

#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use std::fs;
use std::path::Path;

use toml::Value;

/// The crate that cannot forbid it, because its generated glue is unsafe, and its files with handwritten unsafe code.
const ADDON: &str = "crates/node";
const IN_THE_ADDON: [&str; 2] = ["crates/node/src/clocks.rs", "crates/node/src/js_values.rs"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new("..").join(path)).unwrap()
}

fn manifest(folder: &str) -> Value {
    toml::from_str(&read(&format!("{folder}/Cargo.toml"))).unwrap()
}

fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    let mut path = path.iter();
    path.try_fold(value, |value, key| value.get(key))?.as_str()
}

/// Every file in a folder, by its path from the repository's root.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new("..").join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_pinned_compiler_is_the_oldest_supported_one() {
    let pin: Value = toml::from_str(&read("rust-toolchain.toml")).unwrap();
    let promised = format!("{}.0", env!("CARGO_PKG_RUST_VERSION"));
    assert_eq!(
        text(&pin, &["toolchain", "channel"]),
        Some(promised.as_str())
    );
}

#[test]
fn threat_088_every_crate_but_the_addon_forbids_unsafe_code() {
    let table = ["workspace", "lints", "rust", "unsafe_code"];
    assert_eq!(text(&manifest("."), &table), Some("forbid"));
    let crates = fs::read_dir("../crates").unwrap();
    let crates =
        crates.map(|entry| format!("crates/{}", entry.unwrap().file_name().to_str().unwrap()));
    let members: Vec<String> = crates
        .chain(["examples/axum".to_owned(), "xtask".to_owned()])
        .collect();
    assert!(members.len() > 4, "{members:?}");
    for folder in members.iter().filter(|folder| *folder != ADDON) {
        let lints = manifest(folder).get("lints").cloned().unwrap();
        assert_eq!(
            lints.get("workspace"),
            Some(&Value::Boolean(true)),
            "{folder}"
        );
    }
    // Workspaces of their own.
    for folder in ["benches", "differential"] {
        let table = ["lints", "rust", "unsafe_code"];
        assert_eq!(text(&manifest(folder), &table), Some("forbid"), "{folder}");
    }
}

#[test]
fn threat_088_the_addon_has_unsafe_code_in_two_files_with_reasons() {
    let table = ["lints", "clippy", "undocumented_unsafe_blocks"];
    assert_eq!(text(&manifest(ADDON), &table), Some("deny"));
    for file in files(ADDON)
        .into_iter()
        .filter(|file| Path::new(file).extension().is_some_and(|end| end == "rs"))
    {
        let is_unsafe = read(&file).lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            let mut words = code.split(|mark: char| !mark.is_alphanumeric() && mark != '_');
            words.any(|word| word == "unsafe")
        });
        assert!(
            !is_unsafe || IN_THE_ADDON.contains(&file.as_str()),
            "{file}"
        );
    }
}
