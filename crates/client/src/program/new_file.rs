//! A file that is replaced whole.
//!
//! The text goes to a new file beside it, which is flushed to the disk and renamed. A process that is killed at any moment leaves
//! the old content or the new one. A file that is mounted alone cannot be replaced and is written in place: a process that is
//! killed in that moment may leave a part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::lock::{unfinished, unless_absent};
use crate::system;

/// What will replace a file. Dropped without that, it leaves nothing.
pub(super) struct Replacement {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
}

impl Replacement {
    /// Makes the new file, and takes this much room on the disk.
    pub(super) fn make(target: &Path, room: usize) -> io::Result<Self> {
        let temporary = unfinished(target, std::process::id());
        unless_absent(fs::remove_file(&temporary))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut new = Self {
            target: target.to_owned(),
            file: Some(options.open(&temporary)?),
            temporary,
        };
        // Some file systems store little of what they can compress.
        let mut filling = vec![0; room];
        system::fill(&mut filling).map_err(io::Error::other)?;
        new.put(&filling)?;
        Ok(new)
    }

    /// Replaces the file by this text, and flushes it to the disk first.
    pub(super) fn write(mut self, text: &[u8]) -> io::Result<()> {
        self.put(text)?;
        // Some systems rename no file that is open.
        self.file = None;
        rename_or_overwrite(&self.temporary, &self.target, text, |from, to| {
            fs::rename(from, to)
        })
    }

    /// Makes this the new file's whole content.
    fn put(&mut self, content: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.rewind()?;
        file.write_all(content)?;
        file.set_len(length(content))?;
        file.sync_all()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // There is none where it was renamed.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn rename_or_overwrite(
    temporary: &Path,
    target: &Path,
    text: &[u8],
    rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    match rename(temporary, target) {
        // The target is mounted alone, as containers are given one file of their host.
        Err(error) if is_mounted(&error) => overwrite(target, text),
        renamed => {
            renamed?;
            // The file is there. Not every file system flushes a folder.
            let _ = flush_folder(target);
            Ok(())
        }
    }
}

fn is_mounted(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
    )
}

/// Writes a file in place; its mode stays. On a full disk it stays as it was.
pub(super) fn overwrite(target: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(target)?;
    let before = file.seek(SeekFrom::End(0))?;
    // White space behind the old content changes nothing of what that says.
    let missing = length(text).saturating_sub(before);
    let longer = io::copy(&mut io::Read::take(io::repeat(b' '), missing), &mut file);
    if let Err(error) = longer.and_then(|_| file.sync_all()) {
        file.set_len(before)?;
        return Err(error);
    }
    file.rewind()?;
    file.write_all(text)?;
    file.set_len(length(text))?;
    file.sync_all()
}

fn length(content: &[u8]) -> u64 {
    u64::try_from(content.len()).unwrap_or(u64::MAX)
}

/// The rename is on the disk once the folder is.
#[cfg(unix)]
fn flush_folder(file: &Path) -> io::Result<()> {
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_replaced_is_written_in_place() {
        let target = std::env::temp_dir().join(format!("mastra-in-place-{}", std::process::id()));
        let temporary = target.with_extension("tmp");
        for kind in [ErrorKind::ResourceBusy, ErrorKind::CrossesDevices] {
            for (before, text) in [("short", "a longer text"), ("a longer text", "short")] {
                fs::write(&target, before).unwrap();
                let mounted = |_: &Path, _: &Path| Err(kind.into());
                rename_or_overwrite(&temporary, &target, text.as_bytes(), mounted).unwrap();
                assert_eq!(fs::read_to_string(&target).unwrap(), text);
            }
        }
        let forbidden = |_: &Path, _: &Path| Err(ErrorKind::PermissionDenied.into());
        rename_or_overwrite(&temporary, &target, b"other", forbidden).unwrap_err();
        assert_eq!(fs::read_to_string(&target).unwrap(), "short");
        fs::remove_file(target).unwrap();
    }
}
