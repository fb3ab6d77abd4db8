//! The old C library with which the addon is linked on x64 Linux, so that it loads wherever Node 22 starts.
//!
//! A linker binds each symbol to its newest version in the given library: linked with glibc 2.36, the addon would need
//! 2.34. napi-rs publishes a glibc 2.17 on npm, for x64 alone. The lock file in `xtask/sysroot` pins it; it is fetched once
//! and unpacked into the build folder. On arm64 the release workflow builds on an old system instead. [`super::floor`]
//! checks the result.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Node;
use crate::process::{capture, find, run};
use crate::workspace::Workspace;

/// The target triple that it is for.
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The variable with the C compiler's flags for that target.
pub(super) const C_FLAGS: &str = "CFLAGS_x86_64_unknown_linux_gnu";

const FROM: &str = "xtask/sysroot";
const PACKAGE: &str = "node_modules/@napi-rs/cross-toolchain-x64-target-x86_64";
const INSIDE: &str = "./x86_64-unknown-linux-gnu/sysroot";
/// The newest version whose headers name no function that 2.17 lacks: those of 2.38 redirect `strtol` to a new function.
const HEADERS: (u32, u32) = (2, 37);

/// An old C library, and whether C code must be compiled with its headers too.
pub(super) struct Sysroot {
    folder: PathBuf,
    pub(super) is_for_headers: bool,
}

impl Sysroot {
    /// Finds or fetches it; `None` except on x64 Linux with glibc.
    pub(super) fn find(workspace: &Workspace) -> Result<Option<Self>> {
        if !cfg!(all(
            target_os = "linux",
            target_arch = "x86_64",
            target_env = "gnu"
        )) {
            return Ok(None);
        }
        let said = capture(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
        let host = version(&said).with_context(|| format!("getconf says `{}`", said.trim()))?;
        Ok(Some(Self {
            folder: fetched(workspace)?,
            is_for_headers: host > HEADERS,
        }))
    }

    /// Arguments for the linker. They name the folders, because gcc searches the system's own before the sysroot.
    pub(super) fn link_arguments(&self) -> Vec<String> {
        let folder = self.folder.display();
        [
            format!("--sysroot={folder}"),
            format!("-L{folder}/usr/lib"),
            format!("-L{folder}/lib"),
        ]
        .into_iter()
        .flat_map(|argument| ["-C".to_owned(), format!("link-arg={argument}")])
        .collect()
    }

    /// The argument for the C compiler.
    pub(super) fn compile_argument(&self) -> String {
        format!("--sysroot={}", self.folder.display())
    }
}

/// The unpacked library; fetches it now if the lock file names another one.
fn fetched(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.target()?.join("sysroot");
    let folder = home.join(INSIDE);
    let lock = workspace.read(&format!("{FROM}/package-lock.json"))?;
    let marker = home.join("unpacked");
    if fs::read_to_string(&marker).is_ok_and(|unpacked| unpacked == lock) {
        return Ok(folder);
    }
    ensure!(
        find(&["xz"]).is_some(),
        "xz is missing: install it (Debian: xz-utils), the addon's old C library is packed with it"
    );
    println!("fetching glibc 2.17 through npm, to link the addon with");
    let node = Node::find(workspace)?;
    node.fetch(workspace, FROM, &home)
        .context("the old C library cannot be fetched through npm")?;
    let archive = home.join(PACKAGE).join(format!("{TARGET}.tar.xz"));
    run(Command::new("tar")
        .arg("-xJf")
        .arg(archive)
        .arg("-C")
        .arg(&home)
        .arg(INSIDE))?;
    fs::remove_dir_all(home.join("node_modules"))?;
    fs::write(&marker, lock)?;
    Ok(folder)
}

/// Parses `glibc 2.36` as two numbers.
fn version(said: &str) -> Option<(u32, u32)> {
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(version("glibc 2.36\n"), Some((2, 36)));
        assert!(version("glibc 2.9") < version("glibc 2.17"));
        assert_eq!(version("musl"), None);
    }

    #[test]
    fn what_is_fetched_is_pinned() {
        let lock: Value =
            serde_json::from_str(include_str!("../../sysroot/package-lock.json")).unwrap();
        let integrity = lock["packages"][PACKAGE]["integrity"].as_str().unwrap();
        assert!(integrity.starts_with("sha512-"));
    }
}
