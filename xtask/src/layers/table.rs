//! `xtask/layers.toml`, as written in the file.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) core: Core,
    pub(super) crates: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Core {
    pub(super) package: String,
    pub(super) source: String,
    pub(super) layers: Vec<Layer>,
    pub(super) apart: Vec<Apart>,
    pub(super) forbidden: BTreeMap<String, String>,
    pub(super) dependencies: Dependencies,
}

/// Modules of one height. The first layer of the table is the lowest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) modules: Vec<String>,
}

/// A folder whose files do not import one another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Apart {
    pub(super) folder: String,
    pub(super) shared: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dependencies {
    /// Names, or prefixes of names followed by `*`.
    pub(super) never: Vec<String>,
    pub(super) allow: Vec<String>,
}

impl Table {
    pub(super) fn read(text: &str) -> Result<Self> {
        toml::from_str(text).context("xtask/layers.toml")
    }
}
