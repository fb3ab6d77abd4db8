//! `mastra-auth token`: tokens come on standard input, never on the command line, where others could read them. A new one goes
//! to standard output.

pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod new;
pub(crate) mod verify;

use std::io::{IsTerminal as _, Read as _, Write as _};

use crate::failure::Failure;

/// More than any token that is looked at.
const MAX_BYTES: u64 = 64 * 1024;

/// The token; `None` where there is more than any token has. Nothing is cut short: its beginning is another token.
///
/// Nothing at all is a mistake of the call, and so is a whole header: neither is a token that somebody refuses.
fn from_stdin() -> Result<Option<String>, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        // Where nobody reads it, nobody waits for it either.
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

/// What stands before the token where a header was given, or its value.
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
