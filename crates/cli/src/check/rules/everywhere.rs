//! What holds for every answer of the API: envelopes, headers, errors. Each rule looks at all answers of the run.

use serde_json::Value;

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::{json, none};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, holds, not_tested};
use super::{every, only, rule};
use crate::args::CheckGroup::{Envelope, Errors, Headers, Security};
use crate::args::DialectName::{Platform, V1};
use Severity::{Must, Note, Should};

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    every(rule("envelope.1", Envelope, Must, Probe::VerifyJunk,
        ["every answer of the API is JSON, each member once", "contract: all operations",
         "answer with one JSON object, also from a proxy or a middleware that refuses"],
        |_, seen| each(seen, |answer| match json(answer) {
            Ok(Value::Object(_)) => None,
            Ok(_) => Some("the body is no object".into()),
            Err(why) => Some(why),
        }))),
    only(V1, rule("envelope.2", Envelope, Must, Probe::VerifyJunk,
        ["`ok` is true or false in every envelope", "contract: info.description", "put ok into each answer, as a boolean"],
        |_, seen| each_object(seen, |_, body| {
            let is_boolean = body.get("ok").is_some_and(Value::is_boolean);
            (!is_boolean).then(|| "`ok` is missing or no boolean".to_owned())
        }))),
    only(V1, rule("envelope.3", Envelope, Must, Probe::VerifyJunk,
        ["`ok` and the HTTP status agree", "contract: info.description",
         "send ok: true with 2xx alone, and an error with its own status"],
        |_, seen| each_object(seen, |answer, body| {
            let ok = body.get("ok")?.as_bool()?;
            (ok != answer.is_success()).then(|| format!("ok is {ok} with status {}", answer.status))
        }))),
    only(V1, rule("envelope.4", Envelope, Must, Probe::Verify,
        ["a success that has data has it in `data`", "contract: all operations but destroySession", "put the result into data"],
        |_, seen| each_object(seen, |answer, body| {
            let has_data = body.get("data").is_some_and(Value::is_object);
            let is_success = answer.is_success() && body.get("ok") == Some(&Value::Bool(true));
            let may_lack = body.get("data").is_none_or(Value::is_null) && is_destroyed(seen, answer);
            (is_success && !has_data && !may_lack).then(|| "`data` is missing or no object".to_owned())
        }))),
    rule("errors.1", Errors, Should, Probe::VerifyJunk,
        ["every refusal has a message", "contract: Error.message", "say what is wrong in one sentence, without values of the request"],
        |_, seen| each_refusal(seen, |_, error| {
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
            message.is_empty().then(|| "`message` is missing or empty".to_owned())
        })),
    rule("errors.2", Errors, Should, Probe::VerifyJunk,
        ["every refusal has a code", "contract: Error.code", "name the reason, as invalid_token: texts change, codes do not"],
        |_, seen| each_refusal(seen, |_, error| {
            let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
            let is_name = !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'.');
            (!is_name).then(|| "`code` is missing or no name".to_owned())
        })),
    only(V1, rule("errors.3", Errors, Must, Probe::VerifyJunk,
        ["the error's status is HTTP's", "contract: Error.status", "repeat the status in error.status, as a number"],
        |_, seen| each_refusal(seen, |answer, error| {
            let status = error.get("status").and_then(Value::as_u64);
            (status != Some(answer.status.into())).then(|| format!("error.status is not {}", answer.status))
        }))),
    only(Platform, rule("errors.50", Errors, Should, Probe::VerifyJunk,
        ["every refusal is a problem with HTTP's status", "RFC 9457, section 3.1; contract: Error",
         "answer with type, title and status, and with a detail for people"],
        |_, seen| each_refusal(seen, |answer, problem| {
            let text = |name: &str| problem.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            let missing = ["type", "title"].into_iter().find(|name| !text(name));
            let status = problem.get("status").and_then(Value::as_u64);
            match missing {
                Some(name) => Some(format!("`{name}` is missing or empty")),
                None => (status != Some(answer.status.into())).then(|| format!("`status` is not {}", answer.status)),
            }
        }))),
    every(rule("errors.4", Errors, Must, Probe::VerifyJunk,
        ["no refusal shows the inside of the server", "OWASP ASVS 5.0, 16.5.1",
         "log the cause, and answer with a fixed text"],
        |_, seen| each(seen, |answer| {
            const SIGNS: [&str; 6] = ["Traceback (most recent", "panicked at", "node_modules/", ".rs:", "at Object.<anonymous>", "SQLSTATE"];
            let sign = SIGNS.iter().find(|sign| answer.body.contains(**sign))?;
            Some(format!("it holds {sign:?}"))
        }))),
    every(rule("errors.5", Errors, Should, Probe::UnknownPath,
        ["an unknown path is refused with 404", "RFC 9110, section 15.5.5", "answer 404 below the API's prefix, and no page of an app"],
        |answer, _| holds(answer.status == 404, format!("the status is {}", answer.status)))),
    every(rule("headers.1", Headers, Must, Probe::VerifyJunk,
        ["no answer of the API is a redirect", "contract: info.description",
         "answer at the address that is asked: the plugin follows no redirect with a token"],
        |_, seen| each(seen, |answer| {
            (300..400).contains(&answer.status).then(|| format!("the status is {}", answer.status))
        }))),
    every(rule("headers.2", Headers, Must, Probe::VerifyJunk,
        ["answers of the API say that they are JSON", "contract: application/json", "send content-type: application/json"],
        |_, seen| each(seen, |answer| {
            let kind = answer.header("content-type").unwrap_or_default();
            let kind_is = |wanted: &str| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted));
            let is_problem = seen.dialect == Platform && !answer.is_success() && kind_is("application/problem+json");
            let is_json = is_problem || kind_is("application/json");
            (!is_json).then(|| format!("the content type is {kind:?}"))
        }))),
    rule("headers.3", Headers, Should, Probe::Verify,
        ["answers of the API set no cookie", "contract: securitySchemes", "keep the API free of cookies: each call brings its token"],
        |_, seen| each(seen, |answer| answer.header("set-cookie").map(|_| "it has set-cookie".to_owned()))),
    every(rule("headers.4", Headers, Note, Probe::Verify,
        ["answers about a person are not cached", "RFC 9111, section 3.5", "send cache-control: no-store, or private"],
        |answer, _| {
            let control = answer.header("cache-control").unwrap_or_default();
            holds(control.contains("no-store") || control.contains("private"), format!("cache-control is {control:?}"))
        })),
    every(rule("security.26", Security, Should, Probe::LoginPage,
        ["browsers are told to stay on https", "RFC 6797, section 6.1", "send strict-transport-security with a max-age of months"],
        |answer, seen| {
            if !seen.base_url.starts_with("https://") {
                return not_tested("the Cloud is asked over http");
            }
            let told = answer.header("strict-transport-security").unwrap_or_default();
            holds(told.contains("max-age=") && !told.contains("max-age=0"), format!("strict-transport-security is {told:?}"))
        })),
];

/// The answer to the end of a session may come without data.
fn is_destroyed(seen: &Seen, answer: &Answer) -> bool {
    seen.answer(Probe::Destroy)
        .is_ok_and(|ended| std::ptr::eq(ended, answer))
}

fn each(seen: &Seen, broken: impl Fn(&Answer) -> Option<String>) -> Judged {
    let is_empty = |probe: Probe| probe == Probe::Destroy && seen.dialect != V1;
    let all = seen
        .api_answers()
        .filter(|(probe, answer)| !(is_empty(*probe) && answer.is_success()));
    none(
        all.filter_map(|(probe, answer)| Some((probe, broken(answer)?)))
            .collect(),
    )
}

/// Answers that are no object are for `envelope.1` to judge.
fn each_object(seen: &Seen, broken: impl Fn(&Answer, &Value) -> Option<String>) -> Judged {
    each(seen, |answer| {
        let body = json(answer).ok().filter(Value::is_object)?;
        broken(answer, &body)
    })
}

/// The error of each refusal: the envelope's, or the whole body.
fn each_refusal(seen: &Seen, broken: impl Fn(&Answer, &Value) -> Option<String>) -> Judged {
    each_object(seen, |answer, body| {
        let is_enveloped = seen.dialect == V1;
        let is_refusal = if is_enveloped {
            body.get("ok") == Some(&Value::Bool(false))
        } else {
            !answer.is_success()
        };
        let error = if is_enveloped {
            body.get("error")?
        } else {
            body
        };
        is_refusal.then(|| broken(answer, error)).flatten()
    })
}
