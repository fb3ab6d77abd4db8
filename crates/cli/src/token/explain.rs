//! `mastra-auth token explain`: each check of a token against keys, and its claims where all of them passed.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use mastra_auth_cloud::CloudApiError;
use mastra_auth_cloud::core::jwt::{Claims, Reason, Rules, Step, verify};
use mastra_auth_cloud::core::secret::SessionToken;
use mastra_auth_cloud::core::time::Timestamp;
use serde_json::json;

use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::key_set::Source;
use crate::terminal::{self, LineEnds};

const REFUSED: u8 = 3;
const UNAVAILABLE: u8 = 4;

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
                Ok(verified) => (accepted(verified.as_inner()), ExitCode::SUCCESS),
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

fn accepted(claims: &Claims) -> String {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let shown = json!({
        "sub": claims.subject().as_str(),
        "sid": claims.session_id().map(|id| id.as_str().to_owned()),
        "email": claims.email(),
        "name": claims.name(),
        "avatar_url": claims.avatar_url(),
        "roles": claims.roles(),
        "iat": time(claims.issued_at()),
        "nbf": time(claims.not_before()),
        "exp": time(Some(claims.expires_at())),
    });
    let shown = serde_json::to_string_pretty(&shown).unwrap_or_default();
    let checks: String = Step::ALL.iter().map(|step| line(*step, "passed")).collect();
    format!("{checks}\n{}\n", terminal::escape(&shown, LineEnds::Keep))
}

fn refused(reason: Reason) -> String {
    let failed = reason.step();
    Step::ALL
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

fn line(step: Step, outcome: &str) -> String {
    format!("{:<10} {outcome}\n", step.as_str())
}
