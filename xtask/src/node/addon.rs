//! Builds the addon with cargo and puts it where the package looks for it.
//!
//! Installs it by a rename: a process that has loaded the old addon keeps it whole, and no process reads a partial file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result};

use super::floor;
use super::package::FOLDER;
use super::platform::Platform;
use super::sysroot::{C_FLAGS, Sysroot, TARGET};
use crate::cargo::target_directory;
use crate::process::{cargo, run};
use crate::workspace::Workspace;

const CRATE: &str = "mastra-auth-cloud-node";

/// The build profile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    Dev,
    Release,
    /// A release without symbols: the published one.
    Stripped,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release | Self::Stripped => "release",
        }
    }
}

/// Builds the addon and returns its path in `npm/auth-cloud/native`.
pub(super) fn build(
    workspace: &Workspace,
    profile: Profile,
    feature: Option<&str>,
) -> Result<PathBuf> {
    let platform = Platform::host()?;
    let mut command = cargo(workspace, &arguments(profile, feature));
    let mut built = target_directory(workspace)?;
    if profile == Profile::Stripped {
        // Strips only the addon: as a profile setting, stripping would compile all its dependencies again.
        let mut for_the_addon = vec!["-C".to_owned(), "strip=symbols".to_owned()];
        if let Some(sysroot) = Sysroot::find(workspace)? {
            if sysroot.is_for_headers {
                // A target of its own: otherwise C code with other headers would be recompiled at every change between the
                // two.
                command.args(["--target", TARGET]);
                command.env(C_FLAGS, sysroot.compile_argument());
                built.push(TARGET);
            }
            for_the_addon.extend(sysroot.link_arguments());
        }
        command.arg("--").args(for_the_addon);
    }
    run(&mut command)?;
    built.extend([profile.folder(), platform.library]);
    if profile == Profile::Stripped && platform.libc == Some("glibc") {
        println!("{}", floor::check(&built)?);
    }
    let folder = workspace.path(FOLDER).join("native");
    place(&built, &folder, &platform.file())
}

fn arguments(profile: Profile, feature: Option<&str>) -> Vec<&str> {
    // With `cargo rustc`, arguments after `--` apply to the addon alone, not to its dependencies.
    let mut arguments = vec!["rustc", "--package", CRATE];
    if profile != Profile::Dev {
        arguments.push("--release");
    }
    if let Some(feature) = feature {
        arguments.extend(["--features", feature]);
    }
    arguments
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_is_told() {
        assert_eq!(arguments(Profile::Dev, None), ["rustc", "--package", CRATE]);
        assert_eq!(
            arguments(Profile::Stripped, None).last(),
            Some(&"--release")
        );
        assert_eq!(
            arguments(Profile::Release, Some("f")),
            ["rustc", "--package", CRATE, "--release", "--features", "f"]
        );
    }

    #[cfg(unix)]
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
