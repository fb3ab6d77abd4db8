//! A token that was given as an argument: the answer says where it belongs, and does not repeat it.
//!
//! Looks at what the parser refused alone. What stands on the command line can be read by other processes all the same:
//! nobody can take that back.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

const ON_STDIN: &str = "tokens come on standard input: as an argument they would stand in the process list and the shell's history\n";

/// Longer than the name of any command that somebody mistyped.
const MAX_COMMAND_BYTES: usize = 24;

/// The error as it is, or one without what may be a token.
pub(crate) fn unsaid(error: Error, arguments: impl Iterator<Item = OsString>) -> Error {
    if is_of_tokens(arguments) && repeats_a_value(&error) {
        Error::raw(error.kind(), ON_STDIN)
    } else {
        error
    }
}

/// Whether the command is `token`. What stands before it are flags without a value.
fn is_of_tokens(arguments: impl Iterator<Item = OsString>) -> bool {
    let command = arguments
        .skip(1)
        .find(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    command.is_some_and(|command| command == "token")
}

/// Whether the error quotes something that is not the name of a flag or of a command.
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
