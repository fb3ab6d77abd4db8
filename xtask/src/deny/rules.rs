//! The parts of `deny.toml` that can be checked against the tree without cargo-deny.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::banned::Ban;
use super::licence::is_met;
use super::tree::Package;

pub(super) struct Rules {
    licences: Vec<String>,
    bans: Vec<Ban>,
}

#[derive(Deserialize)]
struct File {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Denied>,
}

#[derive(Deserialize)]
struct Denied {
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
}

impl Rules {
    pub(super) fn read(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("deny.toml")?;
        let bans = file
            .bans
            .deny
            .iter()
            .map(|one| Ban::parse(&one.spec, &one.reason));
        Ok(Self {
            licences: file.licenses.allow,
            bans: bans.collect::<Result<_>>().context("deny.toml")?,
        })
    }

    /// The rules that a crate breaks.
    pub(super) fn faults(&self, package: &Package) -> Vec<String> {
        let Package {
            name,
            version,
            licence,
            source,
        } = package;
        let mut faults = Vec::new();
        let accepts = |one: &str| self.licences.iter().any(|allowed| allowed == one);
        match is_met(licence, &accepts) {
            Some(true) => {}
            Some(false) => faults.push(format!(
                "{name} {version}: its licence, {licence}, is not in deny.toml"
            )),
            None => faults.push(format!(
                "{name} {version}: its licence, \"{licence}\", cannot be read"
            )),
        }
        for reason in self.bans.iter().filter_map(|ban| ban.hits(name, version)) {
            faults.push(format!(
                "{name} {version}: is banned by deny.toml: {reason}"
            ));
        }
        // A path means a crate of this workspace; any other source that cargo prints is not the public registry.
        if let Some(source) = source
            .as_deref()
            .filter(|source| source.contains("://") || source.starts_with("registry"))
        {
            faults.push(format!(
                "{name} {version}: comes from {source}, not from the public registry"
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, licence: &str, source: Option<&str>) -> Vec<String> {
        let rules = "[licenses]\nallow = [\"MIT\"]\n[bans]\nmultiple-versions = \"warn\"\ndeny = [{ crate = \"rsa\", reason = \"timing\" }]";
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
            source: source.map(str::to_owned),
        };
        Rules::read(rules).unwrap().faults(&package)
    }

    #[test]
    fn licences_bans_and_sources_are_held() {
        assert!(faults("a", "MIT OR GPL-3.0", None).is_empty());
        assert!(faults("a", "MIT", Some("/home/me/a")).is_empty());
        assert_eq!(
            faults("a", "GPL-3.0", None),
            ["a 1.0.0: its licence, GPL-3.0, is not in deny.toml"]
        );
        assert!(faults("a", "", None)[0].contains("cannot be read"));
        assert_eq!(
            faults("rsa", "MIT", None),
            ["rsa 1.0.0: is banned by deny.toml: timing"]
        );
        assert!(
            faults("a", "MIT", Some("https://example.com/a#1"))[0]
                .contains("not from the public registry")
        );
        assert!(
            faults("a", "MIT", Some("registry `other`"))[0]
                .contains("not from the public registry")
        );
    }
}
