//! The two tarballs of a release: the package, and the package with the addon of this platform.
//!
//! The second copies version, licence, repository, engines and publishing settings from the first, so that they cannot
//! differ. The first names platform packages as optional dependencies, only in the packed manifest. For a release it names
//! every platform; otherwise this one alone, for `npm ci` refuses a lock file that lacks a package no registry has.
//! Publishes nothing.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::package::Package;
use super::platform::{NAMES, Platform};
use crate::cargo::target_directory;
use crate::process::{self, capture};
use crate::workspace::{Workspace, read};

/// The platforms for which the package names an addon.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platforms {
    All,
    ThisOne,
}

impl Platforms {
    fn names(self, host: Platform) -> &'static [&'static str] {
        match self {
            Self::All => &NAMES,
            Self::ThisOne => NAMES
                .iter()
                .position(|name| *name == host.name)
                .and_then(|index| NAMES.get(index..=index))
                .unwrap_or_default(),
        }
    }
}

/// Fields that both packages share.
const SHARED: [&str; 4] = ["version", "license", "repository", "engines"];

/// Packs both into a folder, and prints their paths and sizes.
pub(super) fn run(
    workspace: &Workspace,
    package: &Package,
    addon: &Path,
    out: &Path,
    platforms: Platforms,
) -> Result<()> {
    let platform = Platform::host()?;
    let folder = target_directory(workspace)?.join("npm").join(platform.name);
    let main = serde_json::from_str(&read(&package.folder().join("package.json"))?)?;
    let staged = stage(workspace, package, &main, platforms.names(platform))?;
    empty(&folder)?;
    let manifest = manifest(&main, platform).context("npm/auth-cloud/package.json")?;
    write_manifest(&folder, manifest)?;
    fs::write(folder.join("README.md"), readme(platform))?;
    fs::copy(workspace.path("LICENSE"), folder.join("LICENSE"))?;
    fs::copy(addon, folder.join(platform.file()))?;

    let out = absolute(out)?;
    fs::create_dir_all(&out).with_context(|| format!("{}", out.display()))?;
    for from in [staged.as_path(), folder.as_path()] {
        let tarball = tarball(package, from, &out)?;
        let size = fs::metadata(&tarball)
            .with_context(|| format!("npm packed no {}", tarball.display()))?
            .len();
        println!("{}  {} kB", tarball.display(), size.div_ceil(1000));
    }
    Ok(())
}

/// The package as published, in a folder of its own.
fn stage(
    workspace: &Workspace,
    package: &Package,
    main: &Value,
    platforms: &[&str],
) -> Result<PathBuf> {
    let folder = target_directory(workspace)?.join("npm").join("auth-cloud");
    empty(&folder)?;
    for file in ["package.json", "README.md", "CHANGELOG.md", "LICENSE"] {
        fs::copy(package.folder().join(file), folder.join(file)).context(file)?;
    }
    for arguments in publishing(main, platforms)? {
        process::run(package.npm(&folder).arg("pkg").args(arguments))?;
    }
    let dist = package.folder().join("dist");
    for kind in ["esm", "cjs"] {
        let (from, to) = (dist.join(kind), folder.join("dist").join(kind));
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from).with_context(|| format!("{}", from.display()))? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(folder)
}

/// The `npm pkg` commands for the published manifest: they remove development fields, and name the packages of these
/// platforms. npm, not `serde_json`, which sorts members: in `exports` their order decides which is taken.
fn publishing(main: &Value, platforms: &[&str]) -> Result<[Vec<String>; 2]> {
    let text = |key: &str| main.get(key).and_then(Value::as_str);
    let (name, version) = text("name")
        .zip(text("version"))
        .context("says no name or no version")?;
    let platforms = platforms
        .iter()
        .map(|platform| format!("optionalDependencies.{name}-{platform}={version}"));
    let set = ["set".to_owned()].into_iter().chain(platforms).collect();
    let delete = ["delete", "devDependencies", "scripts"].map(str::to_owned);
    Ok([delete.to_vec(), set])
}

/// Empties a folder, removing the results of earlier runs.
pub(super) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))
}

fn write_manifest(folder: &Path, manifest: Map<String, Value>) -> Result<()> {
    let text = format!("{:#}\n", Value::Object(manifest));
    fs::write(folder.join("package.json"), text).context("package.json")
}

fn tarball(package: &Package, from: &Path, out: &Path) -> Result<PathBuf> {
    let mut npm = package.npm(from);
    npm.args(["pack", "--ignore-scripts", "--pack-destination"]);
    let said = capture(npm.arg(out))?;
    let name = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    Ok(out.join(name.context("npm pack names no file")?))
}

/// The manifest of the package with the addon.
fn manifest(main: &Value, platform: Platform) -> Result<Map<String, Value>> {
    let named = |key: &str| {
        main.get(key)
            .cloned()
            .with_context(|| format!("says no `{key}`"))
    };
    let name = named("name")?;
    let name = name.as_str().context("`name` is no text")?;
    let mut manifest = Map::new();
    let mut put = |key: &str, value: Value| manifest.insert(key.to_owned(), value);
    put("name", json!(format!("{name}-{}", platform.name)));
    put(
        "description",
        json!(format!("The native part of {name} for {}", platform.name)),
    );
    for key in SHARED {
        put(key, named(key)?);
    }
    if let Some(publishing) = main.get("publishConfig") {
        put("publishConfig", publishing.clone());
    }
    put("main", json!(platform.file()));
    put("files", json!([platform.file()]));
    put("os", json!([platform.os]));
    put("cpu", json!([platform.cpu]));
    if let Some(libc) = platform.libc {
        put("libc", json!([libc]));
    }
    Ok(manifest)
}

fn readme(platform: Platform) -> String {
    format!(
        "# @mastra/auth-cloud-{0}\n\nThe native part of `@mastra/auth-cloud` for {0}. Install `@mastra/auth-cloud`, which brings \
         it along.\n",
        platform.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX: Platform = Platform {
        name: "linux-x64-musl",
        os: "linux",
        cpu: "x64",
        libc: Some("musl"),
        library: "",
    };

    fn main() -> Value {
        json!({
            "name": "@mastra/auth-cloud", "version": "1.2.3", "license": "Apache-2.0", "scripts": {"build": "tsc"},
            "repository": {"type": "git"}, "engines": {"node": ">=22.13"}, "dependencies": {"x": "1"},
            "publishConfig": {"access": "public"},
        })
    }

    #[test]
    fn the_manifest_is_the_main_ones_for_one_platform() {
        let wanted = json!({
            "name": "@mastra/auth-cloud-linux-x64-musl", "version": "1.2.3", "license": "Apache-2.0",
            "description": "The native part of @mastra/auth-cloud for linux-x64-musl",
            "repository": {"type": "git"}, "engines": {"node": ">=22.13"},
            "main": "auth-cloud.linux-x64-musl.node", "files": ["auth-cloud.linux-x64-musl.node"],
            "publishConfig": {"access": "public"}, "os": ["linux"], "cpu": ["x64"], "libc": ["musl"],
        });
        assert_eq!(Value::Object(manifest(&main(), LINUX).unwrap()), wanted);
        let mac = Platform {
            libc: None,
            ..LINUX
        };
        assert!(!manifest(&main(), mac).unwrap().contains_key("libc"));
    }

    #[test]
    fn what_is_published_names_every_platform_in_its_own_version() {
        let [_, set] = publishing(&main(), &NAMES).unwrap();
        assert_eq!(set.len(), 1 + NAMES.len());
        let one = "optionalDependencies.@mastra/auth-cloud-linux-x64-gnu=1.2.3";
        assert!(set.iter().any(|argument| argument == one), "{set:?}");
        assert_eq!(Platforms::ThisOne.names(LINUX), ["linux-x64-musl"]);
        assert_eq!(Platforms::All.names(LINUX), NAMES);
    }

    /// npm runs a script of a package only where its manifest names one.
    #[test]
    fn threat_109_nothing_that_is_published_runs_while_it_is_installed() {
        let [delete, _] = publishing(&main(), &NAMES).unwrap();
        assert_eq!(delete, ["delete", "devDependencies", "scripts"]);
        let mut main = main();
        main["scripts"] = json!({"install": "node x", "postinstall": "node y"});
        assert!(!manifest(&main, LINUX).unwrap().contains_key("scripts"));
    }

    #[test]
    fn what_both_must_say_is_not_made_up() {
        for key in SHARED.iter().chain(&["name"]) {
            let mut main = main();
            main.as_object_mut().unwrap().remove(*key);
            let error = manifest(&main, LINUX).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
