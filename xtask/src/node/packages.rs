//! Installs a folder's npm packages: those of its lock file, without their install scripts.
//!
//! `npm install`, not `npm ci`: tools with a binary for every platform have lock files that `npm ci` considers incomplete
//! if a registry lacks some of those binaries. Writes neither the lock file nor the manifest.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use super::Node;
use crate::process::run;
use crate::workspace::Workspace;

/// Installs them if the installed ones are out of date.
pub(crate) fn install(node: &Node, folder: &Path) -> Result<()> {
    let age = |file: &str| {
        fs::metadata(folder.join(file))
            .and_then(|data| data.modified())
            .ok()
    };
    if is_current(
        age("node_modules/.package-lock.json"),
        age("package-lock.json"),
    ) {
        return Ok(());
    }
    let arguments = [
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ];
    run(node.npm(folder).args(arguments)).with_context(|| {
        let lock = folder.join("package-lock.json");
        format!("the packages of {} cannot be installed", lock.display())
    })
}

/// `npm ci` of the lock file in `from`, into another folder: without scripts, and without npm's audit and funding reports.
pub(super) fn fetch(
    workspace: &Workspace,
    mut npm: Command,
    from: &str,
    folder: &Path,
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::write(
            folder.join(name),
            workspace.read(&format!("{from}/{name}"))?,
        )?;
    }
    npm.current_dir(folder);
    run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
}

/// npm records what it installed; a lock file changed later requires a new install.
fn is_current(installed: Option<SystemTime>, locked: Option<SystemTime>) -> bool {
    installed.is_some() && installed >= locked
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_lock_that_changed_is_installed() {
        let early = SystemTime::UNIX_EPOCH;
        let late = early + Duration::from_secs(1);
        assert!(is_current(Some(late), Some(early)));
        assert!(is_current(Some(late), Some(late)));
        assert!(!is_current(Some(early), Some(late)));
        assert!(!is_current(None, Some(early)));
        assert!(!is_current(None, None));
    }
}
