//! System programs that tests need: the one that a variable names, the one on the PATH, or one that is installed now.
//!
//! Installs only as root on Debian; elsewhere one line says what is missing.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{capture, find};

/// A program and its package.
pub(crate) struct Wanted {
    /// The Debian package that contains it.
    pub(crate) package: &'static str,
    /// Its possible names.
    pub(crate) programs: &'static [&'static str],
    /// The environment variable that names one.
    pub(crate) variable: &'static str,
}

impl Wanted {
    fn missing(&self) -> String {
        let Self {
            package, variable, ..
        } = self;
        format!(
            "{package} is missing: install it with `apt-get install {package}`, or set {variable}=/path/to/{package}"
        )
    }
}

pub(crate) fn program(wanted: &Wanted) -> Result<PathBuf> {
    if let Some(named) = env::var_os(wanted.variable).map(PathBuf::from) {
        ensure!(
            named.is_file(),
            "{}={} is not a file",
            wanted.variable,
            named.display()
        );
        return Ok(named);
    }
    if let Some(found) = find(wanted.programs) {
        return Ok(found);
    }
    let missing = || wanted.missing();
    let is_root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || find(&["apt-get"]).is_none() {
        bail!("{}", missing());
    }
    // Not on standard output, which may be a command's JSON.
    eprintln!("{} is missing: installing it", wanted.package);
    let mut update = Command::new("apt-get");
    capture(update.args(["update", "--quiet"])).with_context(missing)?;
    let mut install = Command::new("apt-get");
    install.args([
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        wanted.package,
    ]);
    capture(install.env("DEBIAN_FRONTEND", "noninteractive")).with_context(missing)?;
    find(wanted.programs).with_context(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_a_way_to_it() {
        let wanted = Wanted {
            package: "redis-server",
            programs: &["redis-server"],
            variable: "REDIS_SERVER",
        };
        assert_eq!(
            wanted.missing(),
            "redis-server is missing: install it with `apt-get install redis-server`, or set REDIS_SERVER=/path/to/redis-server"
        );
    }
}
