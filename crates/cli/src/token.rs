//! `mastra-auth token`: tokens come on standard input, never on the command line, where others could read them.

pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod verify;

use std::io::Read as _;

use crate::failure::Failure;

/// More than any token that is looked at.
const MAX_BYTES: u64 = 64 * 1024;

/// The token; `None` where there is more than any token has. Nothing is cut short: its beginning is another token.
fn from_stdin() -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")))?;
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES);
    Ok(is_whole.then(|| String::from_utf8_lossy(&bytes).trim().to_owned()))
}
