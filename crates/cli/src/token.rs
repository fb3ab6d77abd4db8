//! `mastra-auth token`: tokens come on standard input, never on the command line, where others could read them.

pub(crate) mod inspect;
pub(crate) mod verify;

use std::io::Read as _;

use crate::failure::Failure;

/// More than any token that is looked at, so that one too long is refused as such.
const MAX_BYTES: u64 = 64 * 1024;

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}
