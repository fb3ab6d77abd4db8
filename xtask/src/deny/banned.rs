//! A ban on a crate, or on its versions below a safe one.

use anyhow::{Context as _, Result, bail};

/// `name` or `name:<1.2.3`.
#[derive(Debug)]
pub(super) struct Ban {
    name: String,
    below: Option<[u64; 3]>,
    reason: String,
}

impl Ban {
    /// Parses the `crate` of a ban as cargo-deny does, as far as `deny.toml` uses it.
    pub(super) fn parse(spec: &str, reason: &str) -> Result<Self> {
        let (name, below) = match spec.split_once(':') {
            None if spec.contains('@') => bail!("`{spec}`: write `name` or `name:<version`"),
            None => (spec, None),
            Some((name, requirement)) => {
                let version = requirement
                    .strip_prefix('<')
                    .filter(|rest| !rest.starts_with('='));
                let version =
                    version.with_context(|| format!("`{spec}`: only `<version` is understood"))?;
                (
                    name,
                    Some(numbers(version).with_context(|| format!("`{spec}`: is not a version"))?),
                )
            }
        };
        Ok(Self {
            name: name.to_owned(),
            below,
            reason: reason.to_owned(),
        })
    }

    /// Why this crate is banned, if it is. A version that cannot be parsed counts as banned.
    pub(super) fn hits(&self, name: &str, version: &str) -> Option<&str> {
        let is_low = self
            .below
            .is_none_or(|below| numbers(version).is_none_or(|own| own < below));
        (self.name == name && is_low).then_some(self.reason.as_str())
    }
}

/// The three numbers of a version; `None` for a pre-release, which precedes its numbers.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let plain = version.split('+').next()?;
    let parts: Vec<u64> = plain
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_its_old_versions() {
        let all = Ban::parse("rsa", "r").unwrap();
        assert_eq!(all.hits("rsa", "0.9.0"), Some("r"));
        assert_eq!(all.hits("rsa-x", "0.9.0"), None);
        let old = Ban::parse("h2:<0.4.16", "r").unwrap();
        assert_eq!(old.hits("h2", "0.4.15"), Some("r"));
        assert_eq!(old.hits("h2", "0.3.99"), Some("r"));
        assert_eq!(old.hits("h2", "0.4.16-rc.1"), Some("r"));
        assert_eq!(old.hits("h2", "0.4.16"), None);
        assert_eq!(old.hits("h2", "0.10.0+build"), None);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for spec in ["h2@0.4.16", "h2:^1", "h2:<=1.0.0", "h2:<1", "h2:<x.y.z"] {
            assert!(Ban::parse(spec, "r").is_err(), "{spec}");
        }
    }
}
