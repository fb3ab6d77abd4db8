//! The file of `mastra-auth dev --signing-key`.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use mastra_auth_local_cloud::PinnedKey;

use crate::failure::Failure;

/// The key in this file, which is written first where that is asked and there is none.
pub(crate) fn of(path: &Path, create: bool) -> Result<PinnedKey, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::usage(format!("--signing-key {} {what}: {error}", path.display()))
    };
    if create && !path.exists() {
        let broken = |error| Failure::failed(format!("no key can be made: {error}"));
        let pem = PinnedKey::generate_pem().map_err(broken)?;
        let key = PinnedKey::parse(&pem).map_err(broken)?;
        write(path, &pem, key.kid()).map_err(|error| failed("cannot be written", &error))?;
    }
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => failed("is not there; --create-signing-key writes one", &error),
        _ => failed("cannot be read", &error),
    })?;
    let key = PinnedKey::parse(&text).map_err(|error| failed("cannot be used", &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = fs::metadata(path).map_err(|error| failed("cannot be read", &error))?;
        if file.permissions().mode() & 0o044 != 0 {
            tracing::warn!(file = %path.display(), "others can read the signing key: take that from them with chmod 600");
        }
    }
    Ok(key)
}

/// Writes the whole file or none. Of several writers one wins, and the file of the others is gone.
fn write(path: &Path, pem: &str, kid: &str) -> io::Result<()> {
    // No two keys have one id, so no two writers have one draft.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{kid}.new"));
    let draft = PathBuf::from(draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file
        .write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        // Unlike a renamed file, a link takes no other file's place.
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match written {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
