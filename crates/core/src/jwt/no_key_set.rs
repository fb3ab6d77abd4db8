//! Describes a text that should be a key set and is none, by its kind.
//!
//! For people who look for a mistake. Decides nothing, and quotes nothing: the text is untrusted.

use core::fmt;

use serde::de::IgnoredAny;

use super::key_set::KeySetError;

/// Why a text is no key set, and what it is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKeySet {
    /// Why it is no key set.
    pub error: KeySetError,
    kind: Kind,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// A sign-in page, an error page or an app's page.
    Markup,
    Json,
    Other,
}

impl NoKeySet {
    /// Describes a text that was rejected with this error.
    pub fn new(error: KeySetError, text: &[u8]) -> Self {
        let inner = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let inner = inner.trim_ascii();
        let kind = match inner.first() {
            None => Kind::Nothing,
            Some(b'<') => Kind::Markup,
            Some(_) if serde_json::from_slice::<IgnoredAny>(inner).is_ok() => Kind::Json,
            Some(_) => Kind::Other,
        };
        Self {
            error,
            kind,
            bytes: text.len(),
        }
    }
}

impl fmt::Display for NoKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        if self.error != KeySetError::Malformed {
            return Ok(());
        }
        let bytes = self.bytes;
        match self.kind {
            Kind::Nothing => write!(f, " What is there is empty."),
            Kind::Markup => write!(
                f,
                " What is there is a page of HTML or XML, {bytes} bytes long: perhaps one to sign in at, or one that tells an error."
            ),
            Kind::Json => write!(f, " What is there is other JSON, {bytes} bytes long."),
            Kind::Other => write!(
                f,
                " What is there is {bytes} bytes that are neither JSON nor HTML."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> String {
        NoKeySet::new(KeySetError::Malformed, text).to_string()
    }

    #[test]
    fn what_is_there_is_told_and_not_quoted() {
        for (text, says) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("<!doctype html><h1>canary", "HTML or XML, 25 bytes"),
            ("\u{feff}\n <html>canary", "HTML or XML, 17 bytes"),
            ("{\"canary\":1}", "other JSON, 12 bytes"),
            ("[]", "other JSON, 2 bytes"),
            ("{\"keys\":[canary", "15 bytes that are neither"),
            ("canary", "6 bytes that are neither"),
        ] {
            let told = told(text.as_bytes());
            assert!(told.starts_with("The key set is not a JSON object with a list of keys. "));
            assert!(told.contains(says) && !told.contains("canary"), "{told}");
        }
        assert!(told(b"\xff\xfe").contains("neither"));
        let unusable = NoKeySet::new(KeySetError::NoUsableKey, b"{\"keys\":[]}");
        assert_eq!(unusable.to_string(), KeySetError::NoUsableKey.to_string());
    }
}
