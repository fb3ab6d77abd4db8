//! Claims of an unverified token, for a few uses that cannot make an identity.
//!
//! A sign-out asks for the session id, with the same token as the bearer, so a forged one ends nothing. The expiry only
//! shortens how long an answer of the Cloud is cached. With the time of issue it also tells when to renew. The time of issue
//! counts only beside an answer of the Cloud. Nothing here is public, and nothing reads a subject, a role or an e-mail
//! address.

use core::time::Duration;

use serde_json::Value;

use crate::encoding::base64url_decode;
use crate::ids::SessionId;
use crate::json;
use crate::secret::SessionToken;
use crate::time::Timestamp;

/// A token's claims about its own session. Not verified.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unverified {
    pub(crate) session_id: Option<SessionId>,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Unverified {
    /// Reads the payload of a compact JWS; all claims are absent for any other text, such as an opaque token. A sealed session
    /// is not read, whatever it holds.
    pub(crate) fn peek(token: &SessionToken) -> Self {
        let text = Some(token.expose()).filter(|_| !token.is_sealed());
        text.and_then(Self::read).unwrap_or_default()
    }

    /// The time from issue to expiry, where the token states both.
    pub(crate) fn life(&self) -> Option<Duration> {
        Some(self.expires_at?.since(self.issued_at?))
    }

    fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        let claims = json::parse(&base64url_decode(payload)?, 16).ok()?;
        Some(Self {
            session_id: claims
                .get("sid")
                .and_then(Value::as_str)
                .and_then(|sid| SessionId::parse(sid).ok()),
            issued_at: time(&claims, "iat"),
            expires_at: time(&claims, "exp"),
        })
    }
}

fn time(claims: &Value, name: &str) -> Option<Timestamp> {
    claims
        .get(name)
        .and_then(json::whole)
        .map(Timestamp::from_unix_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;

    fn token(payload: &str) -> SessionToken {
        SessionToken::parse(&format!("e30.{}.c2ln", base64url(payload.as_bytes()))).unwrap()
    }

    #[test]
    fn only_session_and_times_are_looked_at() {
        let payload = r#"{"sid":"ses_1","iat":1769590800,"exp":1769594400,"sub":"usr_1"}"#;
        let seen = Unverified::peek(&token(payload));
        assert_eq!(seen.session_id.unwrap().as_str(), "ses_1");
        assert_eq!(
            seen.issued_at,
            Some(Timestamp::from_unix_seconds(1_769_590_800))
        );
        assert_eq!(
            seen.expires_at,
            Some(Timestamp::from_unix_seconds(1_769_594_400))
        );
        assert_eq!(
            Unverified::peek(&token(r#"{"iat":1769594400,"exp":1}"#)).issued_at,
            Some(Timestamp::from_unix_seconds(1_769_594_400))
        );
        assert_eq!(
            Unverified::peek(&token(r#"{"exp":1769594400.9}"#)).expires_at,
            Some(Timestamp::from_unix_seconds(1_769_594_400))
        );
    }

    #[test]
    fn anything_else_says_nothing() {
        for text in ["opaque", "a.b", "a.b.c.d", "a.b.c"] {
            assert_eq!(
                Unverified::peek(&SessionToken::parse(text).unwrap()),
                Unverified::default(),
                "{text}"
            );
        }
        for payload in [
            r#"{"sid":7,"exp":"soon"}"#,
            r#"{"exp":1,"exp":2}"#,
            "[]",
            "{",
        ] {
            assert_eq!(
                Unverified::peek(&token(payload)),
                Unverified::default(),
                "{payload}"
            );
        }
    }
}
