//! Secrets as types: they cannot be printed, compared by accident or left in memory.
//!
//! No `Display`, `Serialize`, `Deref` or `PartialEq`; `Debug` shows `[redacted]`. The bytes are wiped when the last clone is
//! dropped. Compare with [`same_as`](SessionToken::same_as), in constant time. The text is read through `expose()`, so that a
//! search for that word lists every place where a secret can leak.
//!
//! A token's type checks only that it can travel in a header and in a cookie, not that it is genuine.

use alloc::sync::Arc;

use zeroize::Zeroizing;

use crate::crypto;
use crate::malformed::Malformed;

/// Longest accepted token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Longest accepted authorization code, in bytes.
pub const MAX_CODE_BYTES: usize = 2 * 1024;

/// Shared text that is wiped with its last owner. Cloning copies a pointer, never the text.
#[derive(Clone)]
struct Text(Arc<Zeroizing<Box<str>>>);

impl Text {
    fn new(text: &str) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    fn same_as(&self, other: &Self) -> bool {
        crypto::same(self.0.as_bytes(), other.0.as_bytes())
    }
}

/// The bearer credential of one session: the value of the session cookie and of `Authorization: Bearer`.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::secret::SessionToken;
///
/// let token = SessionToken::parse("eyJhbGciOiJFZERTQSJ9.e30.c2ln").unwrap();
/// assert_eq!(format!("{token:?}"), "SessionToken([redacted])");
/// assert!(SessionToken::parse("two words").is_err());
/// ```
#[derive(Clone)]
pub struct SessionToken(Text, Form);

/// How a token travels to the Cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In the `Authorization` header.
    Bearer,
    /// In the Cloud's own cookie.
    Sealed,
}

impl SessionToken {
    /// Parses a token: 1 to [`MAX_TOKEN_BYTES`] bytes of `A-Z a-z 0-9 - . _ ~ + / =` (RFC 6750 section 2.1).
    ///
    /// # Errors
    ///
    /// [`Malformed`] for another byte or length.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if is_token(text) {
            Ok(Self(Text::new(text), Form::Bearer))
        } else {
            Err(Malformed::new(
                "session token",
                "be 1 to 8192 bytes of A-Z a-z 0-9 - . _ ~ + / =",
            ))
        }
    }

    /// Parses a sealed session, which dialect `platform` has: 1 to [`MAX_TOKEN_BYTES`] bytes of a cookie's value (RFC 6265
    /// section 4.1.1). Its content is not read.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for another byte or length.
    pub fn sealed(text: &str) -> Result<Self, Malformed> {
        if (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(is_cookie_byte) {
            Ok(Self(Text::new(text), Form::Sealed))
        } else {
            Err(Malformed::new(
                "sealed session",
                "be 1 to 8192 bytes that a cookie's value may have",
            ))
        }
    }

    pub(crate) const fn form(&self) -> Form {
        self.1
    }

    /// Whether this is a sealed session.
    pub const fn is_sealed(&self) -> bool {
        matches!(self.1, Form::Sealed)
    }

    /// The token itself, for the one header or cookie that must carry it.
    pub fn expose(&self) -> &str {
        &self.0.0
    }

    /// Whether both are the same token, in constant time for tokens of one length.
    pub fn same_as(&self, other: &Self) -> bool {
        self.1 == other.1 && self.0.same_as(&other.0)
    }

    /// Whether this is the token's text, in constant time for texts of one length.
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        crypto::same(self.expose().as_bytes(), text)
    }
}

const fn is_cookie_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Whether `text` has the form of a token; any other text is refused without a call.
pub fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && all_fit(text.as_bytes())
}

/// Without an early exit the compiler checks many bytes at once, which is ten times as fast.
#[cfg(not(target_family = "wasm"))]
fn all_fit(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |fit, b| fit & is_token_byte(*b))
}

/// Where the module is to be small, the compiler checks one byte at a time: by a table, that is five times as fast.
#[cfg(target_family = "wasm")]
fn all_fit(bytes: &[u8]) -> bool {
    const FITS: [bool; 256] = {
        let mut fits = [false; 256];
        let mut byte = 0_u8;
        while byte < 0x80 {
            fits[byte as usize] = is_token_byte(byte);
            byte += 1;
        }
        fits
    };
    let fits = |byte: &u8| FITS.get(usize::from(*byte)) == Some(&true);
    bytes.iter().all(fits)
}

#[allow(clippy::needless_bitwise_bool, reason = "a branch would be one byte's")]
const fn is_token_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // These are adjacent in ASCII: - . / 0 to 9.
    let digit_or_mark = byte.wrapping_sub(b'-') < 13;
    let other = (byte == b'_') | (byte == b'~') | (byte == b'+') | (byte == b'=');
    letter | digit_or_mark | other
}

/// An authorization code (RFC 6749 section 4.1.2). Not `Clone`: the exchange consumes it.
pub struct AuthorizationCode(Text);

impl AuthorizationCode {
    /// Parses a code: 1 to [`MAX_CODE_BYTES`] visible ASCII characters (RFC 6749 appendix A.11, without the space).
    ///
    /// # Errors
    ///
    /// [`Malformed`] for another byte or length.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if (1..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        {
            Ok(Self(Text::new(text)))
        } else {
            Err(Malformed::new(
                "authorization code",
                "be 1 to 2048 visible ASCII characters",
            ))
        }
    }

    /// The code itself, for the body of the exchange.
    pub fn expose(&self) -> &str {
        &self.0.0
    }
}

/// A PKCE code verifier (RFC 7636 section 4.1). Not `Clone`: the exchange consumes it.
pub struct Verifier(Text);

impl Verifier {
    /// Parses a verifier: 43 to 128 unreserved characters.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for another byte or length.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let unreserved =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(Text::new(text)))
        } else {
            Err(Malformed::new(
                "code verifier",
                "be 43 to 128 unreserved characters",
            ))
        }
    }

    /// The verifier itself, for the body of the exchange and the login cookie.
    pub fn expose(&self) -> &str {
        &self.0.0
    }
}

/// What refreshes a program's token, once: the platform answers with another one.
#[derive(Clone)]
pub struct RefreshToken(Text);

impl RefreshToken {
    /// Parses a refresh token: 1 to [`MAX_TOKEN_BYTES`] visible ASCII characters (RFC 6749 appendix A.17, without the space).
    ///
    /// # Errors
    ///
    /// [`Malformed`] for another byte or length.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        {
            Ok(Self(Text::new(text)))
        } else {
            Err(Malformed::new(
                "refresh token",
                "be 1 to 8192 visible ASCII characters",
            ))
        }
    }

    /// The refresh token itself, for the file that keeps it and the body of the refresh.
    pub fn expose(&self) -> &str {
        &self.0.0
    }

    /// Whether both are the same, in constant time for those of one length.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.same_as(&other.0)
    }
}

/// The secret that login values are derived from. Made once per process, or configured for several.
pub struct LoginSecret(Zeroizing<[u8; 32]>);

impl LoginSecret {
    /// Takes 32 unpredictable bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

redacted!(
    SessionToken,
    RefreshToken,
    AuthorizationCode,
    Verifier,
    LoginSecret
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_at_its_bounds() {
        for (text, good) in [
            ("a", true),
            ("A-Z.a_z~0+9/=", true),
            ("", false),
            ("a b", false),
            ("a\n", false),
            ("tök", false),
            ("a,b", false),
            ("a;b", false),
            ("\"a\"", false),
        ] {
            assert_eq!(SessionToken::parse(text).is_ok(), good, "{text:?}");
        }
        assert!(SessionToken::parse(&"a".repeat(8192)).is_ok());
        assert!(SessionToken::parse(&"a".repeat(8193)).is_err());
    }

    #[test]
    fn every_byte_is_judged_as_the_standard_says() {
        let marks = b"-._~+/=";
        for byte in 0..=u8::MAX {
            let good = byte.is_ascii_alphanumeric() || marks.contains(&byte);
            assert_eq!(is_token_byte(byte), good, "{byte}");
        }
    }

    #[test]
    fn tokens_are_compared_whole() {
        let token = |t| SessionToken::parse(t).unwrap();
        assert!(token("abc").same_as(&token("abc")));
        assert!(!token("abc").same_as(&token("abd")));
        assert!(!token("abc").same_as(&token("abcd")));
    }

    #[test]
    fn a_verifier_is_read_at_its_bounds() {
        for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(
                Verifier::parse(&"v".repeat(length)).is_ok(),
                good,
                "{length}"
            );
        }
        assert!(Verifier::parse(&"+".repeat(43)).is_err());
    }

    #[test]
    fn a_refresh_token_is_visible_ascii_and_compared_whole() {
        let parse = |text: &str| RefreshToken::parse(text);
        assert_eq!(parse("r|1").unwrap().expose(), "r|1");
        assert!(parse("r|1").unwrap().same_as(&parse("r|1").unwrap()));
        assert!(!parse("r|1").unwrap().same_as(&parse("r|2").unwrap()));
        for bad in ["", "a b", "a\n", &"a".repeat(MAX_TOKEN_BYTES + 1)] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_code_is_visible_ascii() {
        for (text, good) in [
            ("c0de", true),
            ("a/b%|", true),
            ("", false),
            ("a b", false),
            ("a\r\n", false),
        ] {
            assert_eq!(AuthorizationCode::parse(text).is_ok(), good, "{text:?}");
        }
        for (length, good) in [(2048, true), (2049, false)] {
            let code = AuthorizationCode::parse(&"a".repeat(length));
            assert_eq!(code.is_ok(), good, "{length}");
        }
    }
}
