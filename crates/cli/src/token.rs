//! `mastra-auth token`: tokens come on standard input, never on the command line, which other processes could read. A new
//! token goes to standard output.

pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod new;
pub(crate) mod verify;

use std::io::{IsTerminal as _, Read as _, Write as _};

use crate::failure::Failure;

/// Longer than any token that is accepted.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the token; `None` if the input is longer than any token. Never truncates: a prefix is a different token.
///
/// Empty input is wrong usage, and so is a whole header: neither is a token to be refused.
pub(crate) fn from_stdin() -> Result<Option<String>, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        // If standard error is closed, no one is there to wait for.
        let _ = writeln!(
            std::io::stderr(),
            "Paste the token, then press Enter and Ctrl-D."
        );
    }
    let mut bytes = Vec::new();
    stdin
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_BYTES) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() {
        return Err(Failure::usage("standard input is empty: no token came"));
    }
    if let Some(before) = before_token(&text) {
        return Err(Failure::usage(format!(
            "standard input begins with {before}: leave that out, so that the token stands alone"
        )));
    }
    Ok(Some(text))
}

/// The part before the token, if a header or a header's value was given.
fn before_token(text: &str) -> Option<&'static str> {
    let first = text.split_whitespace().next()?;
    let (name, _) = first.split_once(':').unwrap_or((first, ""));
    if name.eq_ignore_ascii_case("authorization") {
        Some("\"Authorization:\" and the name of a scheme")
    } else if name.eq_ignore_ascii_case("bearer") {
        Some("the name of a scheme, \"Bearer\"")
    } else {
        None
    }
}
