//! A token that was passed as an argument: the error says where it belongs, and does not repeat it.
//!
//! Checks only what the parser refused. Other processes can read the command line, and no error message can undo that.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

const ON_STDIN: &str = "tokens come on standard input: as an argument they would stand in the process list and the shell's history\n";
const NEVER: &str = "no token is given to this command: as an argument it stands in the process list and the shell's history\n";

/// Longer than any mistyped command name.
const MAX_COMMAND_BYTES: usize = 24;

/// The error as it is, or one without the text that may be a token.
pub(crate) fn unsaid(error: Error, arguments: impl Iterator<Item = OsString>) -> Error {
    match instead(arguments) {
        Some(text) if repeats_a_value(&error) => Error::raw(error.kind(), text),
        _ => error,
    }
}

/// What to say of a command beside which a token may stand. Only flags without a value precede it.
fn instead(arguments: impl Iterator<Item = OsString>) -> Option<&'static str> {
    let command = arguments
        .skip(1)
        .find(|argument| !argument.as_encoded_bytes().starts_with(b"-"))?;
    match command.to_str()? {
        "token" => Some(ON_STDIN),
        "tokens" | "login" | "logout" | "whoami" => Some(NEVER),
        _ => None,
    }
}

/// Whether the error quotes text other than the name of a flag or a command.
fn repeats_a_value(error: &Error) -> bool {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(said)) => Some(said.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            said(ContextKind::InvalidArg).is_some_and(|said| !said.starts_with('-'))
        }
        ErrorKind::InvalidSubcommand => {
            said(ContextKind::InvalidSubcommand).is_some_and(|said| said.len() > MAX_COMMAND_BYTES)
        }
        _ => false,
    }
}
