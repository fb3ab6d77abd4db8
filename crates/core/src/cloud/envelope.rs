//! Reads a response: its data, or the error that it reports.
//!
//! Success needs an HTTP 2xx and, where responses are enveloped, `ok: true`. Everything else becomes a [`CloudApiError`].
//! Only this module decides whether that error is the Cloud's refusal or leaves the question open. A refusal is a 4xx, in
//! HTTP or in the envelope, other than 408, 425 and 429, that nothing else in the response contradicts. Some endpoints refuse with
//! fewer of them. A 5xx anywhere, or a response that breaks the contract, is never a refusal, whatever its status.
//!
//! Texts of the Cloud are cleaned before they become part of an error.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::dialect::{Refusals, Wrapping};
use crate::error::{CloudApiError, Code, Verdict};
use crate::http::{Delivery, Response, TransportError};
use crate::json::{self, BadMember, Object};

/// Deepest nesting that is read, in containers.
const MAX_DEPTH: usize = 32;
const MAX_MESSAGE_CHARS: usize = 200;
/// Longest text that is read as an error, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// Whether a response must have data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Required,
    Optional,
}

/// Opens one response.
///
/// `secrets` are the secrets of the request: no text of the response that repeats one of them gets into an error.
pub(crate) fn open(
    wrapping: Wrapping,
    refusals: Refusals<'_>,
    data: Data,
    delivery: Delivery,
    secrets: &[&str],
) -> Result<Value, CloudApiError> {
    let response = delivery.map_err(undelivered)?;
    let status = response.status();
    let malformed = || malformed(status);
    let answer = match json::parse(response.body(), MAX_DEPTH) {
        Ok(answer) => answer,
        Err(_) if wrapping == Wrapping::Problem => {
            return Err(plain_text(&response, refusals, secrets));
        }
        Err(_) => return Err(malformed()),
    };
    let object = Object::new(&answer, "answer").map_err(|_| malformed())?;
    match wrapping {
        Wrapping::Envelope => {
            let ok = object
                .any("ok")
                .and_then(Value::as_bool)
                .ok_or_else(malformed)?;
            if ok && is_success(status) {
                return match (object.any("data"), data) {
                    (Some(value), _) => Ok(value.clone()),
                    (None, Data::Optional) => Ok(Value::Null),
                    (None, Data::Required) => Err(no_data()),
                };
            }
            let said = match object.any("error") {
                None => Said::default(),
                Some(error) => said(error, secrets).map_err(|_| malformed())?,
            };
            Err(failure(status, said))
        }
        Wrapping::Bare | Wrapping::Problem if is_success(status) => Ok(answer),
        Wrapping::Problem => Err(weighed(failure(status, problem(object, secrets)), refusals)),
        Wrapping::Bare => {
            let said = said(&answer, secrets).map_err(|_| malformed())?;
            // Only the HTTP status counts where there is no envelope.
            Err(failure(
                status,
                Said {
                    status: None,
                    ..said
                },
            ))
        }
    }
}

/// Opens a response that must have data. A refusal whose body is a good answer, which `reads` says, refuses nothing: its status was
/// damaged on the way, or is another machine's.
pub(crate) fn open_unless(
    wrapping: Wrapping,
    refusals: Refusals<'_>,
    delivery: Delivery,
    secrets: &[&str],
    reads: impl FnOnce(Object<'_>) -> bool,
) -> Result<Value, CloudApiError> {
    let refusing = |it: &&Response| (400..500).contains(&it.status());
    let refusing = delivery.as_ref().ok().filter(refusing);
    let refusing = refusing.map(|it| (it.status(), Zeroizing::new(it.body().to_vec())));
    let opened = open(wrapping, refusals, Data::Required, delivery, secrets);
    match (&opened, refusing) {
        (Err(error), Some((status, body)))
            if error.is_refusal() && is_good(wrapping, &body, reads) =>
        {
            Err(malformed(status))
        }
        _ => opened,
    }
}

/// Whether a body is a good answer, whatever its status says.
fn is_good(wrapping: Wrapping, body: &[u8], reads: impl FnOnce(Object<'_>) -> bool) -> bool {
    let Ok(answer) = json::parse(body, MAX_DEPTH) else {
        return false;
    };
    let data = match wrapping {
        Wrapping::Envelope if answer.get("ok") != Some(&Value::Bool(true)) => None,
        Wrapping::Envelope => answer.get("data"),
        Wrapping::Bare | Wrapping::Problem => Some(&answer),
    };
    data.is_some_and(|data| Object::new(data, "data").is_ok_and(reads))
}

/// The error for an answer that is not JSON, where some errors are a text. A page, as a proxy sends one, is none of them, nor is
/// a part of a JSON answer. A proxy has texts of its own for what it does not pass on: where an endpoint refuses with few statuses,
/// only the text of a 401 is a refusal.
fn plain_text(response: &Response, refusals: Refusals<'_>, secrets: &[&str]) -> CloudApiError {
    let (status, body) = (response.status(), response.body());
    let text = core::str::from_utf8(body).unwrap_or("<").trim();
    let is_other = text.is_empty() || text.starts_with(['<', '{', '[', '"']);
    if is_success(status) || is_other || text.len() > MAX_TEXT_BYTES {
        return malformed(status);
    }
    let said = Said {
        message: Some(clean(text, secrets)).filter(|text| !text.is_empty()),
        ..Said::default()
    };
    let refusals = match refusals {
        Refusals::ClientErrors => Refusals::ClientErrors,
        Refusals::Only(_) => Refusals::Only(&[401]),
    };
    weighed(failure(status, said), refusals)
}

/// The error, where the endpoint refuses with its status. Else it is a proxy's, and no answer.
fn weighed(error: CloudApiError, refusals: Refusals<'_>) -> CloudApiError {
    match refusals {
        Refusals::Only(statuses) if error.is_refusal() && !statuses.contains(&error.status()) => {
            malformed(error.status())
        }
        _ => error,
    }
}

/// The members of a problem (RFC 9457 section 3.1), or of the older `{error}`. Members of another type count as absent: only
/// the HTTP status decides.
fn problem(answer: Object<'_>, secrets: &[&str]) -> Said {
    let text = |name| answer.lenient_text(name).map(|text| clean(text, secrets));
    let names = ["detail", "message", "error", "title"];
    let message = names
        .into_iter()
        .filter_map(text)
        .find(|text| !text.is_empty());
    let code = answer.lenient_text("type").filter(|code| is_code(code));
    Said {
        message,
        code: code
            .filter(|code| clean(code, secrets) == *code)
            .map(Into::into),
        status: None,
    }
}

/// The error for a member that is missing or has the wrong type. It names the member and never shows a value.
pub(crate) fn bad_member(BadMember(name): BadMember) -> CloudApiError {
    let message = format!("Invalid response: {name} is missing or has the wrong type");
    CloudApiError::answer(Code::InvalidResponse, message, 502, Verdict::Unclear)
}

/// The members of an error object.
#[derive(Default)]
struct Said {
    message: Option<String>,
    code: Option<Box<str>>,
    status: Option<u16>,
}

fn said(error: &Value, secrets: &[&str]) -> Result<Said, BadMember> {
    let error = Object::new(error, "error")?;
    let status = match error.any("status") {
        None => None,
        Some(value) => {
            let status = value.as_u64().and_then(|n| u16::try_from(n).ok());
            Some(
                status
                    .filter(|n| (100..=599).contains(n))
                    .ok_or(BadMember("status"))?,
            )
        }
    };
    Ok(Said {
        message: error
            .optional_text("message")?
            .map(|text| clean(text, secrets))
            .filter(|text| !text.is_empty()),
        code: error
            .optional_text("code")?
            .filter(|code| is_code(code) && clean(code, secrets) == *code)
            .map(Into::into),
        status,
    })
}

fn failure(http: u16, said: Said) -> CloudApiError {
    let status = said.status.unwrap_or(http);
    let message = said
        .message
        .unwrap_or_else(|| format!("Request failed: {status}"));
    let code = said.code.map_or(Code::RequestFailed, Code::Cloud);
    CloudApiError::answer(code, message, status, verdict(http, said.status))
}

/// A refusal has a refusing status and nothing that contradicts it; an outage has a status that means one.
fn verdict(http: u16, envelope: Option<u16>) -> Verdict {
    let said = || {
        let both = [Some(http), envelope].into_iter().flatten();
        both.filter(|status| !is_success(*status))
    };
    if said().any(is_failing) {
        Verdict::Outage
    } else if said().next().is_some() && said().all(is_refusing) {
        Verdict::Refused
    } else {
        Verdict::Unclear
    }
}

const fn is_refusing(status: u16) -> bool {
    matches!(status, 400..=499) && !is_failing(status)
}

const fn is_failing(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

fn undelivered(error: TransportError) -> CloudApiError {
    let code = match error {
        TransportError::Timeout | TransportError::Cancelled => Code::Timeout,
        TransportError::TooLarge => Code::ResponseTooLarge,
        TransportError::Connect
        | TransportError::Closed
        | TransportError::Stale
        | TransportError::Other => Code::NetworkError,
    };
    CloudApiError::new(code).caused_by(error)
}

/// The status stays a server error even where HTTP has a 4xx: a proxy's page must not count as a sign-out.
pub(crate) fn malformed(http: u16) -> CloudApiError {
    let status = if http >= 500 { http } else { 502 };
    CloudApiError::answer(
        Code::InvalidResponse,
        format!("HTTP {http}: invalid response"),
        status,
        if is_failing(http) {
            Verdict::Outage
        } else {
            Verdict::Unclear
        },
    )
}

fn no_data() -> CloudApiError {
    CloudApiError::answer(Code::NoData, "No data in response", 502, Verdict::Unclear)
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len())
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// The Cloud's text without control characters, e-mail addresses, long opaque words, and every word that shares twelve
/// characters with a secret of the request.
fn clean(text: &str, secrets: &[&str]) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    let cut = text
        .char_indices()
        .nth(MAX_MESSAGE_CHARS)
        .and_then(|(at, _)| text.split_at_checked(at));
    let shortened = match cut {
        // A word that was cut could no longer be recognised as a secret or an address, so drop it.
        Some((head, rest)) if !rest.starts_with(is_gap) => {
            head.rsplit_once(is_gap).map_or("", |(whole, _)| whole)
        }
        Some((head, _)) => head,
        None => text,
    };
    let words = shortened.split(is_gap).filter(|word| !word.is_empty());
    let mut cleaned = String::new();
    let mut room = MAX_MESSAGE_CHARS;
    for word in words {
        let word = if is_sayable(word, secrets) {
            word
        } else {
            "[redacted]"
        };
        // What stands for a word may be longer than the word.
        let gap = usize::from(!cleaned.is_empty());
        match room.checked_sub(word.chars().count() + gap) {
            None => break,
            Some(left) => room = left,
        }
        cleaned.push_str(if gap == 0 { "" } else { " " });
        cleaned.push_str(word);
    }
    cleaned
}

fn is_sayable(word: &str, secrets: &[&str]) -> bool {
    const SHARED: usize = 12;
    let opaque = word.len() > 40 || (word.len() > 20 && word.bytes().any(|b| b.is_ascii_digit()));
    let repeats = |secret: &&str| {
        let secret = secret.as_bytes();
        let shared = SHARED.min(secret.len());
        shared > 0
            && word
                .as_bytes()
                .windows(shared)
                .any(|part| secret.windows(shared).any(|other| part == other))
    };
    !word.contains('@') && !word.contains("%40") && !opaque && !secrets.iter().any(repeats)
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
