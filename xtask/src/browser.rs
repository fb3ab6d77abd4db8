//! `e2e/`: sign-in in a real browser, against the binary as it ships.
//!
//! What is missing is installed where that may be done (as root on Debian; npm packages always) and otherwise named in one
//! line. `CHROMIUM` names a browser, `MASTRA_AUTH` a binary; neither is needed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::cargo::release;
use crate::process::{capture, cargo, find, run as run_program};
use crate::workspace::Workspace;

const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const OLDEST_NODE: u32 = 20;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path("e2e");
    node()?;
    let chromium = chromium()?;
    packages(&folder)?;
    let binary = binary(workspace)?;
    run_program(
        Command::new("npm")
            .args(["test", "--silent"])
            .current_dir(&folder)
            .env("CHROMIUM", chromium)
            .env("MASTRA_AUTH", binary),
    )
}

fn node() -> Result<()> {
    let wanted = format!(
        "Node {OLDEST_NODE} or newer is missing: install it, with npm, and put both on the PATH"
    );
    ensure!(find(&["npm"]).is_some(), "{wanted}");
    let version = capture(Command::new("node").arg("--version")).context(wanted.clone())?;
    ensure!(
        is_new_enough(&version),
        "{wanted} (this is {})",
        version.trim()
    );
    Ok(())
}

fn is_new_enough(version: &str) -> bool {
    let major = version.trim().trim_start_matches('v').split('.').next();
    major
        .and_then(|text| text.parse().ok())
        .is_some_and(|major: u32| major >= OLDEST_NODE)
}

/// The browser that is named, the one that is there, or one that can be installed.
fn chromium() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "CHROMIUM={} is not a file",
            named.display()
        );
        return Ok(named);
    }
    if let Some(found) = find(&BROWSERS) {
        return Ok(found);
    }
    let missing = "chromium is missing: install it with `apt-get install chromium`, or set CHROMIUM=/path/to/chromium";
    let is_root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || find(&["apt-get"]).is_none() {
        bail!("{missing}");
    }
    println!("chromium is missing: installing it");
    let mut update = Command::new("apt-get");
    capture(update.args(["update", "--quiet"])).context(missing)?;
    let mut install = Command::new("apt-get");
    install.args([
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "chromium",
    ]);
    capture(install.env("DEBIAN_FRONTEND", "noninteractive")).context(missing)?;
    find(&BROWSERS).context(missing)
}

/// Installs the npm packages of the lock file where the installed ones are others. Runs none of their scripts.
fn packages(folder: &Path) -> Result<()> {
    let age = |file: &str| {
        fs::metadata(folder.join(file))
            .and_then(|data| data.modified())
            .ok()
    };
    let installed = age("node_modules/.package-lock.json");
    if installed.is_some() && installed >= age("package-lock.json") {
        return Ok(());
    }
    run_program(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(folder),
    )
    .context("the packages of e2e/package-lock.json cannot be installed")
}

/// The binary under test: the one that is named, or the one we ship, built now.
fn binary(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(named) = env::var_os("MASTRA_AUTH").map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "MASTRA_AUTH={} is not a file",
            named.display()
        );
        return Ok(named);
    }
    release(workspace)?;
    let text = capture(&mut cargo(
        workspace,
        &["metadata", "--format-version", "1", "--no-deps"],
    ))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let target = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str);
    Ok(Path::new(target.context("cargo names no target directory")?).join("release/mastra-auth"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_has_a_lower_bound() {
        assert!(is_new_enough("v20.0.0\n"));
        assert!(is_new_enough("v22.13.1"));
        assert!(!is_new_enough("v18.20.4"));
        assert!(!is_new_enough(""));
    }
}
