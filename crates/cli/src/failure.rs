//! The failure of a command: one line for a person, one exit status for a script.

use std::fmt;
use std::process::ExitCode;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The call itself is wrong: a value, a file, a port.
    Usage(String),
    /// The call is right but failed.
    Failed(String),
    /// The other end refuses.
    Refused(String),
    /// The other end did not answer.
    Unreachable(String),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
            Self::Refused(_) => ExitCode::from(3),
            Self::Unreachable(_) => ExitCode::from(4),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message)
            | Self::Failed(message)
            | Self::Refused(message)
            | Self::Unreachable(message) => f.write_str(message),
        }
    }
}
