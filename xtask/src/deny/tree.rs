//! Every crate with which the workspace is built or tested, on any platform.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use crate::process::{capture, cargo};
use crate::workspace::Workspace;

/// One crate in one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression; empty if the crate has none.
    pub(super) licence: String,
    /// What cargo prints if the crate does not come from the public registry.
    pub(super) source: Option<String>,
}

pub(super) fn read(workspace: &Workspace) -> Result<BTreeSet<Package>> {
    // Not `cargo metadata`: it lists optional dependencies that no feature enables.
    let text = capture(&mut cargo(
        workspace,
        &[
            "tree",
            "--workspace",
            "--all-features",
            "--target",
            "all",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--format",
            "{p}|{l}",
        ],
    ))?;
    parse(&text)
}

pub(super) fn parse(text: &str) -> Result<BTreeSet<Package>> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(package)
        .collect()
}

/// `name v1.2.3 (source) (proc-macro)|licence (*)`
fn package(line: &str) -> Result<Package> {
    let expected = || format!("cargo tree prints something else than expected: {line}");
    let (what, licence) = line.split_once('|').with_context(expected)?;
    let mut words = what.split(' ');
    let name = words.next().with_context(expected)?.to_owned();
    let version = words
        .next()
        .and_then(|word| word.strip_prefix('v'))
        .with_context(expected)?
        .to_owned();
    let rest: Vec<_> = words
        .filter(|word| !matches!(*word, "(proc-macro)" | "(*)"))
        .collect();
    Ok(Package {
        name,
        version,
        licence: licence.trim_end_matches(" (*)").to_owned(),
        source: Some(rest.join(" ").trim_matches(['(', ')']).to_owned())
            .filter(|source| !source.is_empty()),
    })
}

/// Crates with several versions; each is compiled and audited on its own.
pub(super) fn several_versions(packages: &BTreeSet<Package>) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    versions.retain(|_, all| all.len() > 1);
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_crate() {
        let found = parse("a v1.0.0|MIT OR Apache-2.0\nb v0.2.0 (proc-macro)|MIT (*)\n\na v1.0.0|MIT OR Apache-2.0 (*)\n").unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.version.as_str(),
                    one.licence.as_str(),
                )
            })
            .collect();
        assert_eq!(
            names,
            [("a", "1.0.0", "MIT OR Apache-2.0"), ("b", "0.2.0", "MIT")]
        );
        assert!(found.iter().all(|one| one.source.is_none()));
    }

    #[test]
    fn another_source_is_seen() {
        let found =
            parse("a v1.0.0 (https://example.com/a?rev=1#2)|MIT\nb v1.0.0 (/somewhere/b)|MIT (*)")
                .unwrap();
        let sources: Vec<_> = found
            .iter()
            .filter_map(|one| one.source.as_deref())
            .collect();
        assert_eq!(sources, ["https://example.com/a?rev=1#2", "/somewhere/b"]);
    }

    #[test]
    fn versions_are_counted_by_name() {
        let found = parse("a v1.0.0|MIT\na v2.0.0|MIT\nb v1.0.0|MIT").unwrap();
        assert_eq!(
            several_versions(&found),
            [("a", vec!["1.0.0", "2.0.0"])].into()
        );
    }
}
