//! The credentials file, which Mastra's command line reads and writes too: `~/.mastra/credentials.json`.
//!
//! The file is replaced whole: its text goes to a new file beside it, which is flushed to the disk and renamed. A process that
//! is killed at any moment leaves the old content or the new one. Folder and file are for their owner alone.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::json::BadMember;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::lock::{Lock, unfinished, unless_absent};

const FOLDER: &str = ".mastra";
const FILE: &str = "credentials.json";
/// Most bytes of the file that are read.
const MAX_BYTES: u64 = 256 * 1024;

/// Where the credentials of a sign-in are kept.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud::program::CredentialsFile;
///
/// let file = CredentialsFile::of_home()?;
/// assert!(file.path().ends_with(".mastra/credentials.json"));
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CredentialsFile(PathBuf);

impl CredentialsFile {
    /// The file of Mastra's command line, `.mastra/credentials.json` in the home folder.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the system names no home folder.
    pub fn of_home() -> Result<Self, CloudApiError> {
        match std::env::home_dir() {
            Some(home) if !home.as_os_str().is_empty() => Ok(Self(home.join(FOLDER).join(FILE))),
            _ => Err(CloudApiError::configuration(
                "There is no home folder to keep credentials in: set HOME.",
            )),
        }
    }

    /// A file elsewhere.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the credentials; none where there is no file, or no token in it.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where it cannot be read or is not such a file. The message names the path and nothing of the content.
    pub fn read(&self) -> Result<Option<Credentials>, CloudApiError> {
        let Some(text) = self.text()? else {
            return Ok(None);
        };
        Credentials::read(&text).map_err(|BadMember(name)| {
            CloudApiError::configuration(format!(
                "{} is no credentials file: {name} is missing or has the wrong form. Sign in again to replace it.",
                self.0.display()
            ))
        })
    }

    /// Waits until no other process works on the file, and keeps it until the result is dropped: for less than a minute.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the folder cannot be written, or others keep the file for longer than 90 s.
    pub async fn lock(&self) -> Result<LockedFile, CloudApiError> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let failed = |error| self.failed("cannot be made ready", &error);
        make_private(folder).map_err(failed)?;
        // Another program may have put a link in the file's place: what it leads to is replaced, and not the link.
        let target = unless_absent(fs::canonicalize(&self.0)).map_err(failed)?;
        let target = target.unwrap_or_else(|| self.0.clone());
        let lock = Lock::take(&target).await?;
        Ok(LockedFile {
            file: Self(target),
            _lock: lock,
        })
    }

    fn text(&self) -> Result<Option<Zeroizing<Vec<u8>>>, CloudApiError> {
        let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let mut read = || {
            let file = File::open(&self.0)?;
            file.take(MAX_BYTES.saturating_add(1))
                .read_to_end(&mut text)
        };
        let read = unless_absent(read()).map_err(|error| self.failed("cannot be read", &error))?;
        Ok(read.map(|_| text))
    }

    fn failed(&self, what: &str, error: &io::Error) -> CloudApiError {
        CloudApiError::configuration(format!("{} {what}: {error}", self.0.display()))
    }
}

/// The credentials file, while no other process works on it.
pub struct LockedFile {
    file: CredentialsFile,
    _lock: Lock,
}

impl LockedFile {
    /// As [`CredentialsFile::read`]; another program that takes no lock may have written since it was last read.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read(&self) -> Result<Option<Credentials>, CloudApiError> {
        self.file.read()
    }

    /// Makes the new file before there is anything to write, so that a full or forbidden place is found out first.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where it cannot be made.
    pub fn new_file(&self) -> Result<NewFile<'_>, CloudApiError> {
        let temporary = unfinished(&self.file.0, std::process::id());
        let failed = |error| self.file.failed("cannot be written", &error);
        unless_absent(fs::remove_file(&temporary)).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary).map_err(failed)?;
        Ok(NewFile {
            locked: self,
            file: Some(file),
            temporary,
        })
    }

    /// Removes the sign-in: the whole file, unless another program has members in it, which stay.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where it cannot be removed.
    pub fn remove(&self) -> Result<(), CloudApiError> {
        let others = self.others()?;
        if !others.is_empty() {
            return self.new_file()?.replace(&others);
        }
        unless_absent(fs::remove_file(&self.file.0))
            .map_err(|error| self.file.failed("cannot be removed", &error))?;
        Ok(())
    }

    fn others(&self) -> Result<Map<String, Value>, CloudApiError> {
        let text = self.file.text()?;
        Ok(text.map_or_else(Map::new, |text| Credentials::others(&text)))
    }
}

impl fmt::Debug for LockedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockedFile").field(&self.file.0).finish()
    }
}

/// What will replace the credentials file. Dropped without a [`write`](Self::write), it leaves nothing.
pub struct NewFile<'l> {
    locked: &'l LockedFile,
    file: Option<File>,
    temporary: PathBuf,
}

impl NewFile<'_> {
    /// Replaces the file by these credentials, with the members that another program has in it. Flushes it to the disk first.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where it cannot be written. The file is then as it was.
    pub fn write(self, credentials: &Credentials) -> Result<(), CloudApiError> {
        let others = self.locked.others()?;
        self.replace(&credentials.file(others))
    }

    fn replace(mut self, members: &Map<String, Value>) -> Result<(), CloudApiError> {
        let target = &self.locked.file;
        let write = |file: &mut File| {
            let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
            serde_json::to_writer_pretty(&mut *text, members)?;
            text.push(b'\n');
            file.write_all(&text)?;
            file.sync_all()
        };
        let written = self.file.take().map_or(Ok(()), |mut file| write(&mut file));
        written
            .and_then(|()| fs::rename(&self.temporary, &target.0))
            .and_then(|()| flush_folder(&target.0))
            .map_err(|error| target.failed("cannot be written", &error))
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // There is none where it was renamed.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl fmt::Debug for NewFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewFile").finish_non_exhaustive()
    }
}

/// A folder for its owner alone. One of another name that exists stays as it is: it may be everybody's.
#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    let is_own = folder.file_name().is_some_and(|name| name == FOLDER);
    if is_own && fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
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
