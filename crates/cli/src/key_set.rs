//! The source of a key set: a file, or an address.

use std::io::ErrorKind;
use std::path::PathBuf;

use mastra_auth_cloud_core::jwt::{KeySet, NoKeySet, Report, lint};
use mastra_auth_cloud_core::url::KeySetUrl;

use crate::failure::Failure;
use crate::fetch::{NoAnswer, fetch};
use crate::terminal::{self, LineEnds};

/// Larger files are not key sets.
const MAX_FILE_BYTES: u64 = 64 * 1024;

pub(crate) enum Source {
    File(PathBuf),
    Url(KeySetUrl),
}

/// A report on each key of a text, or the reason why the text is not a key set.
pub(crate) struct Linted {
    pub(crate) report: Report,
    pub(crate) no_key_set: Option<NoKeySet>,
}

impl Source {
    /// An address if it begins like one, else a file.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if text == "-" {
            return Err(Failure::usage(
                "a key set does not come on standard input: give a file, or an address that begins with http:// or https://",
            ));
        }
        let begins = |with: &str| {
            text.get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        if begins("http://") || begins("https://") {
            let url = KeySetUrl::parse(text).map_err(|malformed| {
                Failure::usage(format!("the key set's address: {malformed}"))
            })?;
            return Ok(Self::Url(url));
        }
        Ok(Self::File(text.into()))
    }

    /// The usable keys. The outer failure is a wrong call.
    pub(crate) async fn keys(self) -> Result<Result<KeySet, String>, Failure> {
        Ok(self.text().await?.and_then(|text| {
            KeySet::parse(&text).map_err(|error| NoKeySet::new(error, &text).to_string())
        }))
    }

    /// The report on each key.
    pub(crate) async fn linted(self) -> Result<Result<Linted, String>, Failure> {
        Ok(self.text().await?.map(|text| {
            let report = lint(&text);
            let no_key_set = report.error.map(|error| NoKeySet::new(error, &text));
            Linted { report, no_key_set }
        }))
    }

    async fn text(self) -> Result<Result<Vec<u8>, String>, Failure> {
        match self {
            Self::File(path) => read(&path).map(Ok),
            Self::Url(url) => Ok(fetch(&url).await.map_err(|error| told(&error))),
        }
    }
}

/// In one line: a system or a server may have written parts of it.
fn told(error: &NoAnswer) -> String {
    terminal::escape(&error.to_string(), LineEnds::Escape)
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; an address begins with http:// or https://",
            _ => "",
        };
        Failure::usage(format!("{} cannot be read: {error}{hint}", path.display()))
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        Ok(bytes)
    } else {
        let message = format!("{} is larger than 64 KiB", path.display());
        Err(Failure::usage(message))
    }
}
