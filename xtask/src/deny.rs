//! `deny.toml`, checked by cargo-deny: licences, banned crates, sources and advisories of every dependency.

use anyhow::Result;

use crate::process::run as run_program;
use crate::workspace::Workspace;

/// Nothing behind `check` means all of its parts.
const WHOLE: &str = "deny --all-features check";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if workspace.has_cargo("deny") {
        return run_program(&mut workspace.cargo(WHOLE));
    }
    println!(
        "NOT checked, for cargo-deny is not installed (`cargo install --locked cargo-deny`): licences, bans, sources, advisories"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> toml::Table {
        let workspace = Workspace::find().unwrap();
        toml::from_str(&workspace.read(file).unwrap()).unwrap()
    }

    /// Its time tells about the private key, and no version mends that (RUSTSEC-2023-0071).
    #[test]
    fn threat_018_the_crate_whose_time_tells_the_private_key_is_refused_in_every_version() {
        let deny = read("deny.toml");
        let bans = deny["bans"]["deny"].as_array().unwrap();
        // A name without a version bans every one.
        assert!(
            bans.iter().any(|ban| ban["crate"].as_str() == Some("rsa")),
            "{bans:?}"
        );
        let lock = read("Cargo.lock");
        let packages = lock["package"].as_array().unwrap();
        assert!(
            packages
                .iter()
                .all(|package| package["name"].as_str() != Some("rsa"))
        );
    }

    #[test]
    fn threat_088_no_advisory_about_any_dependency_is_passed_over() {
        assert!(WHOLE.ends_with(" check"));
        let deny = read("deny.toml");
        let advisories = &deny["advisories"];
        assert_eq!(advisories["unsound"].as_str(), Some("all"));
        assert_eq!(advisories["yanked"].as_str(), Some("deny"));
        let ignored = advisories["ignore"].as_array().unwrap();
        assert!(
            ignored.is_empty(),
            "an exception wants a reason, and its own test: {ignored:?}"
        );
        assert_eq!(deny["graph"]["all-features"].as_bool(), Some(true));
        assert!(deny["graph"].get("exclude").is_none());
        // CI has cargo-deny.
        let ci = Workspace::find()
            .unwrap()
            .read(".github/workflows/ci.yml")
            .unwrap();
        assert!(ci.contains("cargo install --locked cargo-deny"));
    }

    #[test]
    fn threat_088_every_dependency_comes_from_the_public_registry() {
        let lock = read("Cargo.lock");
        for package in lock["package"].as_array().unwrap() {
            let source = package.get("source").and_then(toml::Value::as_str);
            let ours = package["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("mastra-") || name == "xtask");
            let wanted = (!ours).then_some("registry+https://github.com/rust-lang/crates.io-index");
            assert_eq!(source, wanted, "{package}");
        }
    }
}
