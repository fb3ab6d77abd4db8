//! npm packages of a folder: those of its lock file, and none of their install scripts.
//!
//! `npm install` and not `npm ci`: tools that come with a binary for every platform have lock files that `npm ci` takes for
//! incomplete wherever a registry does not hold all of those binaries. Neither the lock file nor the manifest is written.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use super::Node;
use crate::process::run;
use crate::workspace::Workspace;

/// Installs them where the installed ones are others.
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

/// `npm ci` of the lock file in `from`, into another folder: without scripts, and without reporting what is installed.
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

/// npm writes down what it installed; a lock file that changed later asks for something else.
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
