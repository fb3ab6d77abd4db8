//! A revocation: what was revoked, when, and how long that must be known; and its one text form.
//!
//! Rust and Node instances write and read the same text, so one deployment may run both. It names a token by its digest
//! alone, and the deployment it belongs to: another deployment's texts on the same channel are rejected. Strict in both
//! directions: a revocation has one spelling.
//!
//! It is not signed. Write access to the channel can revoke sessions, but not create one or undo a revocation that the
//! instance made itself.

use core::fmt;

use crate::encoding::{
    Digest, base64url, base64url_decode, decode_component, encode_component, hex, sha256_parts,
};
use crate::ids::{SessionId, UserId};
use crate::malformed::Malformed;
use crate::session::Identity;
use crate::session::token_digest::{DeploymentDigest, TokenDigest};
use crate::time::Timestamp;

/// The version of the text form, and its first word.
const VERSION: &str = "1";
/// The kind of a spent callback.
const SPENT: &str = "spent";
/// Longer than any valid text: an id of 256 bytes takes three characters for each.
pub(crate) const MAX_TEXT_BYTES: usize = 1024;

/// What was revoked. Exhaustive on purpose: a reader that skipped one would leave it alive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One token.
    Token(TokenDigest),
    /// One session with all of its tokens.
    Session(SessionId),
    /// Every session of a user that began by then; one that begins later is accepted.
    User(UserId),
}

/// A token, session or user that was revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Revocation {
    /// What was revoked.
    pub subject: Subject,
    /// When it was revoked.
    pub at: Timestamp,
    /// Until when the revocation must be known: by then everything it covers has expired.
    pub until: Timestamp,
}

impl Revocation {
    pub(crate) const fn new(subject: Subject, at: Timestamp, until: Timestamp) -> Self {
        Self { subject, at, until }
    }

    /// Whether this revocation covers the identity. A session whose begin is unknown may have begun before.
    pub(crate) fn ends(&self, identity: &Identity) -> bool {
        match &self.subject {
            Subject::Token(key) => identity.key() == *key,
            Subject::Session(id) => identity.session_id() == Some(id),
            Subject::User(id) => {
                identity.user().id() == id
                    && identity.begun_at().is_none_or(|begun| begun <= self.at)
            }
        }
    }

    /// Whether knowing this one makes the other redundant.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let is_from_then = !matches!(self.subject, Subject::User(_)) || other.at <= self.at;
        self.subject == other.subject && is_from_then && other.until <= self.until
    }

    /// Whether the revocation need not be known any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }
}

/// A callback that was used on one instance, to be published to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpentCallback {
    /// The SHA-256 digest of its state.
    pub digest: Digest,
    /// When it was used.
    pub at: Timestamp,
    /// Until when it must be known: no sign-in lasts longer.
    pub until: Timestamp,
}

/// The namespace of one deployment's revocations: a digest of base URL, API prefix and project.
#[derive(Clone, PartialEq, Eq)]
pub struct Namespace(Box<str>);

impl Namespace {
    pub(crate) fn new(scope: &DeploymentDigest) -> Self {
        let digest = sha256_parts(&[b"revocations", scope.as_bytes()]);
        Self(hex(&digest).chars().take(32).collect())
    }

    /// 32 hexadecimal digits: for the name of a channel or a table.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Encodes a revocation as text: visible ASCII and single spaces, up to 1,024 bytes.
    ///
    /// `1 <namespace> <kind> <at> <until> <what>`, both times in milliseconds since the Unix epoch. The kind is `token` with the
    /// digest in base64url, or `session` or `user` with a percent-encoded id.
    pub fn encode(&self, revocation: &Revocation) -> String {
        let (kind, what) = match &revocation.subject {
            Subject::Token(key) => ("token", base64url(key.as_bytes())),
            Subject::Session(id) => ("session", encode_component(id.as_str())),
            Subject::User(id) => ("user", encode_component(id.as_str())),
        };
        let (at, until) = (revocation.at.unix_millis(), revocation.until.unix_millis());
        format!("{VERSION} {self} {kind} {at} {until} {what}")
    }

    /// Parses a revocation from its text form.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for any other text, another version, and another deployment's revocation.
    pub fn parse(&self, text: &str) -> Result<Revocation, Malformed> {
        self.read(text)
            .filter(|revocation| self.encode(revocation) == text)
            .ok_or_else(|| {
                Malformed::new(
                    "revocation",
                    "be one of this deployment, in the form of version 1",
                )
            })
    }

    /// Encodes a spent callback like a revocation: the kind is `spent`, with the digest of the state in base64url.
    pub fn encode_spent(&self, spent: &SpentCallback) -> String {
        let SpentCallback { digest, at, until } = spent;
        let (at, until) = (at.unix_millis(), until.unix_millis());
        let digest = base64url(digest);
        format!("{VERSION} {self} {SPENT} {at} {until} {digest}")
    }

    /// Parses a spent callback from its text form; none for any other text.
    pub(crate) fn parse_spent(&self, text: &str) -> Option<SpentCallback> {
        let (SPENT, at, until, what) = self.words(text)? else {
            return None;
        };
        let digest = base64url_decode(what)?.try_into().ok()?;
        Some(SpentCallback { digest, at, until }).filter(|spent| self.encode_spent(spent) == text)
    }

    fn read(&self, text: &str) -> Option<Revocation> {
        let (kind, at, until, what) = self.words(text)?;
        let subject = match kind {
            "token" => Subject::Token(TokenDigest::from_bytes(&base64url_decode(what)?)?),
            "session" => Subject::Session(SessionId::parse(&decode_component(what)?).ok()?),
            "user" => Subject::User(UserId::parse(&decode_component(what)?).ok()?),
            _ => return None,
        };
        Some(Revocation::new(subject, at, until))
    }

    /// The kind, both times and the subject of a text of this deployment and version.
    fn words<'t>(&self, text: &'t str) -> Option<(&'t str, Timestamp, Timestamp, &'t str)> {
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let mut words = text.split(' ');
        let mut word = || words.next();
        if word()? != VERSION || word()? != self.as_str() {
            return None;
        }
        let kind = word()?;
        let mut time = || Some(Timestamp::from_unix_millis(word()?.parse().ok()?));
        let (at, until) = (time()?, time()?);
        let (what, None) = (words.next()?, words.next()) else {
            return None;
        };
        Some((kind, at, until, what))
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::cookie::{CookieOptions, CookieSpec};
    use crate::ids::ProjectId;
    use crate::revocation::ChannelMessage;
    use crate::url::BaseUrl;
    use proptest::prelude::*;

    fn namespace(base: &str, project: &str) -> (Namespace, DeploymentDigest) {
        let scope = DeploymentDigest::new(&Config::new(
            BaseUrl::parse(base).unwrap(),
            ProjectId::parse(project).unwrap(),
            CookieSpec::new(CookieOptions::default()).unwrap(),
        ));
        (Namespace::new(&scope), scope)
    }

    fn demo() -> (Namespace, DeploymentDigest) {
        namespace("https://cloud.mastra.ai", "demo")
    }

    fn time(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn revocation(kind: u8, id: &str, at: i64, until: i64) -> Option<Revocation> {
        let subject = match kind {
            0 => Subject::Token(demo().1.key(id.as_bytes(), crate::secret::Form::Bearer)),
            1 => Subject::Session(SessionId::parse(id).ok()?),
            _ => Subject::User(UserId::parse(id).ok()?),
        };
        Some(Revocation::new(subject, time(at), time(until)))
    }

    #[test]
    fn the_text_is_the_documented_one() {
        let (namespace, _) = demo();
        assert_eq!(namespace.as_str(), "8e68f9aef9313a0363ccd7dd97f6297c");
        for (kind, id, expect) in [
            (
                0,
                "a.b.c",
                "1 REALM token 5 9 1EaEEGQfrNV1c4d0D0T5esg3y9ne2lMy4y9Vhb_h6I8",
            ),
            (1, "ses_1", "1 REALM session 5 9 ses_1"),
            (2, "usr 1/ü", "1 REALM user 5 9 usr%201%2F%C3%BC"),
        ] {
            let text = namespace.encode(&revocation(kind, id, 5, 9).unwrap());
            assert_eq!(text, expect.replace("REALM", namespace.as_str()));
        }
    }

    #[test]
    fn threat_078_another_deployments_revocation_is_not_read() {
        let text = demo().0.encode(&revocation(1, "ses_1", 5, 9).unwrap());
        assert!(demo().0.parse(&text).is_ok());
        for (base, project) in [
            ("https://cloud.mastra.ai", "demo2"),
            ("https://cloud2.mastra.ai", "demo"),
        ] {
            assert!(namespace(base, project).0.parse(&text).is_err());
        }
    }

    #[test]
    fn a_revocation_has_one_spelling() {
        let (namespace, _) = demo();
        let good = namespace.encode(&revocation(2, "usr 1", 5, 9).unwrap());
        assert!(namespace.parse(&good).is_ok());
        let bad = [
            String::new(),
            good.replacen('1', "2", 1),
            good.replace(" 5 ", " +5 "),
            good.replace(" 5 ", " 05 "),
            good.replace(" 5 ", "  5 "),
            good.replace(" 5 ", " 5.0 "),
            good.replace(" 5 ", " 9223372036854775808 "),
            good.replace("%20", "+"),
            good.replace("%20", "%0a"),
            good.replace("usr", "%75sr"),
            good.replace("usr%201", ".."),
            good.replace("usr%201", ""),
            good.replace(" user ", " User "),
            good.replace(" user ", " token "),
            format!("{good} "),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good} more"),
            good.replace("usr", &"u".repeat(1024)),
        ];
        for text in bad {
            let error = namespace.parse(&text).map_err(|error| error.to_string());
            assert!(error.is_err(), "{text}");
            assert!(!format!("{error:?}").contains("usr"), "{error:?}");
        }
    }

    #[test]
    fn a_spent_callback_has_one_spelling_and_is_no_revocation() {
        let (namespace, _) = demo();
        let spent = SpentCallback {
            digest: [7; 32],
            at: time(5),
            until: time(9),
        };
        let text = namespace.encode_spent(&spent);
        let expect = "1 REALM spent 5 9 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        assert_eq!(text, expect.replace("REALM", namespace.as_str()));
        assert_eq!(namespace.parse_spent(&text), Some(spent));
        assert!(!ChannelMessage::spent_callback(&namespace, &spent).is_kept());
        assert!(
            namespace.parse(&text).is_err(),
            "an older version does not take it for one"
        );
        for bad in [
            String::new(),
            text.replace(" 5 ", " 05 "),
            text.replace(" spent ", " token "),
            text.replace("Bwc", "Bw"),
            format!("{text} "),
            format!("{text}B"),
            text.replace(namespace.as_str(), &"0".repeat(32)),
        ] {
            assert_eq!(namespace.parse_spent(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            kind in 0_u8..3, id in "\\PC{1,60}", at in any::<i64>(), until in any::<i64>()
        ) {
            let Some(revocation) = revocation(kind, &id, at, until) else { return Ok(()) };
            let text = demo().0.encode(&revocation);
            prop_assert!(text.len() <= MAX_TEXT_BYTES);
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
            prop_assert_eq!(demo().0.parse(&text).unwrap(), revocation);
        }

        #[test]
        fn threat_098_any_text_is_read_or_refused(text in "\\PC{0,80}") {
            prop_assert!(demo().0.parse(&text).is_err());
        }
    }

    #[test]
    fn a_revocation_covers_another_of_its_subject_that_ends_no_later() {
        let of = |kind, at, until| revocation(kind, "id", at, until).unwrap();
        for (one, other, covers) in [
            (of(1, 5, 9), of(1, 5, 9), true),
            (of(1, 5, 9), of(1, 6, 9), true),
            (of(1, 5, 9), of(1, 5, 10), false),
            (of(1, 5, 9), of(2, 5, 9), false),
            (of(2, 5, 9), of(2, 5, 9), true),
            (of(2, 5, 9), of(2, 6, 9), false),
            (of(2, 5, 9), of(2, 4, 10), false),
        ] {
            assert_eq!(one.covers(&other), covers, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_text_is_read_up_to_its_longest() {
        let (namespace, _) = demo();
        let good = namespace.encode(&revocation(1, "ses_1", 5, 9).unwrap());
        let padded = |length: usize| good.replace("ses_1", &"s".repeat(length + 5 - good.len()));
        assert!(namespace.words(&padded(MAX_TEXT_BYTES)).is_some());
        assert!(namespace.words(&padded(MAX_TEXT_BYTES + 1)).is_none());
        assert_eq!(
            format!("{namespace:?}"),
            format!("Namespace({})", namespace.as_str())
        );
    }
}
