//! Programs of the system: installed where that may be done, as root on Debian. Whoever asks says what to do elsewhere.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{capture, find};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    Yes,
    /// This is no Debian, or we are not root there.
    MayNot,
}

/// Installs a package, with nothing that it only recommends.
pub(crate) fn install(package: &str) -> Result<Installed> {
    let is_root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || find(&["apt-get"]).is_none() {
        return Ok(Installed::MayNot);
    }
    eprintln!("{package} is missing: installing it");
    let failed = || format!("{package} cannot be installed");
    let mut update = Command::new("apt-get");
    capture(update.args(["update", "--quiet"])).with_context(failed)?;
    let mut install = Command::new("apt-get");
    install.args([
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        package,
    ]);
    capture(install.env("DEBIAN_FRONTEND", "noninteractive")).with_context(failed)?;
    Ok(Installed::Yes)
}
