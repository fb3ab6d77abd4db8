//! `mastra-auth token inspect`: shows an unverified token's header and claims. Omits the signature, so that the output is
//! not a credential and can be pasted.

use std::io::Write as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use crate::failure::Failure;
use crate::terminal::{self, LineEnds};

const WARNING: &str = "NOT VERIFIED: NEITHER THE SIGNATURE NOR ANY CLAIM BELOW HAS BEEN CHECKED.";

pub(crate) fn run() -> Result<ExitCode, Failure> {
    let token = super::from_stdin()?
        .ok_or_else(|| Failure::failed("not a token: it is longer than 64 KiB"))?;
    let shown = inspect(&token).map_err(Failure::failed)?;
    writeln!(std::io::stdout(), "{shown}").map_err(|error| Failure::failed(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn inspect(token: &str) -> Result<String, &'static str> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("not a JWT (three parts with dots): nothing to show");
    };
    let header =
        part(header).ok_or("not a JWT: the first part is not a JSON object in base64url")?;
    let claims =
        part(claims).ok_or("not a JWT: the second part is not a JSON object in base64url")?;
    let mut out = format!(
        "{WARNING}\n\nheader {}\n\nclaims {}\n",
        pretty(&header),
        pretty(&claims)
    );
    for (name, meaning) in [("iat", "issued"), ("nbf", "not before"), ("exp", "expires")] {
        let time = claims
            .get(name)
            .and_then(Value::as_i64)
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        if let Some(time) = time {
            out.push_str(&format!("\n{meaning:<10}  {time}"));
        }
    }
    Ok(out.trim_end().to_owned())
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?)
        .ok()
        .filter(Value::is_object)
}

/// JSON for a terminal, with all control characters escaped.
fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    terminal::escape(&text, LineEnds::Keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!(
            "{}.{}.c2VjcmV0LXNpZ25hdHVyZQ",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        )
    }

    #[test]
    fn shows_both_parts_and_never_the_signature() {
        let shown = inspect(&token(
            r#"{"alg":"EdDSA"}"#,
            r#"{"sub":"usr_1","exp":1769594400}"#,
        ))
        .unwrap();
        assert!(shown.starts_with(WARNING));
        assert!(shown.contains(r#""alg": "EdDSA""#) && shown.contains(r#""sub": "usr_1""#));
        assert!(
            shown.contains("expires     2026-01-28T10:00:00Z"),
            "{shown}"
        );
        assert!(!shown.contains("c2VjcmV0"));
    }

    #[test]
    fn threat_105_a_claim_cannot_steer_the_terminal() {
        let shown = inspect(&token("{}", "{\"sub\":\"\\u001b[2J\u{9b}31m\"}")).unwrap();
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{shown:?}"
        );
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        for bad in ["", "opaque", "a.b", "a.b.c", "a.b.c.d.e"] {
            assert!(inspect(bad).is_err(), "{bad}");
        }
    }
}
