//! The verification of tokens.

use serde_json::Value;

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::{
    accepted, data, optional_text, other_project, refused, refused_4xx, same, status, text,
};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, failed, holds, not_tested};
use super::exchange::user;
use super::{every, only, rule};
use crate::args::CheckGroup::{Robustness, Security, Verify};
use crate::args::DialectName::{Pkce, V1};
use Severity::{Must, Note, Should};

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    every(rule("verify.1", Verify, Must, Probe::Verify,
        ["a session's token is verified", "contract: verifyToken, 200", "answer 2xx for a token of a session that is alive"],
        accepted)),
    only(V1, rule("verify.2", Verify, Must, Probe::Verify,
        ["verification returns the user", "contract: verifyToken, data.user",
         "return data.user with id, email and created_at; roles is a list of texts, or absent"],
        |answer, seen| user(&data(answer, seen)?, "/user", seen))),
    only(Pkce, rule("verify.3", Verify, Must, Probe::Verify,
        ["verification returns sub, email and role", "contract: Person", "return sub, email and role as texts; email may be null"],
        |answer, seen| {
            let data = data(answer, seen)?;
            if data.pointer("/token_type").and_then(Value::as_str) == Some("project_api_token") {
                text(&data, "/role")?;
                return holds(data.get("valid") == Some(&Value::Bool(true)), "`valid` is not true");
            }
            text(&data, "/sub")?;
            text(&data, "/role")?;
            if !matches!(data.get("email"), Some(Value::Null)) {
                text(&data, "/email")?;
            }
            optional_text(&data, "/name")?;
            optional_text(&data, "/avatar_url")
        })),
    only(V1, rule("verify.4", Verify, Must, Probe::Verify,
        ["verification and exchange name the same user", "contract: verifyToken", "return the user of the token's session"],
        |answer, seen| {
            let verified = data(answer, seen)?;
            let exchanged = data(seen.beside(Probe::Exchange)?, seen)?;
            let (Ok(one), Ok(other)) = (text(&verified, "/user/id"), text(&exchanged, "/user/id")) else {
                return not_tested("a member is missing");
            };
            same(one, other, "the users' ids")
        })),
    every(rule("verify.5", Verify, Must, Probe::VerifyAgain,
        ["a token is verified as often as it is asked", "contract: verifyToken", "let a verification change nothing"],
        accepted)),
    every(rule("verify.6", Verify, Must, Probe::VerifyJunk,
        ["a made-up token is refused with 401", "contract: verifyToken, 401 invalid_token",
         "answer 401: a 5xx is an outage to the plugin, and it would keep trying"],
        |answer, _| refused(answer, &[401]))),
    every(rule("verify.7", Verify, Must, Probe::VerifyNoToken,
        ["a verification without a token is refused", "contract: verifyToken, 400 or 401", "answer 401 missing_token"],
        |answer, _| refused(answer, &[400, 401]))),
    rule("verify.8", Verify, Must, Probe::VerifyNoProject,
        ["a verification without X-Project-ID is refused", "contract: ProjectId, 400 missing_project", "require the header on every call"],
        |answer, _| refused(answer, &[400])),
    rule("verify.9", Verify, Must, Probe::VerifyUnknownProject,
        ["a verification for an unknown project is refused", "contract: verifyToken, 403 unknown_project",
         "answer 403 unknown_project: it speaks of the project, and not of the token"],
        |answer, _| refused(answer, &[403, 404])),
    every(rule("verify.10", Verify, Note, Probe::VerifyLowerCase,
        ["the scheme may be written \"bearer\"", "RFC 9110, section 11.1", "compare the scheme's name without regard to case"],
        accepted)),
    every(rule("security.18", Security, Must, Probe::VerifyTampered,
        ["a token with another signature is refused", "RFC 8725, section 3.3", "check the signature before anything that the token says"],
        |answer, _| refused(answer, &[401]))),
    every(rule("security.19", Security, Must, Probe::VerifyUnsigned,
        ["a token with alg none is refused", "RFC 8725, section 3.1", "accept the algorithms of your own keys alone"],
        |answer, _| refused(answer, &[401]))),
    only(V1, rule("security.20", Security, Should, Probe::VerifyTwoTokens,
        ["two different tokens in one call are refused", "contract: verifyToken",
         "compare the token of the body with the header's, and answer 400 where they differ"],
        |answer, _| refused(answer, &[400, 401]))),
    rule("security.21", Security, Must, Probe::VerifyOtherProject,
        ["a token is good for its own project alone", "RFC 8725, section 3.9", "compare the token's audience with X-Project-ID"],
        |answer, seen| {
            other_project(answer, seen.beside(Probe::VerifyUnknownProject)?)?;
            refused(answer, &[401, 403])
        }),
    rule("security.22", Security, Should, Probe::VerifyInQuery,
        ["a token in the address is not accepted", "RFC 6750, section 2.3; RFC 9700, section 4.3.2",
         "read tokens from the Authorization header alone: addresses are logged"],
        |answer, _| refused(answer, &[400, 401])),
    every(rule("security.23", Security, Must, Probe::VerifyCrossOrigin,
        ["no page of another origin may call with a token", "Fetch standard, CORS protocol",
         "send no access-control-allow-origin: apps call from their servers"],
        |answer, _| {
            let allowed = answer.header("access-control-allow-origin").unwrap_or_default();
            let is_open = allowed == "*" || allowed.contains("elsewhere.invalid");
            holds(!is_open, format!("access-control-allow-origin is {allowed:?}"))
        })),
    every(rule("security.24", Security, Must, Probe::VerifyJunk,
        ["no refusal repeats the token", "contract: Error", "write messages that hold nothing of the request"],
        |_, seen| repeats_no_token(seen))),
    only(V1, rule("robustness.5", Robustness, Should, Probe::VerifyNotJson,
        ["a verification that is not JSON is refused", "contract: verifyToken, 415", "answer 415 unsupported_media_type"],
        |answer, _| refused(answer, &[415, 400]))),
    only(V1, rule("robustness.6", Robustness, Must, Probe::VerifyBroken,
        ["a verification with broken JSON is refused", "contract: verifyToken, 400 invalid_body", "answer 400: a 500 looks like an outage"],
        |answer, _| refused(answer, &[400, 422]))),
    only(V1, rule("robustness.7", Robustness, Must, Probe::VerifyHuge,
        ["a verification of 96 KiB is refused", "contract: verifyToken, 413", "limit bodies to 64 KiB, and answer 413"],
        |answer, _| refused_4xx(answer))),
    rule("robustness.8", Robustness, Should, Probe::VerifyWrongMethod,
        ["GET on the verification is refused", "RFC 9110, section 15.5.6", "answer 405 with an Allow header"],
        |answer, _| refused(answer, &[405, 404])),
];

fn repeats_no_token(seen: &Seen) -> Judged {
    let junk = "eyJhbGciOiJFZERTQSJ9";
    let holds_one = |text: &str| text.contains(junk) || seen.secrets.are_in(text);
    let told = |answer: &Answer| {
        let is_success = answer.is_success() && status(answer) == answer.status;
        let mut headers = answer.headers.iter();
        !is_success && (holds_one(&answer.body) || headers.any(|(_, value)| holds_one(value)))
    };
    let mut answers = seen.api_answers();
    match answers.find(|(_, answer)| told(answer)) {
        Some((probe, _)) => failed(format!("{probe:?}: the refusal holds the token")),
        None => Ok(()),
    }
}
