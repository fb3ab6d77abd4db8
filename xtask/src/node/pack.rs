//! The two tarballs of a release: the package, and the package with the addon of this platform.
//!
//! The second copies version, licence, repository, engines and publishing settings from the first, so that they cannot
//! differ. The first names platform packages as optional dependencies, only in the packed manifest. For a release it names
//! every platform; otherwise this one alone, for `npm ci` refuses a lock file that lacks a package no registry has.
//! Publishes nothing.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::package::{FOLDER, Package};
use super::platform::{NAMES, Platform};
use crate::process::{self, capture};
use crate::workspace::Workspace;

/// Fields that both packages share.
const SHARED: [&str; 4] = ["version", "license", "repository", "engines"];
/// What is for development alone: npm runs a script of a package only where its manifest names one.
const DELETED: [&str; 4] = ["pkg", "delete", "devDependencies", "scripts"];

/// Packs both into a folder, and prints their paths and sizes.
pub(super) fn run(
    workspace: &Workspace,
    package: &Package,
    addon: &Path,
    out: &Path,
    is_release: bool,
) -> Result<()> {
    let platform = Platform::host()?;
    let folder = workspace.target()?.join("npm").join(&platform.name);
    let main = serde_json::from_str(&workspace.read(&format!("{FOLDER}/package.json"))?)?;
    let named = if is_release {
        NAMES.to_vec()
    } else {
        vec![platform.name.as_str()]
    };
    let staged = stage(workspace, package, &main, &named)?;
    empty(&folder)?;
    let manifest = manifest(&main, &platform).context("npm/auth-cloud/package.json")?;
    fs::write(folder.join("package.json"), format!("{manifest:#}\n"))?;
    fs::write(folder.join("README.md"), readme(&platform.name))?;
    fs::copy(workspace.path("LICENSE"), folder.join("LICENSE"))?;
    fs::copy(addon, folder.join(platform.file()))?;

    let out = absolute(out)?;
    fs::create_dir_all(&out).with_context(|| format!("{}", out.display()))?;
    for from in [staged.as_path(), folder.as_path()] {
        let mut npm = package.node().npm(from);
        let said = capture(
            npm.args(["pack", "--ignore-scripts", "--pack-destination"])
                .arg(&out),
        )?;
        let name = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        let tarball = out.join(name.context("npm pack names no file")?);
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
    let folder = workspace.target()?.join("npm").join("auth-cloud");
    empty(&folder)?;
    let from = workspace.path(FOLDER);
    for file in ["package.json", "README.md", "CHANGELOG.md", "LICENSE"] {
        fs::copy(from.join(file), folder.join(file)).context(file)?;
    }
    // npm, not `serde_json`, which sorts members: in `exports` their order decides which is taken.
    process::run(package.node().npm(&folder).args(DELETED))?;
    process::run(
        package
            .node()
            .npm(&folder)
            .args(["pkg", "set"])
            .args(addons(main, platforms)?),
    )?;
    for kind in ["dist/esm", "dist/cjs"] {
        copy_folder(&from.join(kind), &folder.join(kind))?;
    }
    Ok(folder)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The optional dependencies of the published manifest, as `npm pkg set` takes them.
fn addons(main: &Value, platforms: &[&str]) -> Result<Vec<String>> {
    let text = |key: &str| main.get(key).and_then(Value::as_str);
    let (name, version) = text("name")
        .zip(text("version"))
        .context("says no name or no version")?;
    let one = |platform: &&str| format!("optionalDependencies.{name}-{platform}={version}");
    Ok(platforms.iter().map(one).collect())
}

/// Empties a folder, removing the results of earlier runs.
pub(super) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))
}

/// The manifest of the package with the addon.
fn manifest(main: &Value, platform: &Platform) -> Result<Value> {
    let named = |key: &str| {
        main.get(key)
            .cloned()
            .with_context(|| format!("says no `{key}`"))
    };
    let name = named("name")?;
    let name = name.as_str().context("`name` is no text")?;
    let mut manifest = json!({
        "name": format!("{name}-{}", platform.name),
        "description": format!("The native part of {name} for {}", platform.name),
        "main": platform.file(),
        "files": [platform.file()],
        "os": [platform.os],
        "cpu": [platform.cpu],
    });
    let members = manifest.as_object_mut().context("is no object")?;
    for key in SHARED {
        members.insert(key.to_owned(), named(key)?);
    }
    members.extend(
        main.get("publishConfig")
            .map(|settings| ("publishConfig".to_owned(), settings.clone())),
    );
    members.extend(platform.libc.map(|libc| ("libc".to_owned(), json!([libc]))));
    Ok(manifest)
}

fn readme(platform: &str) -> String {
    format!(
        "# @mastra/auth-cloud-{platform}\n\nThe native part of `@mastra/auth-cloud` for {platform}. Install \
         `@mastra/auth-cloud`, which brings it along.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux() -> Platform {
        Platform {
            name: "linux-x64-musl".to_owned(),
            os: "linux",
            cpu: "x64",
            libc: Some("musl"),
        }
    }

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
        assert_eq!(manifest(&main(), &linux()).unwrap(), wanted);
        let mac = Platform {
            libc: None,
            ..linux()
        };
        assert!(manifest(&main(), &mac).unwrap().get("libc").is_none());
    }

    #[test]
    fn what_is_published_names_every_platform_in_its_own_version() {
        let addons = addons(&main(), &NAMES).unwrap();
        assert_eq!(addons.len(), NAMES.len());
        let one = "optionalDependencies.@mastra/auth-cloud-linux-x64-gnu=1.2.3";
        assert!(addons.iter().any(|argument| argument == one), "{addons:?}");
    }

    #[test]
    fn threat_109_nothing_that_is_published_runs_while_it_is_installed() {
        assert_eq!(DELETED, ["pkg", "delete", "devDependencies", "scripts"]);
        let mut main = main();
        main["scripts"] = json!({"install": "node x", "postinstall": "node y"});
        assert!(manifest(&main, &linux()).unwrap().get("scripts").is_none());
    }

    #[test]
    fn what_both_must_say_is_not_made_up() {
        for key in SHARED.iter().chain(&["name"]) {
            let mut main = main();
            main.as_object_mut().unwrap().remove(*key);
            let error = manifest(&main, &linux()).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
