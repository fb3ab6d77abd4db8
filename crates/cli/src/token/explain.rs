//! `mastra-auth token explain`: reports each check of a token against keys, and its claims if all checks passed.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mastra_auth_cloud::CloudApiError;
use mastra_auth_cloud_core::jwt::{Claims, Reason, Rules, TokenCheck, verify};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::key_set::Source;
use crate::terminal::{self, LineEnds};

const REFUSED: u8 = 3;
const UNAVAILABLE: u8 = 4;

/// Claims shown as the token has them; times are shown as text.
const SHOWN: [&str; 9] = [
    "iss",
    "aud",
    "sub",
    "sid",
    "email",
    "name",
    "avatar_url",
    "role",
    "roles",
];

pub(crate) async fn run(args: ExplainArgs) -> Result<ExitCode, Failure> {
    let source = Source::parse(&args.jwks)?;
    let mut rules = Rules::new(&args.audience)
        .map_err(|malformed| Failure::usage(format!("--audience must {}", malformed.rule())))?;
    rules.issuer = args.issuer.map(Into::into);
    let text = super::from_stdin()?.unwrap_or_default();
    let (shown, code) = match source.keys().await? {
        Err(message) => (format!("unavailable: {message}\n"), UNAVAILABLE.into()),
        Ok(keys) => {
            let verdict = SessionToken::parse(&text)
                .map_err(|_| Reason::MalformedToken)
                .and_then(|token| verify(&token, &keys, &rules, now()));
            match verdict {
                Ok(verified) => (accepted(verified.as_inner(), &text), ExitCode::SUCCESS),
                Err(reason) => (refused(reason), REFUSED.into()),
            }
        }
    };
    write!(std::io::stdout(), "{shown}").map_err(|error| Failure::failed(error.to_string()))?;
    Ok(code)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// `text` is the token that was just verified, so its claims may be read from it too.
fn accepted(claims: &Claims, text: &str) -> String {
    let shown = shown(
        said(text).unwrap_or_default(),
        [
            ("iat", claims.issued_at()),
            ("nbf", claims.not_before()),
            ("exp", Some(claims.expires_at())),
        ],
    );
    let shown = serde_json::to_string_pretty(&shown).unwrap_or_default();
    let checks: String = TokenCheck::ALL
        .iter()
        .map(|step| line(*step, "passed"))
        .collect();
    format!("{checks}\n{}\n", terminal::escape(&shown, LineEnds::Keep))
}

/// The claims that the token has, and no others.
fn shown(said: Map<String, Value>, times: [(&str, Option<Timestamp>); 3]) -> Map<String, Value> {
    let texts = said
        .into_iter()
        .filter(|(name, value)| SHOWN.contains(&name.as_str()) && !value.is_null());
    let times = times
        .into_iter()
        .filter_map(|(name, time)| Some((name.to_owned(), time?.to_string().into())));
    texts.chain(times).collect()
}

fn said(token: &str) -> Option<Map<String, Value>> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

fn refused(reason: Reason) -> String {
    let failed = reason.check();
    TokenCheck::ALL
        .iter()
        .map(|step| match step.cmp(&failed) {
            std::cmp::Ordering::Less => line(*step, "passed"),
            std::cmp::Ordering::Greater => line(*step, "not looked at"),
            std::cmp::Ordering::Equal => {
                let error = CloudApiError::from(reason);
                line(*step, &format!("failed  {}: {error}", reason.code()))
            }
        })
        .collect()
}

fn line(step: TokenCheck, outcome: &str) -> String {
    format!("{:<10} {outcome}\n", step.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_token_has_is_shown_and_no_more() {
        let said =
            r#"{"iss":"i","aud":["a"],"sub":"s","role":"r","avatar_url":null,"exp":1,"nonce":"n"}"#;
        let end = Timestamp::from_unix_millis(1_000);
        let shown = shown(
            serde_json::from_str(said).unwrap(),
            [("iat", None), ("nbf", None), ("exp", Some(end))],
        );
        let expect = serde_json::json!({
            "iss": "i", "aud": ["a"], "sub": "s", "role": "r", "exp": end.to_string(),
        });
        assert_eq!(Value::Object(shown), expect);
    }
}
