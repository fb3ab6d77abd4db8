//! The credentials file, which Mastra's command line reads and writes too: `~/.mastra/credentials.json`.
//!
//! The file is replaced whole. Folder and file are for their owner alone.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::json::BadMember;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::lock::{Lock, unless_absent};
use super::new_file::{Replacement, overwrite};

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

    /// Makes the new file before there is anything to write, and as long as a refresh can make it: so a full or forbidden place is
    /// found out first.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where it cannot be made.
    pub fn new_file(&self) -> Result<NewFile<'_>, CloudApiError> {
        let text = self.file.text()?;
        self.make(Credentials::longest(text.as_ref().map_or(&[], |text| text)))
    }

    /// Removes the sign-in: the whole file, unless another program has members in it, which stay.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where it cannot be removed.
    pub fn remove(&self) -> Result<(), CloudApiError> {
        let others = self.others()?;
        if !others.is_empty() {
            return self.make(0)?.replace(&others);
        }
        let removed = match unless_absent(fs::remove_file(&self.file.0)) {
            // It is mounted alone.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                overwrite(&self.file.0, b"{}\n")
            }
            removed => removed.map(drop),
        };
        removed.map_err(|error| self.file.failed("cannot be removed", &error))
    }

    fn make(&self, room: usize) -> Result<NewFile<'_>, CloudApiError> {
        let new = Replacement::make(&self.file.0, room);
        Ok(NewFile {
            locked: self,
            new: new.map_err(|error| self.not_written(&error))?,
        })
    }

    fn not_written(&self, error: &io::Error) -> CloudApiError {
        self.file.failed("cannot be written", error)
    }

    /// The members of another program.
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
    new: Replacement,
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

    fn replace(self, members: &Map<String, Value>) -> Result<(), CloudApiError> {
        let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let written = serde_json::to_writer_pretty(&mut *text, members).map_err(io::Error::from);
        text.push(b'\n');
        written
            .and_then(|()| self.new.write(&text))
            .map_err(|error| self.locked.not_written(&error))
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
