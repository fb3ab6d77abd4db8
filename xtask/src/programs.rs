//! System programs that tests need: the one that a variable names, or the one on the PATH.
//!
//! With `--install` a missing one is installed, as root on Debian. Otherwise one line says what is missing.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{capture, find};
use crate::workspace::Workspace;

/// A program.
pub(crate) struct Program {
    /// The Debian package that contains it.
    pub(crate) package: &'static str,
    /// Its possible names.
    pub(crate) names: &'static [&'static str],
    /// The environment variable that names one.
    pub(crate) variable: &'static str,
}

/// What makes certificates.
pub(crate) const OPENSSL: Program = Program {
    package: "openssl",
    names: &["openssl"],
    variable: "OPENSSL",
};

impl Program {
    pub(crate) fn find(&self, workspace: &Workspace) -> Result<PathBuf> {
        let (package, variable) = (self.package, self.variable);
        if let Some(named) = env::var_os(variable).map(PathBuf::from) {
            ensure!(
                named.is_file(),
                "{variable}={} is not a file",
                named.display()
            );
            return Ok(named);
        }
        if let Some(found) = find(self.names) {
            return Ok(found);
        }
        let missing = format!(
            "{package} is missing: install it (Debian: `apt-get install {package}`), set {variable}=/path/to/{package}"
        );
        if !workspace.may_install {
            bail!("{missing}, or let `--install` do so as root");
        }
        // Not on standard output, which may be a command's JSON.
        eprintln!("{package} is missing: installing it");
        let install = format!("install --yes --quiet --no-install-recommends {package}");
        for words in ["update --quiet", &install] {
            let mut apt = Command::new("apt-get");
            apt.args(words.split(' '))
                .env("DEBIAN_FRONTEND", "noninteractive");
            capture(&mut apt).with_context(|| missing.clone())?;
        }
        find(self.names).context(missing)
    }
}
