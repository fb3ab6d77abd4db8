//! The two tarballs of a release: the package, and the package with the addon of this platform.
//!
//! The second takes version, licence, repository, engines and how it is published from the first, so that the two cannot
//! disagree. Publishes nothing.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::package::Package;
use super::platform::Platform;
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
    let main = read(&package.folder().join("package.json"))?;
    let manifest =
        manifest(&serde_json::from_str(&main)?, platform).context("npm/auth-cloud/package.json")?;
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    fs::write(
        folder.join("package.json"),
        format!("{:#}\n", Value::Object(manifest)),
    )?;
    fs::write(folder.join("README.md"), readme(platform))?;
    fs::copy(workspace.path("LICENSE"), folder.join("LICENSE"))?;
    fs::copy(addon, folder.join(platform.file()))?;

    let out = absolute(out)?;
    fs::create_dir_all(&out).with_context(|| format!("{}", out.display()))?;
    for from in [package.folder(), folder.as_path()] {
        let tarball = tarball(package, from, &out)?;
        let size = fs::metadata(&tarball)
            .with_context(|| format!("npm packed no {}", tarball.display()))?
            .len();
        println!("{}  {} kB", tarball.display(), size.div_ceil(1000));
    }
    Ok(())
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
    fn what_both_must_say_is_not_made_up() {
        for key in SHARED.iter().chain(&["name"]) {
            let mut main = main();
            main.as_object_mut().unwrap().remove(*key);
            let error = manifest(&main, LINUX).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
