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

impl Program {
    pub(crate) fn find(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(named) = env::var_os(self.variable).map(PathBuf::from) {
            ensure!(
                named.is_file(),
                "{}={} is not a file",
                self.variable,
                named.display()
            );
            return Ok(named);
        }
        if let Some(found) = find(self.names) {
            return Ok(found);
        }
        if !workspace.may_install {
            bail!("{}, or let `--install` do so as root", self.missing());
        }
        // Not on standard output, which may be a command's JSON.
        eprintln!("{} is missing: installing it", self.package);
        let apt = |words: &str| {
            capture(
                Command::new("apt-get")
                    .args(words.split(' '))
                    .env("DEBIAN_FRONTEND", "noninteractive"),
            )
        };
        let install = format!(
            "install --yes --quiet --no-install-recommends {}",
            self.package
        );
        apt("update --quiet")
            .and_then(|_| apt(&install))
            .with_context(|| self.missing())?;
        find(self.names).with_context(|| self.missing())
    }

    fn missing(&self) -> String {
        let Self {
            package, variable, ..
        } = self;
        format!(
            "{package} is missing: install it (Debian: `apt-get install {package}`), set {variable}=/path/to/{package}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is installed without being told to.
    #[test]
    fn what_is_missing_is_named_with_a_way_to_it() {
        let missing = Program {
            package: "no-such",
            names: &["no-such-program"],
            variable: "NO_SUCH_PROGRAM",
        };
        let error = missing
            .find(&Workspace::find().unwrap())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "no-such is missing: install it (Debian: `apt-get install no-such`), set NO_SUCH_PROGRAM=/path/to/no-such, or let `--install` do so as root"
        );
    }
}
