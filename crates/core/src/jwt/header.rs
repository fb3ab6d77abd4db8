//! The header (RFC 7515 section 4): the members that are read, and those that are rejected.
//!
//! The header decides only which configured key is tried. Its algorithm must agree with the configuration and the key.

use alloc::borrow::Cow;

use super::MAX_DEPTH;
use super::algorithm::{Algorithm, Algorithms};
use super::reason::Reason;
use super::rules::TokenKind;
use crate::json::strict::{Value, read_object};

/// Members that are rejected whatever they hold. Critical extensions are not supported (RFC 7515 section 4.1.11), nor are
/// detached or compressed payloads. Keys come from the configuration, never from the token.
const REFUSED: [&str; 7] = ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"];

/// A header without rejected members.
pub(super) struct Header<'t> {
    algorithm: Cow<'t, str>,
    key_id: Option<Cow<'t, str>>,
}

impl<'t> Header<'t> {
    pub(super) fn read(text: &'t [u8], kind: TokenKind) -> Result<Self, Reason> {
        let mut refused = false;
        let (mut alg, mut kid, mut typ, mut cty) = (None, None, None, None);
        read_object(text, MAX_DEPTH, |name, value| match name {
            "alg" => alg = Some(value),
            "kid" => kid = Some(value),
            "typ" => typ = Some(value),
            "cty" => cty = Some(value),
            other => refused |= REFUSED.contains(&other),
        })
        .map_err(|_| Reason::MalformedHeader)?;
        let algorithm = optional_text(alg)?.ok_or(Reason::MalformedHeader)?;
        let key_id = optional_text(kid)?;
        let typ = optional_text(typ)?;
        let cty = optional_text(cty)?;
        if refused || cty.is_some_and(|cty| is_media_type(&cty, "JWT")) {
            return Err(Reason::RefusedHeader);
        }
        if !accepts(kind, typ.as_deref()) {
            return Err(Reason::WrongKind);
        }
        Ok(Self { algorithm, key_id })
    }

    /// The algorithm, where it is allowed.
    pub(super) fn algorithm(&self, allowed: &Algorithms) -> Result<Algorithm, Reason> {
        Algorithm::parse(&self.algorithm)
            .filter(|algorithm| allowed.contains(*algorithm))
            .ok_or(Reason::RefusedAlgorithm)
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}

fn optional_text(value: Option<Value<'_>>) -> Result<Option<Cow<'_, str>>, Reason> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::MalformedHeader),
    }
}

/// Whether a `typ` is accepted for this kind of token (RFC 8725 section 3.11).
fn accepts(kind: TokenKind, typ: Option<&str>) -> bool {
    let is = |name| typ.is_some_and(|typ| is_media_type(typ, name));
    match kind {
        TokenKind::Session => typ.is_none() || is("JWT") || is("at+jwt"),
        TokenKind::AccessToken => is("at+jwt"),
    }
}

/// Media types ignore letter case, and `application/` may be left out (RFC 7515 section 4.1.9).
fn is_media_type(text: &str, name: &str) -> bool {
    const PREFIX: &str = "application/";
    let bare = match text.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => text,
    };
    bare.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(), Reason> {
        Header::read(text.as_bytes(), TokenKind::Session).map(|_| ())
    }

    #[test]
    fn members_have_their_type() {
        assert_eq!(
            read(r#"{"alg":"ES256","kid":"k","x5t":"t","n":{}}"#),
            Ok(())
        );
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"alg":null}"#,
            r#"{"alg":7}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"ES256","kid":7}"#,
            r#"{"alg":"ES256","kid":null}"#,
            r#"{"alg":"ES256","typ":["JWT"]}"#,
            r#"{"alg":"ES256","cty":{}}"#,
            r#"{"alg":"ES256"} {}"#,
        ] {
            assert_eq!(read(bad), Err(Reason::MalformedHeader), "{bad}");
        }
    }

    #[test]
    fn threat_010_nothing_critical_is_passed_over() {
        for member in [
            r#""crit":["b64"]"#,
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""crit":null"#,
            r#""crit":"exp""#,
            r#""crit":{}"#,
            r#""b64":false"#,
            r#""b64":true"#,
            r#""zip":"DEF""#,
            r#""\u0063rit":[]"#,
        ] {
            let header = format!(r#"{{"alg":"ES256",{member}}}"#);
            assert_eq!(read(&header), Err(Reason::RefusedHeader), "{header}");
        }
        assert_eq!(
            read(r#"{"alg":"ES256","Crit":["exp"]}"#),
            Ok(()),
            "another name"
        );
    }

    #[test]
    fn threat_011_no_key_comes_with_the_token() {
        for member in [
            r#""jwk":{"kty":"oct","k":"AA"}"#,
            r#""jwk":null"#,
            r#""jku":"https://evil.example/keys""#,
            r#""x5u":"https://evil.example/cert""#,
            r#""x5c":["MIIB"]"#,
            r#""x5c":[]"#,
        ] {
            let header = format!(r#"{{"alg":"ES256",{member}}}"#);
            assert_eq!(read(&header), Err(Reason::RefusedHeader), "{header}");
        }
    }

    #[test]
    fn threat_015_a_nested_token_is_refused() {
        for cty in ["JWT", "jwt", "application/jwt"] {
            let header = format!(r#"{{"alg":"ES256","cty":"{cty}"}}"#);
            assert_eq!(read(&header), Err(Reason::RefusedHeader), "{header}");
        }
        assert_eq!(read(r#"{"alg":"ES256","cty":"json"}"#), Ok(()));
    }

    #[test]
    fn threat_009_another_kind_of_token_is_refused() {
        let kind = |kind, typ: &str| {
            let header = format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
            Header::read(header.as_bytes(), kind).map(|_| ())
        };
        for typ in ["JWT", "jwt", "application/jwt", "Application/JWT"] {
            assert_eq!(kind(TokenKind::Session, typ), Ok(()), "{typ}");
            assert_eq!(
                kind(TokenKind::AccessToken, typ),
                Err(Reason::WrongKind),
                "{typ}"
            );
        }
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            assert_eq!(kind(TokenKind::Session, typ), Ok(()), "{typ}");
            assert_eq!(kind(TokenKind::AccessToken, typ), Ok(()), "{typ}");
        }
        for typ in [
            "logout+jwt",
            "secevent+jwt",
            "dpop+jwt",
            "token-introspection+jwt",
            "kb+jwt",
            "vc+jwt",
            "oauth-authz-req+jwt",
            "JOSE",
            "JWT ",
            "",
            "xat+jwt",
            "at+jwt+x",
            "text/jwt",
            "application.JWT",
        ] {
            assert_eq!(
                kind(TokenKind::Session, typ),
                Err(Reason::WrongKind),
                "{typ}"
            );
        }
        assert_eq!(
            Header::read(br#"{"alg":"ES256"}"#, TokenKind::AccessToken).map(|_| ()),
            Err(Reason::WrongKind)
        );
    }

    #[test]
    fn threat_002_no_spelling_of_none_is_an_algorithm() {
        for name in [
            "none", "None", "NONE", "nOnE", "", " ES256", "es256", "HS256", "RS512", "PS256",
        ] {
            let text = format!(r#"{{"alg":"{name}"}}"#);
            let header = Header::read(text.as_bytes(), TokenKind::Session)
                .ok()
                .unwrap();
            assert_eq!(
                header.algorithm(&Algorithms::default()),
                Err(Reason::RefusedAlgorithm),
                "{name:?}"
            );
        }
    }
}
