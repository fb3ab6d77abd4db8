//! The repository: its root and files, its build folder, and cargo in it.

use std::cell::OnceCell;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::capture;

/// Folders that hold what is built or fetched.
const FOREIGN: [&str; 3] = ["target", "node_modules", "dist"];

/// The repository, and what the command line says of every step.
#[derive(Default)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: OnceCell<PathBuf>,
    /// Whether missing system programs may be installed.
    pub(crate) may_install: bool,
    /// Whether what ships is tested as a development build, which spares a second compilation of everything.
    pub(crate) is_unoptimized: bool,
}

impl Workspace {
    /// The repository in which this tool was built.
    pub(crate) fn find() -> Result<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = own
            .parent()
            .context("the xtask folder stands in the repository")?;
        Ok(Self {
            root: root.to_path_buf(),
            ..Self::default()
        })
    }

    /// What the command line said of every step.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let flags = [
            (self.may_install, "--install"),
            (self.is_unoptimized, "--unoptimized"),
        ];
        flags
            .into_iter()
            .filter_map(|(is_set, flag)| is_set.then_some(flag))
            .collect()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path for people: relative to the root, with slashes.
    pub(crate) fn relative(&self, path: &Path) -> String {
        let parts = path.strip_prefix(&self.root).unwrap_or(path).iter();
        parts
            .map(|part| part.to_string_lossy())
            .collect::<Vec<_>>()
            .join("/")
    }

    pub(crate) fn read(&self, relative: &str) -> Result<String> {
        read(&self.path(relative))
    }

    /// Every file under a folder with one of the extensions, sorted. A missing folder has none.
    pub(crate) fn files(&self, folder: &str, extensions: &[&str]) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        walk(&self.path(folder), extensions, &mut found)?;
        found.sort();
        Ok(found)
    }

    /// The names of the folders in a folder, sorted.
    pub(crate) fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(folder)).with_context(|| folder.to_owned())? {
            let path = entry?.path();
            names.extend(
                path.is_dir()
                    .then(|| path.file_name()?.to_str().map(str::to_owned))
                    .flatten(),
            );
        }
        names.sort();
        Ok(names)
    }

    /// Cargo of the pinned toolchain in the repository's root, with these arguments.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(program);
        command
            .args(arguments.split_whitespace())
            .current_dir(&self.root);
        command
    }

    /// Whether a cargo subcommand such as `nextest` is installed.
    pub(crate) fn has_cargo(&self, name: &str) -> bool {
        capture(self.cargo(name).arg("--version")).is_ok()
    }

    /// Cargo's build folder, which respects `CARGO_TARGET_DIR` and the like.
    pub(crate) fn target(&self) -> Result<&Path> {
        if let Some(known) = self.target.get() {
            return Ok(known);
        }
        let text = capture(&mut self.cargo("metadata --format-version 1 --no-deps"))?;
        let metadata: Value = serde_json::from_str(&text)?;
        let found = metadata.get("target_directory").and_then(Value::as_str);
        let found = PathBuf::from(found.context("cargo names no target directory")?);
        Ok(self.target.get_or_init(|| found))
    }
}

/// How a step that writes files runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Full,
    /// Writes nothing, and fails where it would.
    Check,
}

/// Reads a text file; the error names it.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !FOREIGN.contains(&name.as_ref()) && !name.starts_with('.') {
                walk(&path, extensions, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|end| extensions.iter().any(|one| end == *one))
        {
            found.push(path);
        }
    }
    Ok(())
}
