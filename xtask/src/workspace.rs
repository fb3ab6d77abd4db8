//! The repository's root, and the files in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The repository's root.
pub(crate) struct Workspace {
    root: PathBuf,
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
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path for people: relative to the root, with slashes.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
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
            let foreign = name == "target" || name == "node_modules" || name.starts_with('.');
            if !foreign {
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
