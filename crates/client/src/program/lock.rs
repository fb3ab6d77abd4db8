//! A lock between processes, in Rust and in Node alike: a file that exists while a process holds it.
//!
//! The file names its holder: process, machine and a nonce. A lock is taken over where its process is gone, and after a minute
//! in any case: no holder works longer. Two processes that take over at the same moment can both succeed, in a window of
//! microseconds. The file's content does not rest on the lock alone: that is replaced whole, and only where it is still what was read.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::json;
use serde_json::{Value, json};

use crate::system;

/// No holder works longer: a refresh ends within 15 s.
const LONGEST: Duration = Duration::from_mins(1);
/// A holder writes its name right after it made the file.
const UNNAMED: Duration = Duration::from_secs(2);
/// How long one process waits for others: each of these may hold it for a while.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);

/// A lock that this process holds; released on drop.
pub(super) struct Lock {
    path: PathBuf,
    own: Vec<u8>,
}

impl Lock {
    /// Waits for the lock of this file: `FILE.lock`.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the lock cannot be made, or others hold it for longer than 90 s.
    pub(super) async fn take(file: &Path) -> Result<Self, CloudApiError> {
        let path = beside(file, "lock");
        let nonce = hex(&system::random::<16>()?);
        let own = json!({ "pid": std::process::id(), "host": host(), "nonce": nonce });
        let own = own.to_string().into_bytes();
        let until = system::now().monotonic.saturating_add(PATIENCE);
        loop {
            let failed = |error: io::Error| {
                CloudApiError::configuration(format!("{} cannot be made: {error}", path.display()))
            };
            if make(&path, &own).map_err(failed)? {
                return Ok(Self { path, own });
            }
            if let Some(gone) = without_holder(&path).map_err(failed)? {
                take_away(file, &path, &gone, &nonce).map_err(failed)?;
                continue;
            }
            if system::now().monotonic >= until {
                return Err(CloudApiError::configuration(format!(
                    "Another program holds {} for too long. Remove it if none is at work.",
                    path.display()
                )));
            }
            system::sleep(PAUSE).await;
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What is not removed, as on a full disk, is taken over once this process is gone.
        if fs::read(&self.path).is_ok_and(|holder| holder == self.own) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the lock; false where there is one.
fn make(path: &Path, own: &[u8]) -> io::Result<bool> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => file.write_all(own).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The lock's text, if its holder is gone.
fn without_holder(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let read = || io::Result::Ok((fs::read(path)?, fs::metadata(path)?.modified()?));
    let Some((text, made)) = unless_absent(read())? else {
        return Ok(None);
    };
    // A clock that was set back makes it look younger.
    let age = made.elapsed().unwrap_or_default();
    let is_gone = age > LONGEST || (text.is_empty() && age > UNNAMED) || is_of_dead(&text);
    Ok(is_gone.then_some(text))
}

/// Removes what the holder that is gone was writing, and then its lock. A lock that was made meanwhile is put back.
fn take_away(file: &Path, path: &Path, gone: &[u8], nonce: &str) -> io::Result<()> {
    if let Some((Some(pid), _)) = holder(gone) {
        unless_absent(fs::remove_file(unfinished(file, pid)))?;
    }
    let aside = beside(path, nonce);
    if unless_absent(fs::rename(path, &aside))?.is_none() {
        return Ok(());
    }
    if fs::read(&aside)? != gone {
        // Where one more process was as fast, that one holds it now.
        let _ = fs::hard_link(&aside, path);
    }
    fs::remove_file(aside)
}

/// None where there is no such file.
pub(super) fn unless_absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Where the holder of a lock writes what replaces the file: known to the process that takes the lock over.
pub(super) fn unfinished(file: &Path, pid: u32) -> PathBuf {
    beside(file, &format!("{pid}.tmp"))
}

/// The file's path with this behind it.
fn beside(file: &Path, what: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".");
    path.push(what);
    path.into()
}

/// The process and the machine that a lock names.
fn holder(text: &[u8]) -> Option<(Option<u32>, String)> {
    let holder = json::parse(text, 2).ok()?;
    let pid = holder.get("pid").and_then(Value::as_u64);
    let pid = pid.and_then(|pid| u32::try_from(pid).ok());
    Some((pid, holder.get("host")?.as_str()?.to_owned()))
}

fn is_of_dead(text: &[u8]) -> bool {
    holder(text).is_some_and(|(pid, at)| !at.is_empty() && at == host() && pid.is_some_and(is_dead))
}

#[cfg(unix)]
fn is_dead(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Nothing is known of other processes: a lock that was left is taken over after a minute.
#[cfg(not(unix))]
fn is_dead(_: u32) -> bool {
    false
}

#[cfg(not(unix))]
fn host() -> String {
    String::new()
}
