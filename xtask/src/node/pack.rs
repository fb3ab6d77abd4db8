//! The two tarballs of a release: the package, and the package with the addon of this platform.
//!
//! The second takes version, licence, repository, engines and how it is published from the first, so that the two cannot
//! disagree. The first names the packages of all platforms as optional dependencies; they stand only in what is packed, for
//! before a release there are none to install. Publishes nothing.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::package::Package;
use super::platform::{NAMES, Platform};
use crate::cargo::target_directory;
use crate::process::capture;
use crate::workspace::{Workspace, read};

/// What both packages say alike.
const SHARED: [&str; 4] = ["version", "license", "repository", "engines"];

/// Packs both into a folder, and prints where they are and how large.
pub(super) fn run(
    workspace: &Workspace,
    package: &Package,
    addon: &Path,
    out: &Path,
) -> Result<()> {
    let platform = Platform::host()?;
    let folder = target_directory(workspace)?.join("npm").join(platform.name);
    let main = serde_json::from_str(&read(&package.folder().join("package.json"))?)?;
    let staged = stage(workspace, package, &main)?;
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

/// The package as it is published, in a folder of its own.
fn stage(workspace: &Workspace, package: &Package, main: &Value) -> Result<PathBuf> {
    let folder = target_directory(workspace)?.join("npm").join("auth-cloud");
    empty(&folder)?;
    write_manifest(&folder, published(main)?)?;
    for file in ["README.md", "CHANGELOG.md", "LICENSE"] {
        fs::copy(package.folder().join(file), folder.join(file)).context(file)?;
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

/// The manifest without what only its development needs, and with the packages of every platform.
fn published(main: &Value) -> Result<Map<String, Value>> {
    let mut manifest = main.as_object().context("is not an object")?.clone();
    let text = |key: &str| main.get(key).and_then(Value::as_str);
    let (name, version) = text("name")
        .zip(text("version"))
        .context("says no name or no version")?;
    let platforms: Map<String, Value> = NAMES
        .iter()
        .map(|platform| (format!("{name}-{platform}"), json!(version)))
        .collect();
    manifest.remove("devDependencies");
    manifest.remove("scripts");
    manifest.insert("optionalDependencies".to_owned(), Value::Object(platforms));
    Ok(manifest)
}

/// A folder with nothing in it from an earlier run.
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
        let manifest = published(&main()).unwrap();
        let platforms = manifest.get("optionalDependencies").unwrap();
        assert_eq!(platforms.as_object().unwrap().len(), NAMES.len());
        assert_eq!(platforms["@mastra/auth-cloud-linux-x64-gnu"], "1.2.3");
    }

    /// npm runs a script of a package only where its manifest names one.
    #[test]
    fn threat_109_nothing_that_is_published_runs_while_it_is_installed() {
        let mut main = main();
        main["scripts"] = json!({"install": "node x", "postinstall": "node y"});
        for manifest in [published(&main), manifest(&main, LINUX)] {
            assert!(!manifest.unwrap().contains_key("scripts"));
        }
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
