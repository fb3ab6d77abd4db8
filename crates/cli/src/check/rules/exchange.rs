//! The exchange of a code.

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::{
    accepted, data, optional_text, other_project, reason, refused, refused_4xx, same, text, time,
};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, failed, holds, not_tested};
use super::{only, rule};
use crate::args::CheckGroup::{Exchange, Security};
use crate::args::DialectName::{Pkce, V1};
use Severity::{Must, Should};

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("exchange.1", Exchange, Must, Probe::Exchange,
        ["a fresh code is exchanged for a session", "contract: exchangeCode, 200",
         "answer 2xx; in dialect v1 in an envelope with ok: true"],
        accepted),
    only(V1, rule("exchange.2", Exchange, Must, Probe::Exchange,
        ["the exchange returns the session's token as jwt", "contract: exchangeCode, data.jwt",
         "put the session token into data.jwt"],
        |answer, seen| token(answer, seen, "/jwt"))),
    only(Pkce, rule("exchange.3", Exchange, Must, Probe::Exchange,
        ["the exchange returns access_token", "contract: exchangeCode; RFC 6749, section 5.1",
         "put the session token into access_token"],
        |answer, seen| token(answer, seen, "/access_token"))),
    only(Pkce, rule("exchange.4", Exchange, Must, Probe::Exchange,
        ["the exchange returns token_type Bearer", "contract: exchangeCode; RFC 6749, section 5.1",
         "say token_type: \"Bearer\""],
        |answer, seen| {
            let data = data(answer, seen)?;
            let kind = text(&data, "/token_type")?;
            holds(kind.eq_ignore_ascii_case("bearer"), format!("token_type is {kind:?}"))
        })),
    only(Pkce, rule("exchange.5", Exchange, Must, Probe::Exchange,
        ["the exchange returns expires_in in seconds", "contract: exchangeCode; RFC 6749, section 5.1",
         "put the seconds until the token ends into expires_in, as a number"],
        |answer, seen| {
            let data = data(answer, seen)?;
let seconds = data.pointer("/expires_in").and_then(serde_json::Value::as_f64);
            holds(seconds.is_some_and(|seconds| seconds >= 0.0), "`expires_in` is no number of seconds")
        })),
    only(V1, rule("exchange.6", Exchange, Must, Probe::Exchange,
        ["the exchange returns the user", "contract: exchangeCode, data.user", "return data.user with id, email and created_at"],
        |answer, seen| user(&data(answer, seen)?, "/user", seen))),
    only(V1, rule("exchange.7", Exchange, Must, Probe::Exchange,
        ["the exchange returns the session", "contract: exchangeCode, data.session",
         "return data.session with id, user_id, created_at and expires_at"],
        |answer, seen| session(&data(answer, seen)?, "/session", seen))),
    only(V1, rule("exchange.8", Exchange, Must, Probe::Exchange,
        ["the session belongs to the user", "contract: Session.user_id", "let data.session.user_id be data.user.id"],
        |answer, seen| {
            let data = data(answer, seen)?;
            let (Ok(owner), Ok(user)) = (text(&data, "/session/user_id"), text(&data, "/user/id")) else {
                return not_tested("a member is missing");
            };
            same(owner, user, "the user's id and the session's `user_id`")
        })),
    rule("exchange.9", Exchange, Must, Probe::ExchangeUnknownCode,
        ["an unknown code is refused", "contract: exchangeCode, 400 invalid_code", "answer 400 with the code invalid_code"],
        |answer, _| refused(answer, &[400])),
    rule("exchange.10", Exchange, Must, Probe::ExchangeNoCode,
        ["an exchange without a code is refused", "contract: exchangeCode, 400 invalid_body",
         "answer 400 where the member is missing or not text"],
        |answer, _| refused(answer, &[400, 422])),
    rule("exchange.11", Exchange, Must, Probe::ExchangeNoProject,
        ["an exchange without X-Project-ID is refused", "contract: ProjectId, 400 missing_project",
         "require the header on every call, and say missing_project"],
        |answer, seen| refused(answer, &[400]).and_then(|()| other_reason(answer, seen))),
    rule("exchange.12", Exchange, Must, Probe::ExchangeUnknownProject,
        ["an exchange for an unknown project is refused", "contract: exchangeCode, 403 unknown_project",
         "answer 403 with the code unknown_project"],
        |answer, _| refused(answer, &[403, 404])),
    rule("security.11", Security, Must, Probe::ExchangeAgain,
        ["a code is good once", "contract: exchangeCode; RFC 6749, section 4.1.2",
         "remember that a code was used, and answer 400 code_reused"],
        |answer, _| refused(answer, &[400])),
    rule("security.12", Security, Should, Probe::ExchangeAgainVerify,
        ["a code's second use ends the session of its first", "contract: exchangeCode; RFC 6749, section 4.1.2",
         "end that session: one of the two uses was a thief's"],
        |answer, seen| match seen.answer(Probe::ExchangeAgain).map(super::super::reading::status) {
            Ok(200) => not_tested("the code was good twice"),
            _ => refused(answer, &[401]),
        }),
    rule("security.13", Security, Must, Probe::ExchangeOtherProject,
        ["a code is good for its own project alone", "contract: exchangeCode; RFC 6749, section 4.1.3",
         "store the project with the code, and compare it"],
        |answer, seen| {
            other_project(answer, seen.beside(Probe::ExchangeUnknownProject)?)?;
            refused(answer, &[400, 403])
        }),
    only(Pkce, rule("security.14", Security, Must, Probe::ExchangeWrongVerifier,
        ["a code needs the verifier of its login", "contract: exchangeCode; RFC 7636, section 4.6",
         "compare the verifier's SHA-256 with the challenge of the login"],
        |answer, _| refused(answer, &[400]))),
    only(Pkce, rule("security.15", Security, Must, Probe::ExchangeNoVerifier,
        ["a code is refused without its verifier", "contract: exchangeCode; RFC 9700, section 2.1.1",
         "require code_verifier where the login had a challenge: without that check the proof is worth nothing"],
        |answer, _| refused(answer, &[400]))),
    only(Pkce, rule("security.16", Security, Must, Probe::ExchangeOtherRedirect,
        ["a code needs the redirect_uri of its login", "contract: exchangeCode; RFC 6749, section 4.1.3",
         "compare it with the login's, to the letter"],
        |answer, _| refused(answer, &[400]))),
    rule("security.17", Security, Must, Probe::Exchange,
        ["the answer with the token is not cached", "RFC 6749, section 5.1", "send cache-control: no-store"],
        |answer, seen| {
            data(answer, seen)?;
            let control = answer.header("cache-control").unwrap_or_default();
            holds(control.contains("no-store"), format!("cache-control is {control:?}"))
        }),
    rule("robustness.1", crate::args::CheckGroup::Robustness, Should, Probe::ExchangeNotJson,
        ["an exchange that is not JSON is refused", "contract: exchangeCode, 415", "answer 415 unsupported_media_type"],
        |answer, seen| refused(answer, &[415, 400]).and_then(|()| other_reason(answer, seen))),
    rule("robustness.2", crate::args::CheckGroup::Robustness, Must, Probe::ExchangeBroken,
        ["an exchange with broken JSON is refused", "contract: exchangeCode, 400 invalid_body",
         "answer 400: a 500 looks like an outage"],
        |answer, _| refused(answer, &[400, 422])),
    rule("robustness.3", crate::args::CheckGroup::Robustness, Must, Probe::ExchangeHuge,
        ["an exchange of 96 KiB is refused", "contract: exchangeCode, 413", "limit bodies to 64 KiB, and answer 413"],
        |answer, _| refused_4xx(answer)),
    rule("robustness.4", crate::args::CheckGroup::Robustness, Should, Probe::ExchangeWrongMethod,
        ["GET on the exchange is refused", "RFC 9110, section 15.5.6", "answer 405 with an Allow header"],
        |answer, _| refused(answer, &[405, 404])),
];

/// The refusal is not that of an unknown code, which would mean that the code was looked up all the same.
fn other_reason(answer: &Answer, seen: &Seen) -> Judged {
    let unknown = seen
        .answer(Probe::ExchangeUnknownCode)
        .ok()
        .and_then(reason);
    match (reason(answer), unknown) {
        (Some(told), Some(unknown)) => {
            holds(told != unknown, format!("the code was looked up: {told}"))
        }
        _ => not_tested("a refusal has no code that tells them apart"),
    }
}

fn token(answer: &Answer, seen: &Seen, pointer: &str) -> Judged {
    let data = data(answer, seen)?;
    let token = text(&data, pointer)?;
    // A masked token passes: braces stand for what was removed.
    let is_clean = token
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~+/={}".contains(&b));
    holds(
        is_clean,
        "it holds characters that no bearer token has (RFC 6750, section 2.1)",
    )
}

/// A user's members (contract: `User`).
pub(super) fn user(data: &serde_json::Value, at: &str, seen: &Seen) -> Judged {
    let member = |name: &str| format!("{at}/{name}");
    text(data, &member("id"))?;
    if !matches!(
        data.pointer(&member("email")),
        Some(serde_json::Value::Null)
    ) {
        text(data, &member("email"))?;
    }
    time(data, &member("created_at"), seen)?;
    for name in ["name", "avatar_url", "role"] {
        optional_text(data, &member(name))?;
    }
    match data.pointer(&member("roles")) {
        None | Some(serde_json::Value::Null) => Ok(()),
        Some(serde_json::Value::Array(roles)) if roles.iter().all(serde_json::Value::is_string) => {
            Ok(())
        }
        Some(_) => failed("`roles` is no list of texts"),
    }
}

/// A session's members (contract: `Session`).
pub(super) fn session(data: &serde_json::Value, at: &str, seen: &Seen) -> Judged {
    let member = |name: &str| format!("{at}/{name}");
    text(data, &member("id"))?;
    text(data, &member("user_id"))?;
    lifetime(data, &member("created_at"), &member("expires_at"), seen)
}

/// A session ends after it began, and not before this run.
pub(super) fn lifetime(data: &serde_json::Value, from: &str, to: &str, seen: &Seen) -> Judged {
    let (from, to) = (time(data, from, seen)?, time(data, to, seen)?);
    if from >= to {
        return failed("the session ends before it begins");
    }
    holds(
        to > seen.at.saturating_mul(1000),
        "the session has ended already",
    )
}
