//! Builds the addon with cargo and puts it where it is looked for.
//!
//! By a rename: a process that has loaded the old addon keeps it whole, and no process reads a partial file.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result};

use super::floor;
use super::package::FOLDER;
use super::platform::Platform;
use super::sysroot::{C_FLAGS, Sysroot, TARGET};
use crate::process::run;
use crate::workspace::Workspace;

const CRATE: &str = "mastra-auth-cloud-node";
/// A folder in the build folder.
const EXPORTS: &str = "addon-exports";

/// What an addon is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A development build whose every export can be made to panic, as no published addon can.
    Tests,
    /// A release whose exports can be made to panic.
    Faults,
    Release,
    /// What is published: a release without symbols, linked with an old C library.
    Packed,
}

/// Builds the addon and returns its place: in the build folder for one that is packed, else in `npm/auth-cloud/native`.
pub(super) fn build(workspace: &Workspace, kind: Kind) -> Result<PathBuf> {
    let platform = Platform::host()?;
    let target = workspace.target()?;
    let is_dev = kind == Kind::Tests || (kind == Kind::Packed && workspace.is_unoptimized);
    // With `cargo rustc`, arguments after `--` apply to the addon alone, not to its dependencies.
    let mut command = workspace.cargo("rustc --package");
    command.arg(CRATE);
    if !is_dev {
        command.arg("--release");
    }
    if matches!(kind, Kind::Tests | Kind::Faults) {
        command.args(["--features", "fault-injection"]);
    }
    let exports = exports(workspace)?;
    if kind == Kind::Tests {
        fs::create_dir_all(target.join(EXPORTS))?;
        command.env("NAPI_TYPE_DEF_TMP_FOLDER", target.join(EXPORTS));
    }
    let mut built = target.to_path_buf();
    if kind == Kind::Packed {
        // Strips only the addon: as a profile setting, stripping would compile all its dependencies again.
        let mut for_the_addon = vec!["-C".to_owned(), "strip=symbols".to_owned()];
        if let Some(sysroot) = Sysroot::find(workspace)? {
            if sysroot.is_for_headers {
                // A target of its own: otherwise C code with other headers would be recompiled at every change between the
                // two.
                command
                    .args(["--target", TARGET])
                    .env(C_FLAGS, sysroot.compile_argument());
                built.push(TARGET);
            }
            for_the_addon.extend(sysroot.link_arguments());
        }
        command.arg("--").args(for_the_addon);
    }
    built.push(if is_dev { "debug" } else { "release" });
    built.push(format!("{DLL_PREFIX}mastra_auth_cloud_node{DLL_SUFFIX}"));

    // All kinds have one file name, by which cargo takes one for another: a change between them starts anew. What runs in
    // parallel waits.
    let lock = File::create(target.join("addon.lock"))?;
    lock.lock()?;
    let marker = built.with_extension("kind");
    let own = format!("{kind:?}");
    let is_other = fs::read_to_string(&marker).map_or(built.is_file(), |last| last != own);
    if is_other || (kind == Kind::Tests && !exports.is_file()) {
        run(&mut workspace.cargo(&format!("clean --quiet --package {CRATE}")))?;
    }
    run(&mut command)?;
    fs::write(&marker, own)?;
    let folder = match kind {
        Kind::Packed => target.join("npm"),
        _ => workspace.path(FOLDER).join("native"),
    };
    let placed = place(&built, &folder, &platform.file())?;
    if kind == Kind::Packed && platform.libc == Some("glibc") {
        println!("{}", floor::check(&placed)?);
    }
    Ok(placed)
}

/// Where napi-derive describes the exports while it compiles the addon for tests.
pub(super) fn exports(workspace: &Workspace) -> Result<PathBuf> {
    Ok(workspace.target()?.join(EXPORTS).join(CRATE))
}

/// Copies to a file in the target folder, and renames it.
fn place(built: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let whole = folder.join(name);
    let part = folder.join(format!("{}.{name}", process::id()));
    fs::create_dir_all(folder)
        .and_then(|()| fs::copy(built, &part))
        .and_then(|_| fs::rename(&part, &whole))
        .with_context(|| format!("{} cannot be put at {}", built.display(), whole.display()))?;
    Ok(whole)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_the_old_one_open_keeps_it() {
        use std::io::Read as _;
        let folder = std::env::temp_dir().join(format!("xtask-addon-{}", process::id()));
        let built = folder.join("built");
        fs::create_dir_all(&folder).unwrap();
        fs::write(&built, "old").unwrap();
        let native = folder.join("native");
        let mut open = fs::File::open(place(&built, &native, "a.node").unwrap()).unwrap();
        fs::write(&built, "new").unwrap();
        let placed = place(&built, &native, "a.node").unwrap();
        let mut held = String::new();
        open.read_to_string(&mut held).unwrap();
        assert_eq!(held, "old");
        assert_eq!(fs::read_to_string(placed).unwrap(), "new");
        assert_eq!(
            fs::read_dir(&native).unwrap().count(),
            1,
            "nothing is left over"
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
