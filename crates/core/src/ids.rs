//! Ids that are not secret: of projects, users and sessions.
//!
//! A value that exists is safe in its place: a [`ProjectId`] in a header, a [`UserId`] as one segment of a path.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::malformed::Malformed;

const MAX_ID_BYTES: usize = 256;

/// The project that users sign in to; sent as `X-Project-ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectId(Box<str>);

impl ProjectId {
    /// Parses a project id: 1 to 128 characters of `A-Z a-z 0-9 - _ . : ~`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for another character or length.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::ids::ProjectId;
    ///
    /// assert_eq!(ProjectId::parse("demo").unwrap().as_str(), "demo");
    /// assert!(ProjectId::parse("two\r\nlines").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let allowed =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'~');
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new(
                "project id",
                "be 1 to 128 characters of A-Z a-z 0-9 - _ . : ~",
            ))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The Cloud's id of a person or a machine user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Box<str>);

impl UserId {
    /// Parses a user id: 1 to 256 bytes, no control characters, not only white space, and neither `.` nor `..`. No encoding
    /// could keep those inside a path segment (WHATWG URL, double-dot segments).
    ///
    /// # Errors
    ///
    /// [`Malformed`] for any other text.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::ids::UserId;
    ///
    /// assert_eq!(UserId::parse("usr_mei").unwrap().as_str(), "usr_mei");
    /// assert!(UserId::parse("..").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if is_plain(text) && text != "." && text != ".." {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new(
                "user id",
                "be 1 to 256 bytes that can be seen, without control characters, and not a dot segment",
            ))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of an organization; sent as `X-Organization-Id` and `organization_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganizationId(Box<str>);

impl OrganizationId {
    /// Parses an organization id: 1 to 256 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for any other text.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::ids::OrganizationId;
    ///
    /// assert_eq!(OrganizationId::parse("org_1").unwrap().as_str(), "org_1");
    /// assert!(OrganizationId::parse("two words").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if (1..=MAX_ID_BYTES).contains(&text.len()) && is_graphic(text) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new(
                "organization id",
                "be 1 to 256 visible ASCII characters",
            ))
        }
    }

    /// The organization of one user alone, in a dialect without organizations: `user:` and the user's id. The Cloud does not
    /// know it.
    pub fn of_user(user: &UserId) -> Self {
        Self(format!("user:{user}").into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The Cloud's own id of a session, by which it is ended and logged. Not the token, and not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// Parses a session id: 1 to 256 bytes, no control characters, not only white space.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for any other text.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::ids::SessionId;
    ///
    /// assert_eq!(SessionId::parse("ses_42").unwrap().as_str(), "ses_42");
    /// assert!(SessionId::parse("").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if is_plain(text) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed::new(
                "session id",
                "be 1 to 256 bytes that can be seen, without control characters",
            ))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && (is_graphic(text) || is_plain_unicode(text))
}

/// Most ids are visible ASCII. Without an early exit the compiler checks many bytes at once.
#[allow(clippy::needless_bitwise_bool, reason = "a branch would be one byte's")]
fn is_graphic(text: &str) -> bool {
    text.bytes().fold(true, |all, b| all & b.is_ascii_graphic())
}

fn is_plain_unicode(text: &str) -> bool {
    !text.chars().any(char::is_control) && !text.chars().all(is_unseen)
}

/// White space, invisible characters (Unicode `Default_Ignorable_Code_Point`), and the blank Braille pattern.
const fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The traits of an id: it is written as its text, and read back through `parse`.
macro_rules! id_traits {
    ($($id:ident)+) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $id {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $id {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::parse(text)
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    )+};
}

id_traits!(ProjectId UserId OrganizationId SessionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_id_is_safe_in_a_header() {
        for (text, good) in [
            ("demo", true),
            ("a:b~c.d_e-f", true),
            ("", false),
            ("a b", false),
            ("a\n", false),
            ("ä", false),
        ] {
            assert_eq!(ProjectId::parse(text).is_ok(), good, "{text:?}");
        }
        assert!(ProjectId::parse(&"p".repeat(128)).is_ok());
        assert!(ProjectId::parse(&"p".repeat(129)).is_err());
    }

    #[test]
    fn a_user_id_is_never_a_dot_segment() {
        for (text, good) in [
            ("usr_1", true),
            ("../x", true),
            ("a/b", true),
            ("...", true),
            (".", false),
            ("..", false),
            ("", false),
            ("a\0", false),
            ("a b", true),
            (" ", false),
            ("\u{3000}\u{a0}", false),
            ("\u{200b}\u{feff}", false),
            ("\u{3164}", false),
            ("\u{2800}\u{202e}\u{fe0f}", false),
            ("a\u{3164}", true),
        ] {
            assert_eq!(UserId::parse(text).is_ok(), good, "{text:?}");
        }
        assert!(UserId::parse(&"u".repeat(256)).is_ok());
        assert!(UserId::parse(&"u".repeat(257)).is_err());
    }

    #[test]
    fn an_id_is_written_as_text_and_checked_when_it_is_read() {
        let id: SessionId = "ses_1".parse().unwrap();
        assert_eq!((id.as_ref(), id.to_string().as_str()), ("ses_1", "ses_1"));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"ses_1\"");
        assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
        let escaped = serde_json::from_str::<UserId>("\"usr_\\u0031\"").unwrap();
        assert_eq!(escaped.as_str(), "usr_1");
        assert!("..".parse::<UserId>().is_err());
        for bad in ["\"\"", "\"two\\nlines\"", "1", "null"] {
            assert!(serde_json::from_str::<ProjectId>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_organization_id_is_visible_ascii() {
        let longest = "o".repeat(MAX_ID_BYTES);
        let longer = "o".repeat(MAX_ID_BYTES + 1);
        for (text, good) in [
            ("org_1", true),
            (&longest, true),
            (&longer, false),
            ("", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(OrganizationId::parse(text).is_ok(), good, "{text:?}");
        }
    }
}
