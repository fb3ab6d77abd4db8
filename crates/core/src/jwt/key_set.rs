//! Key sets (RFC 7517 section 5): which keys are used, and which one a token means.
//!
//! An unusable key is left out and never spoils the others; a set without a usable key is rejected. A token means the key
//! with its id and its algorithm, since one id may name keys of several types or uses (RFC 7517 section 4.5). The same key
//! twice counts once. Two different keys of one id and one algorithm are ambiguous, so neither is used.

use alloc::sync::Arc;
use core::{fmt, slice};

use serde_json::Value;

use super::algorithm::Algorithm;
use super::jwk::{Jwk, PublicKey};
use super::key::Key;
use super::key_remarks::{KeyRefusal, KeyWarning};
use super::known_key::KnownKey;
use super::length::Length;
use super::reason::Reason;
use super::rules::Rules;
use super::shared_secret::SharedSecret;
use crate::json;

/// Most keys that a set may have.
pub const MAX_KEYS: usize = 100;
/// Deepest nesting that is read, in containers.
const MAX_DEPTH: usize = 16;

/// Why a text is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is not a JSON object with a list in `keys`, or repeats a member.
    Malformed,
    /// It has more than [`MAX_KEYS`] keys.
    TooManyKeys,
    /// None of its keys is usable.
    NoUsableKey,
}

impl KeySetError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "key_set_malformed",
            Self::TooManyKeys => "key_set_too_large",
            Self::NoUsableKey => "key_set_unusable",
        }
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "The key set is not a JSON object with a list of keys.",
            Self::TooManyKeys => "The key set has more than 100 keys.",
            Self::NoUsableKey => "The key set has no key that can be used.",
        })
    }
}

impl core::error::Error for KeySetError {}

/// The verification keys of a deployment; at least one. `Debug` shows only their number.
pub struct KeySet {
    keys: Keys,
    odd_entries: usize,
}

enum Keys {
    Named(Box<[Arc<KnownKey>]>),
    Secret(Arc<KnownKey>),
}

impl KeySet {
    /// Parses a JSON Web Key Set (RFC 7517 section 5). Keys that cannot be used are left out. The caller limits the text's size.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] where the text is no key set, or has no usable key. [`lint`] gives the reason for each key.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::jwt::KeySet;
    ///
    /// // The key of RFC 8037, appendix A.2.
    /// let keys = KeySet::parse(
    ///     br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )
    /// .unwrap();
    /// assert!(keys.has_kid("k1"));
    /// assert_eq!(KeySet::parse(br#"{"keys":[]}"#).err().unwrap().code(), "key_set_unusable");
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        let usable = |entry: Entry| {
            let public = entry.key.ok().filter(|_| !entry.is_repeated)?;
            Some(Arc::new(KnownKey::new(entry.id, public.key)))
        };
        let entries = entries(text)?;
        let is_odd = |entry: &&Entry| entry.key.as_ref().err() == Some(&KeyRefusal::NotAnObject);
        let odd_entries = entries.iter().filter(is_odd).count();
        let keys: Box<[_]> = entries.into_iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self {
            keys: Keys::Named(keys),
            odd_entries,
        })
    }

    /// How many entries were left out because they are no JSON objects, and so no keys of any kind.
    pub const fn odd_entries(&self) -> usize {
        self.odd_entries
    }

    /// A set of the one HS256 secret. It is used whatever key id a token names.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "it ends here: wiped, and kept as a key alone"
    )]
    pub fn from_secret(secret: SharedSecret) -> Self {
        Self {
            keys: Keys::Secret(Arc::new(KnownKey::new(None, Key::secret(secret.expose())))),
            odd_entries: 0,
        }
    }

    /// The number of usable keys.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Named(keys) => keys.len(),
            Keys::Secret(_) => 1,
        }
    }

    /// Whether verifying with one of the keys takes long.
    pub(super) fn has_long(&self) -> bool {
        match &self.keys {
            Keys::Named(keys) => keys.iter().any(|known| known.length() == Length::Long),
            Keys::Secret(_) => false,
        }
    }

    /// Whether the set has a usable key with this id.
    pub fn has_kid(&self, kid: &str) -> bool {
        match &self.keys {
            Keys::Named(keys) => keys.iter().any(|key| key.id.as_deref() == Some(kid)),
            Keys::Secret(_) => false,
        }
    }

    /// The key that a token with this header means, where a token of that key had the same header.
    pub(super) fn known(&self, header: &[u8], rules: &Rules) -> Option<&Arc<KnownKey>> {
        let keys = match &self.keys {
            Keys::Named(keys) => keys,
            Keys::Secret(known) => slice::from_ref(known),
        };
        keys.iter().find(|known| known.is_known_by(header, rules))
    }

    /// The key with this id and algorithm; without an id, the only key for the algorithm.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<KnownKey>, Reason> {
        let keys = match &self.keys {
            Keys::Secret(known) if known.key.algorithm() == algorithm => return Ok(known),
            Keys::Secret(_) => return Err(Reason::KeyMismatch),
            Keys::Named(keys) => keys.iter(),
        };
        let is_meant = |known: &&Arc<KnownKey>| kid.is_none() || known.id.as_deref() == kid;
        let mut meant = keys.filter(is_meant).peekable();
        // Without an id, keys for other algorithms are not meant, so there is no mismatch.
        let none = match (kid, meant.peek()) {
            (Some(_), Some(_)) => Reason::KeyMismatch,
            _ => Reason::UnknownKey,
        };
        let mut fitting = meant.filter(|known| known.key.algorithm() == algorithm);
        let only = fitting.next().ok_or(none)?;
        // Trying them all would let a token choose its key, and cost one check for each.
        match fitting.next() {
            Some(_) => Err(Reason::AmbiguousKey),
            None => Ok(only),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}

/// A report on every key of a set, in the set's order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// One row for each key.
    pub keys: Vec<KeyReport>,
    /// Why the text is no key set.
    pub error: Option<KeySetError>,
}

/// A report on one key. The texts that it quotes from the key are untrusted, up to 256 bytes of each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// The key's id.
    pub kid: Option<Box<str>>,
    /// The key's type.
    pub kty: Option<Box<str>>,
    /// The algorithm that the key names.
    pub alg: Option<Box<str>>,
    /// The algorithm that the key is used for, or why it is not used.
    pub usable: Result<Algorithm, KeyRefusal>,
    /// Warnings about the key.
    pub warnings: Vec<KeyWarning>,
}

/// Reports for each key whether it is usable and for which algorithm, or why not.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::jwt::{KeyRefusal, lint};
///
/// let report = lint(br#"{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}"#);
/// assert_eq!(report.keys[0].usable, Err(KeyRefusal::Symmetric));
/// assert_eq!(report.error.unwrap().code(), "key_set_unusable");
/// ```
pub fn lint(text: &[u8]) -> Report {
    match entries(text) {
        Err(error) => Report {
            keys: Vec::new(),
            error: Some(error),
        },
        Ok(entries) => {
            let keys: Vec<_> = entries.into_iter().map(Entry::report).collect();
            let error = keys
                .iter()
                .all(|key| key.usable.is_err())
                .then_some(KeySetError::NoUsableKey);
            Report { keys, error }
        }
    }
}

/// One entry of a set, usable or not.
struct Entry {
    id: Option<Box<str>>,
    kty: Option<Box<str>>,
    alg: Option<Box<str>>,
    key: Result<PublicKey, KeyRefusal>,
    /// Whether the set has the same key before this entry.
    is_repeated: bool,
}

impl Entry {
    fn read(value: &Value) -> Self {
        let jwk = value.as_object().map(Jwk);
        let text = |name| {
            let text = jwk?.0.get(name).and_then(Value::as_str);
            text.filter(|text| text.len() <= 256).map(Into::into)
        };
        Self {
            id: jwk
                .and_then(|jwk| jwk.key_id().ok().flatten())
                .map(Into::into),
            kty: text("kty"),
            alg: text("alg"),
            key: jwk.ok_or(KeyRefusal::NotAnObject).and_then(Jwk::read),
            is_repeated: false,
        }
    }

    fn report(self) -> KeyReport {
        let exponent = self.key.as_ref().ok().and_then(|key| key.warning);
        let repeated = self.is_repeated.then_some(KeyWarning::Repeated);
        let is_key = self.key.as_ref().err() != Some(&KeyRefusal::NotAnObject);
        let unnamed = (self.id.is_none() && is_key).then_some(KeyWarning::NoKeyId);
        KeyReport {
            kid: self.id,
            kty: self.kty,
            alg: self.alg,
            usable: self.key.map(|public| public.key.algorithm()),
            warnings: [exponent, repeated, unnamed]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Whether a token could mean either key: both have the same id and algorithm.
    fn is_alike(&self, other: &Self) -> bool {
        match (&self.key, &other.key) {
            (Ok(one), Ok(two)) => self.id == other.id && one.key.algorithm() == two.key.algorithm(),
            _ => false,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.key, &other.key) {
            (Ok(one), Ok(two)) => self.is_alike(other) && one.key.public() == two.key.public(),
            _ => false,
        }
    }
}

fn entries(text: &[u8]) -> Result<Vec<Entry>, KeySetError> {
    // A byte order mark is not JSON, but some file servers send one.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let set = json::parse(text, MAX_DEPTH).map_err(|_| KeySetError::Malformed)?;
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or(KeySetError::Malformed)?;
    if keys.len() > MAX_KEYS {
        return Err(KeySetError::TooManyKeys);
    }
    let mut entries: Vec<_> = keys.iter().map(Entry::read).collect();
    let is_double = |entry: &Entry| {
        let mut all = entries.iter();
        entry.id.is_some() && all.any(|other| entry.is_alike(other) && !entry.is_same(other))
    };
    let is_repeated = |at: usize, entry: &Entry| {
        let mut before = entries.iter().take(at);
        before.any(|other| entry.is_same(other))
    };
    let marks: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (is_double(entry), is_repeated(at, entry)))
        .collect();
    for (entry, (is_double, is_repeated)) in entries.iter_mut().zip(marks) {
        entry.is_repeated = is_repeated;
        if is_double {
            entry.key = Err(KeyRefusal::DuplicateKeyId);
        }
    }
    Ok(entries)
}
