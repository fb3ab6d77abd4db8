//! The repository: its root and files, its build folder, and cargo in it.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::capture;

/// Folders that hold what is built or fetched.
const FOREIGN: [&str; 3] = ["target", "node_modules", "dist"];

/// Where napi-derive describes the addon's exports while it compiles them, a line of JSON each.
pub(crate) const EXPORTS: &str = "target/addon-exports";

/// The repository, and the flags of the command line.
#[derive(Default)]
pub(crate) struct Workspace {
    root: PathBuf,
    metadata: OnceCell<Value>,
    target: OnceCell<PathBuf>,
    /// Write nothing, and fail where a file would change.
    pub(crate) is_check: bool,
    /// Install missing system programs.
    pub(crate) may_install: bool,
    /// Test a development build instead of what ships, which spares a second compilation of everything.
    pub(crate) is_unoptimized: bool,
    /// How long a run is to take that can be told so, where it was.
    pub(crate) hours: Option<f64>,
    /// The development builds are up to date: this run or the suite has made them.
    pub(crate) is_built: Cell<bool>,
}

impl Workspace {
    /// The repository in which this tool was built.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.context("xtask has no parent folder")?.to_path_buf();
        Ok(Self {
            root,
            ..Self::default()
        })
    }

    /// How long a run takes that can be told so; so many hours unless given.
    pub(crate) fn time(&self, hours: f64) -> Result<Duration> {
        let hours = self.hours.unwrap_or(hours);
        Duration::try_from_secs_f64(hours * 3600.0).context("so many hours are no time")
    }

    /// The flags that other steps are started with.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let install = self.may_install.then_some("--install");
        let unoptimized = self.is_unoptimized.then_some("--unoptimized");
        install.into_iter().chain(unoptimized).collect()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path for people: relative to the root, with slashes.
    pub(crate) fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.display().to_string().replace('\\', "/")
    }

    pub(crate) fn read(&self, relative: &str) -> Result<String> {
        read(&self.path(relative))
    }

    /// The addon's exports as the last build of it describes them.
    pub(crate) fn exports(&self) -> PathBuf {
        self.path(EXPORTS).with_extension("json")
    }

    /// Every file under a folder with one of the extensions, sorted. A missing folder has none.
    pub(crate) fn files(&self, folder: &str, extensions: &[&str]) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        walk(&self.path(folder), extensions, &mut found)?;
        found.sort();
        Ok(found)
    }

    /// Cargo of the pinned toolchain in the repository's root, with these arguments.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let arguments = arguments.split_whitespace();
        command.args(arguments).current_dir(&self.root);
        // With and without it, the addon would be compiled anew at every change between the two.
        command.env("NAPI_TYPE_DEF_TMP_FOLDER", self.path(EXPORTS));
        command
    }

    /// Whether a cargo subcommand such as `nextest` is installed.
    pub(crate) fn has_cargo(&self, name: &str) -> bool {
        capture(self.cargo(name).arg("--version")).is_ok()
    }

    /// What cargo says of the workspace's own packages.
    pub(crate) fn metadata(&self) -> Result<&Value> {
        if self.metadata.get().is_none() {
            let text = capture(&mut self.cargo("metadata --format-version 1 --no-deps"))?;
            let _ = self.metadata.set(serde_json::from_str(&text)?);
        }
        self.metadata.get().context("cargo metadata says nothing")
    }

    pub(crate) fn packages(&self) -> Result<&Vec<Value>> {
        let packages = self.metadata()?["packages"].as_array();
        packages.context("cargo names no packages")
    }

    /// Cargo's build folder, which respects `CARGO_TARGET_DIR` and the like.
    pub(crate) fn target(&self) -> Result<&Path> {
        let found = self.metadata()?["target_directory"].as_str();
        let found = found.context("cargo names no target directory")?;
        Ok(self.target.get_or_init(|| found.into()))
    }
}

/// Reads a text file; the error names it.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Makes a folder, without what earlier runs left in it.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    let removed = if folder.exists() {
        fs::remove_dir_all(folder)
    } else {
        Ok(())
    };
    let made = removed.and_then(|()| fs::create_dir_all(folder));
    made.with_context(|| folder.display().to_string())
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !FOREIGN.contains(&name.as_ref()) && !name.starts_with('.') {
                walk(&path, extensions, found)?;
            }
        } else if extensions
            .iter()
            .any(|end| path.extension().is_some_and(|own| own == *end))
        {
            found.push(path);
        }
    }
    Ok(())
}
